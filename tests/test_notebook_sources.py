"""The notebooks in the repository: clean, readable, and writing what the pipeline declares."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pretty_midi
import pytest
import yaml
from conftest import ROOT, write_toy_part
from synthetic_predictions import predictions

from benchmarks.field.by_note import BY_NOTE
from benchmarks.field.summary import PAIRS
from benchmarks.field.table import FIELD, MEASURED, PAIRED, TOOLS
from companion.report.contents import read_contents
from companion.report.notebooks import run_notebook
from companion.tables.provenance import training_hash
from pianoalign_lib.common.config import CorpusPaths, corpus_paths, load_params, variant_config
from pianoalign_lib.corpora import pianos
from pianoalign_lib.corpora.recordings import INDEX, corpus_hash, load_notes, read_index
from pianoalign_lib.corpora.timing_errors import loose_notes
from pianoalign_lib.crnn.checkpoints import CheckpointInfo, save_checkpoint
from pianoalign_lib.crnn.network import Crnn
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import N_PITCHES
from pianoalign_lib.scoring.evaluation import write_metrics
from studies.by_note.scores import FILE as OF_METHODS
from studies.by_note.scores import write_by_note

# Those for whoever looks around; tests/test_explore.py runs them.
INTERACTIVE = {"00_start_here", "07_explore", "08_your_recording", "09_your_method"}
NAMES = sorted({path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} - INTERACTIVE)


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def code(name: str) -> str:
    """Return a notebook's code without IPython's own lines."""
    cells = [cell.source for cell in read(name).cells if cell.cell_type == "code"]
    lines = "\n".join(cells).splitlines()
    return "\n".join(line for line in lines if not line.startswith("%"))


def declared(name: str, corpus: str = "demo") -> set[str]:
    """Return the outputs of a notebook's stage in the pipeline of a corpus."""
    file = {"demo": "dvc.yaml", "maps": "maps/dvc.yaml"}[corpus]
    stage = yaml.safe_load((ROOT / file).read_text())["stages"][name]
    return {path.replace("${corpus}", corpus) for out in stage["outs"] for path in out}


def declared_names(name: str, corpus: str = "") -> set[str]:
    """Return the names of tables and figures; ``maps`` has all of them, if it has the notebook."""
    most = "maps" if name in read_contents(ROOT, "maps").notebooks else "demo"
    return {Path(path).stem for path in declared(name, corpus or most)} - {name, "corpus"}


def test_the_notebooks_are_those_of_the_report_in_its_order() -> None:
    assert list(read_contents(ROOT).notebooks) == NAMES
    for name in NAMES:
        number, letter = re.fullmatch(r"([0-9]{2})([a-z]?)_[a-z_]+", name).groups()
        assert read(name).cells[0].source.startswith(f"# {int(number)}{letter} · ")
    numbers = {int(name[:2]) for name in (*NAMES, *INTERACTIVE)}  # "6b" goes with 6
    assert numbers == set(range(max(numbers) + 1))


