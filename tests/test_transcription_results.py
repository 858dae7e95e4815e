"""The transcription study from a toy training to table 11, its figure and notebook 11."""

from __future__ import annotations

import shutil
from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, write_toy_part

from companion.report.notebooks import run_notebook
from pianoalign_lib.common.config import VariantConfig, corpus_paths, load_params
from pianoalign_lib.common.errors import CheckpointError, CorpusError
from pianoalign_lib.corpora.recordings import load_notes
from pianoalign_lib.crnn.checkpoints import CheckpointInfo, save_checkpoint
from pianoalign_lib.crnn.network import Crnn
from pianoalign_lib.scoring import bootstrap
from studies.transcription import __main__ as program
from studies.transcription import training
from studies.transcription.network import Transcriber, load_transcriber, posterior
from studies.transcription.plan import (
    TRUE,
    Labels,
    checkpoint_folder,
    labels_named,
    planned,
    planned_runs,
    planned_stronger,
    prediction_folder,
    working_folder,
)
from studies.transcription.plot import figure_transcription
from studies.transcription.predict import predict
from studies.transcription.predictions import pack, read_predictions
from studies.transcription.score import write_transcription
from studies.transcription.summary import DISKLAVIER, PIANO, Summary
from studies.transcription.table import (
    table11_transcription,
    table11b_precision_recall,
    table11c_stronger,
)

QUICK = {
    "excerpt_s": 0.5, "batch_size": 4, "learning_rate": 2.0e-3, "epochs": 3, "steps_per_epoch": 120,
    "patience": 3, "output_bias": -5.0, "output_speed": 5.0,
}  # fmt: skip


@pytest.fixture
def project(toy_project, monkeypatch):
    """The toy project, whose labels are the true ones, with a quick training."""
    params = yaml.safe_load((toy_project.root / "params.yaml").read_text())
    params["transcription"] |= {"training": QUICK, "recurrent_width": 64, "gaps_ms": [50]}
    params["transcription"]["stronger"]["training"] = {"epochs": 1}
    params["transcription"]["thresholds"] = [0.05, 0.1, 0.2, 0.3, 0.5]
    (toy_project.root / "params.yaml").write_text(yaml.safe_dump(params))

    def true_labels(paths, params, recordings, kind):
        return [load_notes(paths.split("train"), item) for item in recordings]

    monkeypatch.setattr(training, "read_labels", true_labels)
    return toy_project


def test_a_toy_training_learns_stops_and_goes_on_to_the_same_bytes(project, monkeypatch):
    params = load_params()
    path = training.train(project, params, TRUE.name, 1)
    assert path == checkpoint_folder(project) / "exact-none_seed1.safetensors"
    whole, log = path.read_bytes(), pd.read_csv(path.with_suffix(".csv"))
    assert log["train_loss"].is_monotonic_decreasing and len(log) == 3
    assert log["val_f1_50ms"].iloc[-1] > 0.3  # about 0.15 before it has learnt anything
    model, info = load_transcriber(path)
    assert info.labels == TRUE.name and info.threshold in params["transcription"]["thresholds"]
    assert info.gap_s == 0.05 and info.training["seed"] == 1

    (resume,) = (working_folder(project) / "resume").iterdir()
    resume.unlink()
    run_epoch = training.TranscriberState.run_epoch

    def stopped(self, *items):
        if self.history:
            raise KeyboardInterrupt
        run_epoch(self, *items)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training.TranscriberState, "run_epoch", stopped)
        training.train(project, params, TRUE.name, 1)
    assert resume.is_file()
    assert training.train(project, params, TRUE.name, 1).read_bytes() == whole

    # A file of weights that is none says so.
    path.write_bytes(whole[:100])
    with pytest.raises(CheckpointError, match="exact-none_seed1"):
        load_transcriber(path)


def test_a_stronger_training_differs_in_what_params_yaml_says():
    params = load_params()
    plain, stronger = (training.transcriber_config(params, 1, each) for each in (False, True))
    changed = {key for key, value in vars(plain).items() if vars(stronger)[key] != value}
    assert changed == {*params["transcription"]["stronger"]["training"], "augmentation"}
    assert plain.augmentation is None and stronger.epochs > plain.epochs


