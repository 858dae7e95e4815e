"""The DVC pipelines: what a rerun depends on, what it writes, and that it never trains.

`test_stages_depend_on_the_modules_they_use` names every module that is missing or too much in
dvc.yaml; after an edit there, `python -m tools.maps_pipeline` makes maps/dvc.yaml.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from conftest import ROOT

from companion.report.contents import read_contents
from pianoalign_lib.common.config import load_params
from tools.maps_pipeline import maps_pipeline

FILES = {"demo": "dvc.yaml", "maps": "maps/dvc.yaml"}
TRAINING = "training/dvc.yaml"
# What runs a stage, or all of a family, and what that imports without using it there. Rendering and
# predictions list modules; `common`, which has no say in them, is left out.
CODE_FOLDERS = ("pianoalign_lib", "companion", "studies", "benchmarks")
NETWORK_ONLY = ("methods/predict",), ("localizer", "methods/dtw")
CODE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dvc.yaml:fetch": (("corpora/demo/fetch",), ()),
    "dvc.yaml:render": (("corpora/demo/render",), ()),
    "maps/dvc.yaml:render": (("corpora/maps/prepare",), ()),
    "predict_none": (("methods/predict",), ("crnn", "localizer", "methods/dtw")),
    "predict_dtw": (("methods/predict",), ("crnn", "localizer")),
    "predict": NETWORK_ONLY,
    "predict_seed": NETWORK_ONLY,
    "predict_hybrid": NETWORK_ONLY,  # it reads what predict_dtw wrote
    "predict_crnn_of_maps": NETWORK_ONLY,
    "predict_crnn_of_demo": NETWORK_ONLY,
    "predict_localizer": (("methods/predict",), ("crnn", "methods/dtw")),
    "metrics": (("scoring/evaluation", "scoring/summary"), ()),
    "by_note": (("studies/by_note/scores",), ()),
    "field_scores": (
        ("benchmarks/field/summary",),
        ("corpora", "crnn", "io", "localizer", "methods"),
    ),  # it runs no tool
    "latency": (("studies/latency/measure",), ()),
    "sensitivity": (("studies/sensitivity/run",), ("localizer",)),
    "short_tempo": (("studies/short_tempo/run",), ()),
    "transcription": (("studies/transcription/score",), ()),
    "report": (("companion/report/page",), ()),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return DVC's own reading of all pipelines: stages by file and name, edges between them."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("pipeline")
    for name in (*FILES.values(), TRAINING, "params.yaml", ".dvc/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    (root / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")

    def relative(path: str) -> str:
        return Path(path).relative_to(root).as_posix()

    def address(stage) -> str:
        return f"{relative(stage.dvcfile.path)}:{stage.name}"

    with Repo(str(root)) as repo:
        stages = {
            address(stage): SimpleNamespace(
                command=stage.cmd,
                frozen=stage.frozen,
                deps=sorted({relative(dep.fs_path) for dep in stage.deps} - {"params.yaml"}),
                outs={relative(out.fs_path): out for out in stage.outs},
                params=[key for dep in stage.deps for key in getattr(dep, "params", [])],
            )
            for stage in repo.index.stages
        }
        # DVC's edges run from a stage to those it needs.
        needs = {address(stage): set() for stage in repo.index.stages}
        for stage, needed in repo.index.graph.edges:
            needs[address(stage)].add(address(needed))
    return SimpleNamespace(stages=stages, needs=needs)


@pytest.fixture(params=["demo", "maps"])
def pipeline(index: SimpleNamespace, request) -> SimpleNamespace:
    """Return a corpus's stages and edges, by name within its file."""
    prefix = f"{FILES[request.param]}:"
    stages = {
        name.removeprefix(prefix): stage
        for name, stage in index.stages.items()
        if name.startswith(prefix)
    }
    edges = {
        (needed.removeprefix(prefix), name)
        for name in stages
        for needed in index.needs[prefix + name]
    }
    return SimpleNamespace(corpus=request.param, prefix=prefix, stages=stages, edges=edges)


def test_the_pipeline_of_maps_is_made_from_that_of_demo() -> None:
    text = (ROOT / "maps" / "dvc.yaml").read_text(encoding="utf-8")
    assert text == maps_pipeline(ROOT), "run python -m tools.maps_pipeline"


