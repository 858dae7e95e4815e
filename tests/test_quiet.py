"""Quiet playing for the training: what a touch does to levels and pedals, and that starts hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pretty_midi
import pytest

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.common.errors import CheckpointError, CorpusError
from pianoalign_lib.corpora.asap.pianos import CalibratedPiano
from pianoalign_lib.corpora.pianos import SoundFontPiano, measure_attack_s
from pianoalign_lib.corpora.recordings import load_recording, read_index
from pianoalign_lib.corpora.sources import git_blob_id
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import note_table, write_midi
from training.quiet import performances
from training.quiet.render import render_quiet
from training.quiet.studies import make_study
from training.quiet.touch import LOUDEST, MIDDLE, SOFTEST, TouchedPiano, quieten

TIMGM6MB = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")


def level_db(piano, velocity: int) -> float:
    """Return the level of a middle C."""
    audio = piano.render(note_table([60], [velocity], [0.1], [0.9]), 1.5)
    return float(20 * np.log10(np.sqrt(np.mean(audio**2))))


@pytest.mark.parametrize("steepness", [1.0, 1.7, 2.2])
def test_a_steeper_touch_widens_the_dynamics_in_proportion(steepness: float) -> None:
    """Velocity 30 to 90 is a factor of three, whose decibels the exponent multiplies."""
    piano = TouchedPiano(SoundFontPiano(TIMGM6MB), steepness)
    rise_db = level_db(piano, 90) - level_db(piano, 30)
    assert rise_db == pytest.approx(steepness * 20 * np.log10(3), abs=1.5)


def test_the_stated_onset_is_where_the_touched_piano_sounds(tmp_path: Path) -> None:
    piano = TouchedPiano(CalibratedPiano(TIMGM6MB, tmp_path / "attacks.npy"), 1.8)
    notes = note_table([30, 50, 66, 95], [15, 30, 60, 100], [0.5, 2.0, 3.5, 5.0], [1, 2.5, 4, 5.5])
    audio = piano.render(notes, 6.5)
    onset_s = notes["onset_s"] + piano.attack_s(notes["pitch"], notes["velocity"])
    for struck_s, stated_s in zip(notes["onset_s"], onset_s, strict=True):
        start = round(struck_s * SAMPLE_RATE) - 80
        heard_s = start / SAMPLE_RATE + measure_attack_s(audio[start : start + 8000], SAMPLE_RATE)
        assert heard_s == pytest.approx(stated_s, abs=1.5e-3)


@pytest.fixture
def played() -> pd.DataFrame:
    """Return half a minute of single notes and repeated ones, between piano and forte."""
    rng = np.random.default_rng(4)
    onset_s = np.arange(0.0, 30.0, 0.15)
    pitch = rng.integers(40, 80, len(onset_s)).repeat(2)[: len(onset_s)]
    return note_table(pitch, rng.integers(45, 105, len(pitch)), onset_s, onset_s + 0.14)


def test_quiet_performances_are_quiet_and_keep_their_onsets(played: pd.DataFrame) -> None:
    medians, longer = [], []
    for seed in range(60):
        quiet = quieten(played, np.random.default_rng(seed))
        pd.testing.assert_frame_equal(quiet[["onset_s", "pitch"]], played[["onset_s", "pitch"]])
        assert quiet["velocity"].between(SOFTEST, LOUDEST).all()
        # The order of loudness is the pianist's.
        loudness = quiet["velocity"].to_numpy()[np.argsort(played["velocity"], kind="stable")]
        assert (np.diff(loudness) >= 0).all()
        next_s = quiet.groupby("pitch")["onset_s"].shift(-1).fillna(np.inf)
        assert (quiet["offset_s"] <= next_s + 1e-9).all()
        assert (quiet["offset_s"] >= played["offset_s"] - 1e-9).all()
        medians.append(quiet["velocity"].median())
        longer.append((quiet["offset_s"] - played["offset_s"]).quantile(0.7))
    soft = np.array(medians) <= MIDDLE[1]
    assert 0.6 < soft.mean() < 0.95  # some are left as they were played
    assert 0.3 < (np.array(longer) > 0.5).mean() < 0.7  # about half under a long pedal


def test_studies_repeat_keys_fast_and_never_before_a_key_is_up() -> None:
    studies = [make_study(60.0, np.random.default_rng(seed)) for seed in range(6)]
    for notes in studies:
        assert 50.0 < notes["onset_s"].max() < 75.0 and notes["onset_s"].min() >= 0.0
        assert notes["pitch"].between(21, 108).all() and notes["velocity"].between(1, 127).all()
        next_s = notes.groupby("pitch")["onset_s"].shift(-1)
        assert not (notes["offset_s"] > next_s).any()
        assert (notes["offset_s"] > notes["onset_s"]).all()
    gap_s = pd.concat([notes.groupby("pitch")["onset_s"].diff() for notes in studies])
    assert (gap_s < 0.25).mean() > 0.4 and gap_s.min() >= 0.04
    again = make_study(60.0, np.random.default_rng(0))
    pd.testing.assert_frame_equal(again, studies[0])


def test_the_list_keeps_validation_and_training_apart() -> None:
    table = performances.listed()
    assert len(table) == 47 and table["blob"].is_unique
    counts = table["split"].value_counts()
    assert counts["train"] > 30 and counts["validation"] >= 6
    assert ((table["split"] == "") == (table["excluded"] != "")).all()


def test_a_missing_performance_is_named_with_the_remedy(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv(performances.VARIABLE, str(tmp_path))
    with pytest.raises(CorpusError, match=r"lacks \d+ of the listed files of the Saarland.*fetch"):
        performances.find_smd(tmp_path / "none", "train")
    monkeypatch.setenv(performances.VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(CorpusError, match=r"absent: no such folder.*PIANOALIGN_SMD"):
        performances.find_smd(tmp_path / "none", "train")


def test_the_validation_part_is_rendered_once_with_its_true_notes(
    tmp_path: Path, monkeypatch
) -> None:
    paths = corpus_paths("quiet", tmp_path)
    place = paths.sources / "smd"
    rng = np.random.default_rng(1)
    onset_s = np.arange(0.0, 25.0, 0.25)
    notes = note_table(rng.integers(40, 80, 100), rng.integers(50, 99, 100), onset_s, onset_s + 0.2)
    write_midi(notes, place / "one.mid")
    blob = git_blob_id(place / "one.mid")
    table = pd.DataFrame({"path": ["data/one.mid"], "blob": [blob], "split": ["validation"]})
    monkeypatch.setattr(performances, "listed", lambda: table)
    monkeypatch.delenv(performances.VARIABLE, raising=False)
    (paths.sources / "pianos").mkdir()
    shutil.copyfile(TIMGM6MB, paths.sources / "pianos" / "merlin.sf2")
    settings = {"seed": 1, "excerpt_s": 10, "excerpts": {"smd": 2}, "studies": {"validation": 1}}
    made = []
    for _ in range(2):
        render_quiet(paths, {"quiet": settings}, "eval", jobs=1)
        files = paths.split("eval").glob("audio/*")
        made.append({path: path.stat().st_mtime_ns for path in files})
    recordings = read_index(paths.split("eval"), split="validation")
    assert made[0] == made[1] and len(made[0]) == len(recordings) == 3
    assert {item.performance for item in recordings} == {
        "one-0000", "one-0015", "study_validation_00",
    }  # fmt: skip
    for item in recordings:
        assert item.piano.startswith("merlin@") and item.room == "dry"
        audio, true = load_recording(paths.split("eval"), item)
        first_s = float(true["onset_s"].min())
        assert np.abs(audio[: round(first_s * SAMPLE_RATE) - 80]).max() < 2e-3
        assert np.abs(audio[round(first_s * SAMPLE_RATE) :][:1600]).max() > 5e-3


@pytest.mark.parametrize("attention", [False, True])
def test_training_goes_on_from_what_is_released(attention: bool) -> None:
    """Before its first update the network gives what the ONNX file gives, in training mode too."""
    torch = pytest.importorskip("torch")
    from pianoalign_lib.localizer.patches import N_CHANNELS, N_SCALARS, N_STEPS
    from pianoalign_lib.localizer.runner import WEIGHTS, load_runner
    from training.localizer.network import Localizer, LocalizerConfig
    from training.localizer.training import load_released

    rng = np.random.default_rng(2)
    patches = rng.integers(0, 255, (64, N_STEPS, N_CHANNELS), dtype=np.uint8)
    scalars = rng.standard_normal((64, N_SCALARS)).astype(np.float32)
    model = Localizer(LocalizerConfig(attention=attention))
    load_released(model, WEIGHTS / "localizer_1.onnx")
    assert model.training
    with torch.no_grad():
        found = model(torch.from_numpy(patches), torch.from_numpy(scalars)).numpy()
    session = load_runner("localizer_1").session
    (expected,) = session.run(None, {"patches": patches, "scalars": scalars})
    assert np.abs(found - expected).max() < 1e-3


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from training.localizer.network import Localizer, LocalizerConfig
    from training.localizer.release import _export
    from training.localizer.training import load_released

    with pytest.raises(CheckpointError, match=r"none\.onnx: not found; name"):
        load_released(Localizer(LocalizerConfig()), tmp_path / "none.onnx")
    small = LocalizerConfig(width=16, dilations=(1, 2))
    _export(Localizer(small).eval(), tmp_path / "small.onnx", (1.0, 0.0))
    with pytest.raises(CheckpointError, match=r"small\.onnx: .*of this network"):
        load_released(Localizer(LocalizerConfig()), tmp_path / "small.onnx")


def test_older_weights_are_taken_by_name(repository: Path) -> None:
    """Both networks place the example, and not in the very same places."""
    from pianoalign_lib import align
    from pianoalign_lib.common.errors import ConfigError

    files = repository / "examples" / "recording.flac", repository / "examples" / "loose.mid"
    before, now = align(*files, weights="localizer_1").notes, align(*files).notes
    true = pd.read_csv(repository / "examples" / "true_notes.csv").sort_values(["onset_s", "pitch"])
    for notes in (before, now):
        error_s = np.abs(np.sort(notes["onset_s"]) - np.sort(true["onset_s"]))
        assert np.median(error_s) < 0.003
    with pytest.raises(ConfigError, match="unknown weights 'best'; choose one of localizer,"):
        align(*files, weights="best")


def test_the_model_card_names_every_shipped_network_and_its_hash(
    repository: Path, capsys: pytest.CaptureFixture
) -> None:
    from pianoalign_lib import cli
    from pianoalign_lib.common.files import sha256_file
    from pianoalign_lib.localizer.runner import WEIGHTS

    assert cli.main(["models"]) == 0
    card = capsys.readouterr().out
    files = [repository / "results" / name / "validation.csv" for name in ("quiet", "joint")]
    scores = pd.concat(map(pd.read_csv, files)).query("notes == 'all'")
    scores = scores.drop_duplicates(["weights", "corpus"]).set_index(["weights", "corpus"])
    paths = sorted(WEIGHTS.glob("*.onnx"))
    assert len(paths) >= 2
    for path in paths:
        rows = [line for line in card.splitlines() if line.startswith(f"| `{path.stem}` |")]
        assert any(sha256_file(path) in row for row in rows), path
        quiet = scores.loc[(path.stem, "quiet")]
        cell = f"{quiet['calibrated_10_ms']:.1f} / {quiet['calibrated_50_ms']:.1f}"
        assert any(row.split("|")[2].strip() == cell for row in rows), path


@pytest.fixture
def small_training(monkeypatch):
    """Return a function that trains three updates from released weights, or to a stop."""
    pytest.importorskip("torch")
    from safetensors.torch import load_file

    from pianoalign_lib.localizer.spectra import compute_spectra
    from training.localizer import training
    from training.localizer.examples import Source

    rng = np.random.default_rng(7)
    onset_s, pitch = np.arange(0.5, 20.5, 0.2), rng.integers(40, 90, 100)
    spectra = compute_spectra(0.1 * rng.standard_normal(21 * SAMPLE_RATE).astype(np.float32))
    source = Source("demo/one-0", spectra, onset_s, pitch, rng.integers(20, 90, 100))
    monkeypatch.setattr(training, "load_sources", lambda *_: [source])
    monkeypatch.setattr(training, "sources_hash", lambda *_: "same")
    monkeypatch.setattr(training, "SAVE_EVERY", 1)

    def train(root: Path, stop_after: int = 99, **variant):
        def stopping(items, **_):
            for index, item in enumerate(items):
                if index == stop_after:
                    raise KeyboardInterrupt
                yield item

        monkeypatch.setattr(training, "progress", stopping)
        variant = {"start": "localizer_1", "updates": 3, "corpora": ["demo"]} | variant
        runs = {"seed": 1, "chunks": 2, "learning_rate": 1e-3, "weight_decay": 0.01}
        topic = {"variants": {"x": variant}, "training": runs, "share": {"demo": 1.0}, "copies": {}}
        return load_file(training.train_localizer(root, {"localizer": topic}, "x"))

    return train


def test_a_stopped_training_from_released_weights_goes_on(small_training, tmp_path: Path) -> None:
    whole = small_training(tmp_path / "whole", attention=True)
    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path / "cut", stop_after=2, attention=True)
    again = small_training(tmp_path / "cut", attention=True)
    assert whole.keys() == again.keys()
    assert all((whole[name] == again[name]).all() for name in whole)


def test_what_comes_out_is_the_mean_with_what_it_began_from(small_training, tmp_path: Path) -> None:
    ends = {keep: small_training(tmp_path / str(keep), keep=keep) for keep in (0.0, 0.5, 1.0)}
    name = "first.weight"
    assert (ends[0.0][name] != ends[1.0][name]).any()
    mean = (ends[0.0][name] + ends[1.0][name]) / 2
    assert np.allclose(ends[0.5][name].numpy(), mean.numpy(), atol=1e-6)
    import onnx

    from pianoalign_lib.localizer.runner import WEIGHTS

    stored = onnx.load(WEIGHTS / "localizer_1.onnx").graph.initializer
    start = next(onnx.numpy_helper.to_array(item) for item in stored if item.name == name)
    assert np.array_equal(ends[1.0][name].numpy(), start)