def test_a_stronger_training_hears_augmented_excerpts_of_the_same_labels(project, monkeypatch):
    params, heard = load_params(), []

    def keep(spectrum, target, limits, rng):
        heard.append(limits)
        return spectrum, target

    monkeypatch.setattr(training, "augmented", keep)
    training.train(project, params, TRUE.name, 1)
    assert not heard
    name = replace(TRUE, stronger=True).name
    path = training.train(project, params, name, 1)
    assert path.name == "exact-none_stronger_seed1.safetensors"
    assert len(heard) == QUICK["steps_per_epoch"] * QUICK["batch_size"]
    assert vars(heard[0]) == params["transcription"]["stronger"]["augmentation"]


def test_what_is_planned_of_the_stronger_transcriber(repository):
    params = load_params(repository, "maps")
    stronger = planned_stronger(params)
    assert len(stronger) == len([kind for kind in planned(params) if not kind.flawed])
    assert labels_named(params, "note100-dtw_stronger") == replace(DTW, stronger=True)
    # It is compared with trainings of its own.
    assert all(kind.loose.stronger and kind.ideal.stronger for kind in stronger)
    assert len(set(planned_runs(params))) == len(planned_runs(params))


def test_predictions_are_stored_once_per_checkpoint_and_scored(project):
    params = load_params()
    with pytest.raises(CheckpointError, match="train"):
        predict(project, params)
    assert pd.read_csv(write_transcription(project, params)).empty
    params["transcription"]["training"] = QUICK | {"epochs": 1}
    training.train(project, params, TRUE.name, 1)
    (path,) = predict(project, params)
    assert path == prediction_folder(project) / "exact-none_seed1.parquet"
    labels, seed, notes = read_predictions(path)
    assert (labels, seed) == (TRUE.name, 1)
    assert set(notes["recording"]) <= {"e0", "e1"}  # "room" is not among the test sets
    before = path.stat().st_mtime_ns
    predict(project, params)
    assert path.stat().st_mtime_ns == before
    checkpoint = checkpoint_folder(project) / "exact-none_seed1.safetensors"
    kept = checkpoint.read_bytes()
    checkpoint.write_bytes(kept[:-1] + b"x")
    with pytest.raises(CorpusError, match=r"another checkpoint.*predict"):
        write_transcription(project, params)
    checkpoint.unlink()  # not every checkpoint is kept
    write_transcription(project, params)
    checkpoint.write_bytes(kept)
    rows = pd.read_csv(write_transcription(project, params))
    assert len(rows) == 2 * 2 and set(rows["recording"]) == {"e0", "e1"}
    raw = rows[~rows["calibrated"]]
    assert raw["n_found"].sum() == len(notes) > 0
    assert raw["matched_50ms"].sum() > 0
    path.write_bytes(b"no parquet")
    with pytest.raises(CorpusError, match="corrupt"):
        write_transcription(project, params)


def test_found_notes_keep_a_tenth_of_a_millisecond(tmp_path):
    notes = pd.DataFrame({"recording": ["a", "b"], "pitch": [21, 108], "onset_s": [0.12344, 301.5]})
    path = tmp_path / "note100-hybrid_of_demo_seed12.parquet"
    pack(notes).to_parquet(path)
    labels, seed, found = read_predictions(path)
    assert (labels, seed) == ("note100-hybrid_of_demo", 12)
    np.testing.assert_allclose(found["onset_s"], [0.1234, 301.5], atol=1e-9)
    assert found["pitch"].tolist() == [21, 108]
    with pytest.raises(CorpusError, match="no training's"):
        pack(notes).to_parquet(tmp_path / "other.parquet")
        read_predictions(tmp_path / "other.parquet")


def test_the_network_maps_spectra_to_onsets_and_is_small():
    model = Transcriber(VariantConfig("x"), 128, -5.0).eval()
    output = posterior(model, np.zeros((50, 88), np.float16))
    assert output.shape == (50, 88) and output.max() < 0.2  # silent at the start
    assert sum(weight.numel() for weight in model.parameters()) < 500_000