def test_plain_repro_never_trains_and_needs_no_maps(index: SimpleNamespace) -> None:
    """What `dvc repro` runs: all of dvc.yaml and what it needs, through no frozen stage."""
    todo = [name for name in index.stages if name.startswith("dvc.yaml:")]
    run: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in run and not index.stages[name].frozen:
            todo += index.needs[name]
            run.add(name)
    assert {name.partition(":")[0] for name in run} == {"dvc.yaml"}
    assert all("data/maps" not in dep for name in run for dep in index.stages[name].deps)


def test_training_is_frozen_and_what_it_made_is_in_git(index: SimpleNamespace) -> None:
    """So that a fresh clone is up to date: DVC compares a frozen stage's outputs only."""
    frozen = {name: stage for name, stage in index.stages.items() if stage.frozen}
    trained = ("train@demo", "train@maps", "localizer", "localizer_1", "localizer_best")
    trained += ("localizer_ablations", "pedal", "joint", "transcription")
    assert {f"{TRAINING}:{name}" for name in trained} == {
        name for name in index.stages if name.startswith(TRAINING)
    }
    assert set(frozen) == {
        *(name for name in index.stages if name.startswith(TRAINING)),
        *(f"{file}:{name}" for file in FILES.values() for name in ("field", "robustness")),
        "dvc.yaml:instruments",
    }
    for stage in frozen.values():
        for path, out in stage.outs.items():
            assert not out.use_cache and out.persist and (ROOT / path).exists(), path


def test_predictions_come_from_the_released_checkpoints(
    pipeline: SimpleNamespace, index: SimpleNamespace
) -> None:
    for variant in load_params(ROOT, pipeline.corpus)["variants"]:
        family = "predict" if variant in load_params(ROOT)["variants"] else "predict_seed"
        name = f"{family}@{variant}"
        checkpoint = f"checkpoints/{pipeline.corpus}/{variant}.safetensors"
        assert checkpoint in pipeline.stages[name].deps
        assert f"{TRAINING}:train@{pipeline.corpus}" in index.needs[pipeline.prefix + name]


def test_every_method_of_the_evaluation_is_predicted_and_measured(
    pipeline: SimpleNamespace,
) -> None:
    runs = load_params(ROOT, pipeline.corpus)["evaluation"]["runs"]
    methods = {method for run in runs for method in run["methods"]}
    folder = f"data/{pipeline.corpus}/predictions"
    makers = {
        out: name
        for name, stage in pipeline.stages.items()
        for out in stage.outs
        if out.startswith(folder)
    }
    assert set(makers) == {f"{folder}/{method}.parquet" for method in methods}
    assert {(name, "metrics") for name in makers.values()} < pipeline.edges


def test_dependencies_exist_or_are_made_by_a_stage(index: SimpleNamespace) -> None:
    parameters = yaml.safe_load((ROOT / "params.yaml").read_text())
    made = {out for stage in index.stages.values() for out in stage.outs}
    for name, stage in index.stages.items():
        for dep in stage.deps:
            inside = any(dep.startswith(f"{out}/") or out.startswith(f"{dep}/") for out in made)
            sources = dep.startswith("data/") and dep.endswith("/sources")
            known = dep in made or inside or sources or (ROOT / dep).exists()
            assert known, f"{name} depends on {dep}"
        for key in stage.params:
            value = parameters
            for part in key.split("."):
                assert part in value, f"{name} depends on the parameter {key}"
                value = value[part]


def test_small_results_are_in_git_and_large_data_in_the_cache(pipeline: SimpleNamespace) -> None:
    for stage in pipeline.stages.values():
        for path, out in stage.outs.items():
            assert out.use_cache == path.startswith("data/"), path
            assert path.split("/")[0] in ("data", "results", "figures")


def test_stages_depend_on_the_modules_they_use(pipeline: SimpleNamespace) -> None:
    wrong = []
    for name, stage in pipeline.stages.items():
        if stage.frozen:
            continue
        used, common = modules_of(pipeline.prefix, name)
        deps = [dep for dep in stage.deps if dep.split("/")[0] in CODE_FOLDERS]
        code = [dep for dep in deps if dep.endswith(".py") or (ROOT / dep).is_dir()]
        for path in used:
            if not any(path == dep or path.startswith(f"{dep}/") for dep in code):
                wrong.append(f"{name} lacks {path}")
        for dep in code:
            if not any(path == dep or path.startswith(f"{dep}/") for path in used | common):
                wrong.append(f"{name} does not use {dep}")
    assert not wrong, "\n".join(sorted(wrong))