@pytest.mark.parametrize("name", [*NAMES, *sorted(INTERACTIVE)])
def test_source_is_clean(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    for number, cell in enumerate(notebook.cells, start=1):
        assert cell.id == f"cell-{number:02d}"
        assert cell.source.strip()
        assert set(cell.metadata) <= {"tags"}
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


@pytest.mark.parametrize("name", NAMES)
def test_first_cells_say_what_it_is_about_and_set_the_corpus(name: str) -> None:
    first, parameters, *others = read(name).cells
    for word in ("**Question.**", "**Shows**", "**Writes**", "Takes about"):
        assert word in first.source
    for written in declared_names(name):
        assert f"`{written}`" in first.source
    assert parameters.metadata.tags == ["parameters"]
    assert parameters.source == 'corpus = "demo"'
    assert not any("tags" in cell.metadata for cell in others)


def lines_without_imports(source: str) -> int:
    lines = [line for line in source.splitlines() if not line.startswith("%")]
    statements = ast.parse("\n".join(lines)).body
    imports = [each for each in statements if isinstance(each, ast.Import | ast.ImportFrom)]
    return len(lines) - sum(each.end_lineno - each.lineno + 1 for each in imports)


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_short_and_results_are_not_typed_in(name: str) -> None:
    for cell in read(name).cells:
        if cell.cell_type == "code":
            assert lines_without_imports(cell.source) <= 20, cell.source
        else:
            # Percentages are results: written by hand are only the interval's and definitions.
            assert set(re.findall(r"[\d.]+ ?%", cell.source)) <= {"95 %", "5 %"}, cell.source
    assert not re.search(r"ipywidgets|tqdm|plt\.show", code(name))


@pytest.mark.parametrize("name", NAMES)
def test_it_names_exactly_the_tables_and_figures_its_stage_declares(name: str) -> None:
    tree = ast.parse(code(name))
    called = {node.func.attr for node in ast.walk(tree) if _is_method_call(node)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    tables = {
        table
        for table in read_contents(ROOT).tables
        if {table, f"{table}_table", f"table_{table}"} & called
    }
    assert tables | (read_contents(ROOT).figures.keys() & texts) == declared_names(name)


def _is_method_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


# --- Executed, on a toy corpus --------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> CorpusPaths:
    """A project with toy recordings, untrained networks and made-up predictions."""
    root = tmp_path_factory.mktemp("a project")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["demo"]["pianos"] = {"train": ["timgm6mb"], "test": ["iowa"]}
    params["evaluation"]["bootstrap"]["samples"] = 50
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    paths = corpus_paths("demo", root)
    write_toy_part(paths.split("train"), [("t0", "train", ""), ("t1", "train", "")])
    held_out = [("v0", "validation", ""), ("e0", "test", "test"), ("r0", "test", "room")]
    write_toy_part(paths.split("eval"), held_out)
    soundfont = Path(pretty_midi.__file__).parent / "TimGM6mb.sf2"
    (paths.sources / "pianos").mkdir(parents=True)
    shutil.copyfile(soundfont, paths.sources / "pianos" / "timgm6mb.sf2")
    write_checkpoints(paths, params)
    write_predictions(paths, params)
    paths.results.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "results" / "demo" / "pedal.csv", paths.results / "pedal.csv")
    shutil.rmtree(paths.split("train"))  # a fresh clone has none
    return paths


def write_checkpoints(paths: CorpusPaths, params: dict) -> None:
    training = read_index(paths.split("train"))
    hashed = corpus_hash([*training, *read_index(paths.split("eval"), split="validation")])
    for name in params["variants"]:
        variant = variant_config(params, name)
        info = CheckpointInfo(vars(variant), 0.5, params["training"], "demo", hashed)
        save_checkpoint(paths.checkpoints / f"{name}.safetensors", Crnn(variant), info)
        epoch = np.arange(1, 4)
        log = pd.DataFrame({"epoch": epoch, "train_loss": 0.1 / epoch, "val_loss": 0.2 / epoch})
        log = log.assign(val_acc_10ms=0.1 * epoch, seconds=60.0, audio_s_per_s=40.0)
        log.to_csv(paths.checkpoints / f"{name}.csv", index=False)
    shutil.copyfile(paths.split("train") / INDEX, paths.checkpoints / INDEX)
    elsewhere = corpus_paths("maps", paths.root).checkpoints / "crnn.safetensors"
    elsewhere.parent.mkdir()
    shutil.copyfile(paths.checkpoints / elsewhere.name, elsewhere)


def write_predictions(paths: CorpusPaths, params: dict) -> None:
    runs = params["evaluation"]["runs"]
    parts = [
        predictions(run["methods"], run["conditions"], tuple(run["test_sets"]), 3, notes=30)
        for run in runs
    ]
    paths.predictions.mkdir()
    for method, rows in pd.concat(parts).groupby("method"):
        rows.to_parquet(paths.predictions / f"{method}.parquet")
    write_metrics(paths, params)
    write_by_note(paths, params)
    write_field(paths)
    write_robustness(paths)
    write_short_tempo(paths)
    write_instruments(paths)


def write_instruments(paths: CorpusPaths) -> None:
    """Write ``instruments.csv``: two methods on an instrument, the scores made up."""
    row = {"corpus": "strings", "condition": "note100", "n_recordings": 2, "n_notes": 40}
    row |= {f"acc_{ms}ms{end}": 0.9 for ms in (10, 25, 50) for end in ("", "_lo", "_hi")}
    row |= {"test_set": "harp", "bias_s": 0.001, "sound_median_s": 0.002, "sound_spread_s": 0.003}
    pairs = [(method, kind) for method in ("none", "localizer") for kind in (False, True)]
    rows = [row | {"method": method, "calibrated": kind} for method, kind in pairs]
    rows.append({"corpus": "strings", "method": "basic_pitch", "not_run": "not installed"})
    pd.DataFrame(rows).to_csv(paths.results / "instruments.csv", index=False)


def write_short_tempo(paths: CorpusPaths) -> None:
    """Write ``short_tempo.csv``: two lengths, whole and in halves, with made-up errors."""
    rows = [
        {
            "test_set": "test", "length_s": length_s, "tempo_percent": percent, "method": method,
            "since_s": since_s, "until_s": until_s, "n_excerpts": 4, "n_performances": 2,
            "n_notes": 40, "mean_abs_error_s": 0.05 * length_s, "mean_abs_error_se": 0.001,
            "median_abs_error_s": 0.03 * length_s, "lost_share": 0.0,
        }
        for method in ("none", "dtw", "crnn", "hybrid", "localizer")
        for length_s in (1.0, 2.0)
        for percent in (-10, 0, 10)
        for since_s, until_s in ((0.0, length_s), (0.0, length_s / 2), (length_s / 2, length_s))
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(paths.results / "short_tempo.csv", index=False)


def write_robustness(paths: CorpusPaths) -> None:
    """Write ``robustness.csv`` and ``robustness_drawn.csv``: one condition, with made-up scores."""
    shares = dict.fromkeys(
        ("acc_10ms", "acc_50ms", "far_share", "aligned_share", "silent_share", "silent_worst"), 0.9
    )
    counts = {"n_notes": 100, "n_played": 100, "n_aligned": 90, "n_silent": 1, "n_recordings": 2}
    row = {"test_set": "test", "condition": "start", **counts, **shares, "refused_share": 0.0}
    rows = pd.DataFrame([row | {"method": name} for name in ("localizer", "exact", "dtw")])
    rows.to_csv(paths.results / "robustness.csv", index=False)
    rows[:1].to_csv(paths.results / "robustness_drawn.csv", index=False)


def write_field(paths: CorpusPaths) -> None:
    """Write the files of table 7: some tools with scores of the metrics, the others not run."""
    rows = pd.read_csv(paths.results / "metrics.csv")
    rows = rows[rows["method"].isin(TOOLS) & (rows["test_set"] == "test")]
    rows = rows.assign(cpu_s_per_minute=0.5, start_cpu_s=1.0, peak_mib=200.0, failures=0)
    others = pd.DataFrame({"method": [name for name in TOOLS if name not in set(rows["method"])]})
    field = pd.concat([rows, others.assign(not_run="not installed")])
    field = field.assign(extra_flagged=np.nan, played_flagged=np.nan, versions=None)
    for name in (FIELD, MEASURED):
        field.to_csv(paths.results / name, index=False)
    pd.DataFrame(columns=PAIRS).to_csv(paths.results / PAIRED, index=False)
    pd.read_csv(paths.results / OF_METHODS).to_csv(paths.results / BY_NOTE, index=False)


def contents(paths: CorpusPaths) -> dict[str, bytes]:
    """Return every file below results and figures, but for the scores, by its path."""
    files = [file for top in (paths.results, paths.figures) for file in top.rglob("*.*")]
    return {
        file.relative_to(paths.root).as_posix(): file.read_bytes()
        for file in files
        if file.is_file() and not file.name.startswith(("metrics", "field"))
    }


def run_once(paths: CorpusPaths, name: str) -> Path:
    """Return the executed notebook; run it if no test before has."""
    executed = paths.results / "notebooks" / f"{name}.ipynb"
    return executed if executed.is_file() else run_notebook(name, "demo", root=paths.root)


def printed(executed: Path) -> str:
    notebook = nbformat.read(executed, as_version=4)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return "".join(out.text for out in outputs if out.output_type == "stream")


@pytest.mark.parametrize("name", NAMES)
def test_it_writes_what_its_stage_declares_and_shows_its_plots(
    study: CorpusPaths, name: str
) -> None:
    for out in declared(name):
        (study.root / out).unlink(missing_ok=True)
    before = contents(study)
    executed = run_notebook(name, "demo", root=study.root)
    assert set(contents(study)) - set(before) == declared(name)
    outputs = [
        kind
        for cell in nbformat.read(executed, as_version=4).cells
        for out in cell.get("outputs", [])
        for kind in out.get("data", {})
    ]
    tables = [out for out in declared_names(name, "demo") if out in read_contents(ROOT).tables]
    assert outputs.count("image/png") >= 2
    assert outputs.count("text/markdown") >= len(tables)
    assert executed.stat().st_size < 3_000_000


def test_running_again_gives_the_same_bytes(study: CorpusPaths) -> None:
    run_once(study, "04_dtw_comparison")
    first = contents(study)
    run_notebook("04_dtw_comparison", "demo", root=study.root)
    assert contents(study) == first


def test_the_corpus_card_counts_what_is_not_rendered(study: CorpusPaths) -> None:
    executed = run_once(study, "01_data_preparation")
    table = pd.read_csv(study.results / "tables" / "table1_corpus.csv", comment="#")
    assert dict(zip(table["part"], table["recordings"], strict=True)) == {
        "train": 2, "validation": 1, "test": 1, "room": 1,
    }  # fmt: skip
    assert "trained and validated on these very recordings" in printed(executed)


def cell_with(name: str, text: str) -> str:
    (source,) = [cell.source for cell in read(name).cells if text in cell.source]
    return source


def test_the_corpus_card_tells_that_checkpoints_heard_other_recordings(study, capsys) -> None:
    training = read_index(study.checkpoints, split="train")
    known = {"paths": study, "training": training, "evaluated": []}
    functions = {"corpus_hash": corpus_hash, "training_hash": training_hash}
    exec(cell_with("01_data_preparation", "heard_before ="), known | functions)
    assert f"with the hash {training_hash(study)}, these have" in capsys.readouterr().out


class LatePiano:
    """A piano whose every note is a click 3 ms after its note-on, and which knows of 2 ms."""

    def render(self, notes, duration_s):
        audio = np.zeros(round(duration_s * SAMPLE_RATE), dtype=np.float32)
        audio[np.rint((notes["onset_s"] + 0.003) * SAMPLE_RATE).astype(int)] = 0.5
        return audio

    def attack_s(self, pitch, velocity):
        return np.full(len(pitch), 0.002)


def test_attacks_are_measured_from_note_on_and_from_the_stated_onset() -> None:
    names = {name: getattr(pianos, name) for name in ("SPACING_S", "attacks_of_keys", "every_key")}
    names |= {"pd": pd, "SAMPLE_RATE": SAMPLE_RATE, "N_PITCHES": N_PITCHES, "corpus": "demo"}
    names |= {"load_piano": lambda *_: LatePiano(), "paths": corpus_paths("demo", ROOT)}
    names["params"] = {"demo": {"pianos": {"train": ["late", "again"]}}}
    exec(cell_with("01_data_preparation", "attacks = []"), names)
    attacks = pd.concat(names["attacks"])
    assert len(attacks) == 2 * 88
    np.testing.assert_allclose(attacks["before_ms"], 3.0, atol=0.07)  # one sample
    np.testing.assert_allclose(attacks["after_ms"], 1.0, atol=0.07)


def test_trainings_are_listed_with_their_weights_and_costs(study: CorpusPaths) -> None:
    executed = run_once(study, "02_training")
    variants, costs = frames(executed)
    model = Crnn(variant_config(load_params(study.root), "cnn"))
    weights = sum(parameter.numel() for parameter in model.parameters())
    shown = ["input", "recurrence", "directions"]
    assert variants.loc["CNN only", "weights"] == f"{weights:,}"
    assert variants.loc["CNN only", shown].tolist() == ["log-CQT", "none", "–"]
    assert variants.loc["CRNN, Mel", shown].tolist() == ["Mel", "LSTM", "both"]
    # Three epochs: validation accuracy 10, 20 and 30 %, each a minute long.
    shown = ["epochs", "kept epoch", "within 10 ms (%)", "last 2 epochs", "minutes"]
    assert costs.loc["CRNN", shown].tolist() == ["3", "3", "30.0", "20.0", "3.0"]
    assert "Not converged: CNN only (+20.0), CRNN (+20.0), " in printed(executed)


def test_figure_2_draws_the_very_input_of_the_evaluation(study: CorpusPaths) -> None:
    run_once(study, "04_dtw_comparison")
    drawn = pd.read_csv(study.figures / "figure2_pianorolls.csv")
    (recording,) = [item for item in read_index(study.split("eval")) if item.test_set == "test"]
    notes = load_notes(study.split("eval"), recording)
    loose = loose_notes(notes, "note100", recording.recording, load_params(study.root))
    for roll, table in (("aligned", notes), ("unaligned", loose)):
        shown = table[table["onset_s"].between(4.1, 7.8)]  # its second half, without the edges
        found = drawn[drawn["roll"] == roll]
        for note in shown.itertuples():
            same = found[found["pitch"] == note.pitch]
            assert (same["onset_s"] - note.onset_s).abs().min() <= 0.01  # a frame


def frames(executed: Path) -> list[pd.DataFrame]:
    """Return the data frames that an executed notebook shows, as text, by their first column."""
    notebook = nbformat.read(executed, as_version=4)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    shown = [out.data["text/html"] for out in outputs if "text/html" in out.get("data", {})]
    found = []
    for html in shown:
        rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in html.split("<tr")]
        (_, *columns), _, *body = [row for row in rows if row]
        found.append(pd.DataFrame({row[0]: row[1:] for row in body}, index=columns).T)
    return found