def test_commands_refuse_what_is_unknown(project, capsys):
    assert program.main(["train", "--corpus", "demo", "--labels", "note100-magic"]) == 1
    assert "unknown labels 'note100-magic'" in capsys.readouterr().err
    assert program.main(["predict", "--corpus", "demo"]) == 1
    assert program.main(["score", "--corpus", "demo"]) == 0


# --- From counts to table and figure --------------------------------------------------------------

LOOSE, DTW = Labels("note100", False, "none"), Labels("note100", False, "dtw")
FLAWED = Labels("exact", True, "none")
MATCHED = {TRUE: 90, LOOSE: 50, DTW: 70}  # of 100 notes, at 50 ms


def counts(matched=None, seeds=(1, 2, 3)) -> pd.DataFrame:
    """Two performances of each set, the first with two recordings; a note more per seed."""
    rows = []
    for kind, hits in (MATCHED if matched is None else matched).items():
        for seed in seeds:
            for test_set in ("test", "ENSTDkCl", "ENSTDkAm"):
                for number, performance in enumerate("ppq"):
                    for calibrated in (False, True):
                        found = hits + seed + number
                        by_ms = {"matched_10ms": found // 2 + 5 * calibrated,
                                 "matched_25ms": found - 5, "matched_50ms": found}  # fmt: skip
                        rows.append({
                            "labels": kind.name, "seed": seed, "test_set": test_set,
                            "recording": f"{performance}{number}", "performance": performance,
                            "calibrated": calibrated, "n_true": 100, "n_found": 100,
                        } | by_ms)  # fmt: skip
    columns = ["labels", "seed", "test_set", "recording", "performance", "calibrated", "n_true"]
    columns += ["n_found", "matched_10ms", "matched_25ms", "matched_50ms"]
    return pd.DataFrame(rows, columns=columns)


def test_f1_has_the_chance_of_performances_and_of_training():
    summary = Summary(counts(), samples=4000, seed=3)
    found = summary.f1(TRUE, PIANO, 50)
    # Per seed 90 + seed of 100 in the first, 91 + seed and 92 + seed in the other recordings; F1 of
    # 100 true and 100 found notes is their share.
    performances = {seed: [(181 + 2 * seed, 200), (92 + seed, 100)] for seed in (1, 2, 3)}
    assert found.value == pytest.approx(np.mean([(273 + 3 * seed) / 300 for seed in (1, 2, 3)]))
    times = bootstrap._draws(2, 4000, 3)
    drawn = []
    for pieces in performances.values():
        (hits, notes) = np.array(pieces).T
        drawn.append((times * hits).sum(axis=1) / (times * notes).sum(axis=1))
    # Seeds are 0.01 apart, whatever the labels: that is their standard deviation, and that of the
    # mean of three of them is smaller by the root of three.
    assert summary.spread(PIANO, 50) == pytest.approx(0.01)
    chance = found.draws - np.mean(drawn, axis=0)
    assert chance.std() == pytest.approx(0.01 / np.sqrt(3), rel=0.05)
    assert abs(chance.mean()) < 0.0005
    assert found.interval[0] < found.value < found.interval[1]
    # The chance of training is each kind's own; a second look gives the same.
    other = summary.f1(DTW, PIANO, 50)
    assert abs(np.corrcoef(chance, other.draws - found.draws + chance)[0, 1]) < 0.1
    again = Summary(counts(), samples=4000, seed=3).f1(TRUE, PIANO, 50)
    np.testing.assert_array_equal(again.draws, found.draws)
    # Both Disklavier sets have the same performances: a draw takes them together.
    both = summary.f1(TRUE, DISKLAVIER, 50)
    np.testing.assert_allclose(both.draws, found.draws)
    # One seed tells nothing about others.
    assert Summary(counts(seeds=(1,)), samples=40, seed=3).spread(PIANO, 50) == 0