def modules_of(prefix: str, name: str) -> tuple[set[str], set[str]]:
    """Return the files of the modules that can change a stage's output, and those of `common`."""
    library = ROOT / "pianoalign_lib"
    if name in read_contents(ROOT).notebooks:
        files = [
            *imports(notebook_source(name), ROOT / "a"),
            ROOT / "companion" / "report" / "notebooks.py",
        ]
        unused: tuple[str, ...] = ()
    else:
        family = name.partition("@")[0]
        entries, unused = CODE.get(prefix + family) or CODE[family]
        beside = ("companion/", "studies/", "benchmarks/")
        places = [ROOT if each.startswith(beside) else library for each in entries]
        files = [place / f"{each}.py" for place, each in zip(places, entries, strict=True)]
    left_out = tuple(f"{library}/{each}" for each in unused)
    found = {path.relative_to(ROOT).as_posix() for path in imported(files, left_out)}
    common = {path for path in found if path.startswith("pianoalign_lib/common/")}
    return found - common, common


def notebook_source(name: str) -> str:
    """Return the code of a notebook, without magics."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return re.sub(r"^\s*[%!].*$", "", "\n".join(cells), flags=re.MULTILINE)


def imported(files: Iterable[Path], beside: tuple[str, ...]) -> set[Path]:
    """Return modules with those they import in the end, but for what begins with `beside`."""
    seen: set[Path] = set()
    todo = list(files)
    while todo:
        path = todo.pop()
        if path not in seen and not str(path).startswith(beside):
            seen.add(path)
            todo += imports_of(path)
    return seen


@cache
def imports_of(path: Path) -> list[Path]:
    return imports(path.read_text(encoding="utf-8"), path)


def imports(source: str, path: Path) -> list[Path]:
    """Return the project's modules that a module at `path` imports."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            folder = path.parents[node.level - 1] if node.level else ROOT
            base = folder.joinpath(*(node.module or "").split("."))
            found += [base, *(base / alias.name for alias in node.names)]
    files = [each.with_suffix(".py") for each in found if each.name]
    return [each for each in files if each.is_file() and each.parent != ROOT]


def test_the_stages_write_what_the_report_shows(pipeline: SimpleNamespace) -> None:
    """And nothing else: each table and figure of results.yaml, in every form, by its notebook."""
    corpus, contents = pipeline.corpus, read_contents(ROOT, pipeline.corpus)
    results = f"results/{corpus}"
    expected = {name: {f"{results}/notebooks/{name}.ipynb"} for name in contents.notebooks}
    for name, table in contents.tables.items():
        files = (f"{results}/tables/{name}.{suffix}" for suffix in ("csv", "md", "tex", "json"))
        expected[table.notebook].update(files)
    for name, figure in contents.figures.items():
        files = (f"figures/{corpus}/{name}.{suffix}" for suffix in ("svg", "pdf", "png", "csv"))
        expected[figure.notebook].update(files)
    for name, files in expected.items():
        stage = pipeline.stages[name]
        assert set(stage.outs) - {f"{results}/corpus.csv"} == files
        assert f"notebooks/{name}.ipynb" in stage.deps
        assert stage.command == f"python -m companion notebook --corpus {corpus} {name}"
        assert (name, "report") in pipeline.edges
    assert f"{results}/report.html" in pipeline.stages["report"].outs


def test_make_retrain_runs_the_commands_of_the_frozen_stage(pipeline: SimpleNamespace, index):
    (recipe,) = re.findall(r"^retrain:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    commands = recipe.replace("$(CORPUS)", pipeline.corpus).replace("\t", "").splitlines()
    trains = [line for line in commands if line.startswith("pianoalign ")]
    assert trains == index.stages[f"{TRAINING}:train@{pipeline.corpus}"].command


def test_readme_draws_the_pipeline_as_it_is(index: SimpleNamespace) -> None:
    """That of demo; that of maps is made from it. Arrows with dots come from frozen stages."""

    def family(address: str) -> str:
        file, name = address.split(":")
        return re.split(r"@|(?<=predict)_", name)[0] if file == "dvc.yaml" else "checkpoints"

    (drawing,) = re.findall(r"```mermaid\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    drawn = set(re.findall(r"^ *(\w+) -(?:->|\.->) (\w+)$", drawing, re.MULTILINE))
    edges = {
        (family(needed), family(name))
        for name in index.stages
        if name.startswith("dvc.yaml:")
        for needed in index.needs[name]
    }
    assert drawn == edges - {("predict", "predict")}  # within the family: the hybrid after DTW