def test_a_method_wins_back_a_share_of_the_loss():
    summary = Summary(counts(), samples=200, seed=3)
    won = summary.won_back(DTW, PIANO, 50)
    assert won.value == pytest.approx((70 - 50) / (90 - 50))
    # Paired: what all share cancels in every draw, and the chance of training is left.
    alone = Summary(counts(seeds=(1,)), samples=200, seed=3).won_back(DTW, PIANO, 50)
    np.testing.assert_allclose(alone.draws, 0.5)
    assert won.interval[0] < 0.5 < won.interval[1]
    below = summary.below_ideal(DTW, PIANO, 50)
    assert below.value == pytest.approx(0.20) and below.interval[0] < 0.2 < below.interval[1]
    assert summary.won_back(LOOSE, PIANO, 50).value == pytest.approx(0)
    # Labels whose looseness costs nothing have no share; nor have true ones, nor what was not run.
    assert summary.won_back(TRUE, PIANO, 50) is None
    same = Summary(counts({TRUE: 60, LOOSE: 60, DTW: 70}), samples=200, seed=3)
    assert same.won_back(DTW, PIANO, 50) is None
    assert summary.won_back(Labels("note100", False, "localizer"), PIANO, 50) is None
    # Trainings with other seeds are not compared.
    fewer = counts()
    fewer = fewer[(fewer["labels"] != LOOSE.name) | (fewer["seed"] == 1)]
    assert Summary(fewer, samples=20, seed=3).won_back(DTW, PIANO, 50) is None
    # Where notes are wrong, too, perfect times leave the wrong notes: that is the most to win.
    flawed = [Labels("note100", True, method) for method in ("none", "dtw")]
    hits = {TRUE: 90, FLAWED: 80, flawed[0]: 40, flawed[1]: 60}
    worse = Summary(counts(hits), samples=20, seed=3)
    assert worse.won_back(flawed[1], PIANO, 50).value == pytest.approx(0.5)
    assert worse.below_ideal(flawed[1], PIANO, 50).value == pytest.approx(0.2)
    assert worse.below_ideal(FLAWED, PIANO, 50).value == pytest.approx(0.1)
    precision, recall = summary.precision_recall(TRUE, PIANO, 50)
    assert precision == pytest.approx(recall) == pytest.approx((273 + 6) / 300)


def test_one_performance_has_no_interval():
    one = counts()
    one = one[one["performance"] == "q"]
    found = Summary(one, samples=20, seed=1).f1(TRUE, PIANO, 50)
    assert found.value == pytest.approx(0.94) and np.isnan(found.interval).all()


def test_table_11_says_what_was_run_and_what_was_not(repository):
    params, summary = load_params(repository, "maps"), Summary(counts(), samples=100, seed=3)
    quality = pd.DataFrame({"labels": [TRUE.name, DTW.name], "acc_10ms": [1.0, 0.2]})
    table = table11_transcription(summary, quality, params)
    assert len(table.rows) == 2 * len(planned(params))
    frame = table.frame()
    first = frame.iloc[0]
    assert (first["midi"], first["labels"], first["seeds"]) == ("no error", "true times", 3)
    assert (first["labels_10ms"], first["f1_50ms"], first["won_back_50ms"]) == (100.0, 93.0, "")
    dtw = frame[frame["labels"] == "DTW"].iloc[0]
    assert (dtw["f1_50ms"], dtw["won_back_50ms"]) == (73.0, 50.0)
    assert dtw["f1_50ms_lo"] < 73.0 < dtw["f1_50ms_hi"]
    assert dtw["f1_calibrated_10ms"] > dtw["f1_10ms"]
    assert dtw["below_50ms"] == 20.0
    other = frame[frame["labels"].str.startswith("Localizer")].iloc[0]
    assert other["seeds"] == 0 and str(other["f1_10ms"]).startswith("not run")
    text = table.markdown()
    assert "upper bound" in text and "not run" in text
    more = table11b_precision_recall(summary, params).frame()
    assert more.iloc[0]["precision_50ms"] == more.iloc[0]["recall_50ms"] == 93.0


def test_table_11c_has_the_stronger_transcriber_alone(repository):
    params = load_params(repository, "maps")
    quality = pd.DataFrame({"labels": [TRUE.name, DTW.name], "acc_10ms": [1.0, 0.2]})
    stronger = counts(seeds=(1,)).assign(labels=lambda rows: rows["labels"] + "_stronger")
    both = Summary(pd.concat([counts(), stronger]), samples=100, seed=3)
    frame = table11c_stronger(both, quality, params).frame()
    assert len(frame) == 2 * len(planned_stronger(params))
    first, dtw = frame.iloc[0], frame[frame["labels"] == "DTW"].iloc[0]
    assert (first["seeds"], first["labels_10ms"], first["f1_50ms"]) == (1, 100.0, 92.0)
    assert (dtw["labels_10ms"], dtw["won_back_50ms"]) == (20.0, 50.0)
    plain = Summary(counts(), samples=100, seed=3)
    assert set(table11c_stronger(plain, quality, params).frame()["seeds"]) == {0}
    both, alone = (table11_transcription(each, quality, params).frame() for each in (both, plain))
    pd.testing.assert_frame_equal(both, alone)


def test_tables_and_figure_stand_before_anything_was_run(repository):
    params, empty = load_params(repository, "maps"), Summary(counts({}), samples=10, seed=1)
    table = table11_transcription(empty, pd.DataFrame({"labels": []}), params)
    assert set(table.frame()["seeds"]) == {0}
    assert "not run" in table.markdown()
    table11b_precision_recall(empty, params).markdown()
    table11c_stronger(empty, pd.DataFrame({"labels": []}), params).markdown()
    figure, data = figure_transcription(empty, params)
    assert data.empty and len(figure.axes) == 8


def test_the_figure_draws_what_the_table_has(repository):
    params, summary = load_params(repository, "maps"), Summary(counts(), samples=100, seed=3)
    figure, data = figure_transcription(summary, params)
    assert len(figure.axes) == 8 and len(data) == 2 * 3 * 2
    row = data.set_index(["recordings", "labels", "tolerance_ms"]).loc["piano", DTW.name, 50]
    assert row["f1"] == pytest.approx(73.0) and row["lo"] < 73 < row["hi"]
    lines = [line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    assert any(value == pytest.approx(93.0) for value in lines)  # of the true labels


# --- Notebook 11 ----------------------------------------------------------------------------------


def test_the_notebook_on_maps_writes_its_tables_and_figure(tmp_path):
    root = tmp_path / "a project"
    (root / "notebooks").mkdir(parents=True)
    shutil.copyfile(
        ROOT / "notebooks" / "11_transcription.ipynb", root / "notebooks" / "11_transcription.ipynb"
    )
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["evaluation"]["bootstrap"]["samples"] = 50
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    paths = corpus_paths("maps", root)
    write_toy_part(paths.split("eval"), [("v0", "validation", ""), ("e0", "test", "test")])
    variant = VariantConfig("crnn")
    info = CheckpointInfo(vars(variant), 0.5, params["training"], "maps", "0" * 12)
    save_checkpoint(paths.checkpoints / "crnn.safetensors", Crnn(variant), info)
    paths.results.mkdir(parents=True)
    counts().to_csv(paths.results / "transcription.csv", index=False)
    quality = pd.DataFrame({"labels": [TRUE.name], "acc_10ms": [1.0]})
    quality.to_csv(paths.results / "transcription_labels.csv", index=False)
    executed = run_notebook("11_transcription", "maps", root=root)
    written = {file.stem for file in (paths.results / "tables").iterdir()}
    assert written == {"table11_transcription", "table11b_precision_recall", "table11c_stronger"}
    assert {file.name for file in paths.figures.iterdir()} == {
        f"figure_transcription.{suffix}" for suffix in ("svg", "pdf", "png", "csv")
    }
    outputs = [out for cell in nbformat.read(executed, 4).cells for out in cell.get("outputs", [])]
    assert sum("image/png" in out.get("data", {}) for out in outputs) == 3
