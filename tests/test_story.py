"""What the notebooks call besides tables and plots: sentences, provenance, the corpus card."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import toy_notes

from companion.figures import corpus as corpus_plots
from companion.report.story import cost_note, differences, kept_note, read_logs, trainings
from companion.tables.corpus import table1_corpus
from companion.tables.provenance import provenance, publish, read_header, training_hash
from pianoalign_lib.common.config import load_params, variant_config
from pianoalign_lib.common.errors import CheckpointError, PianoAlignError
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.corpora.recordings import INDEX, corpus_hash, read_index
from pianoalign_lib.corpora.sources import read_packages
from pianoalign_lib.crnn.checkpoints import CheckpointInfo, save_checkpoint
from pianoalign_lib.crnn.network import Crnn


@pytest.fixture
def trained(toy_project):
    """A toy project with untrained checkpoints of all variants, as if released."""
    paths, params = toy_project, load_params()
    known = read_index(paths.split("train")) + read_index(paths.split("eval"), split="validation")
    for name in params["variants"]:
        add_checkpoint(paths, params, name, corpus_hash(known))
    shutil.copyfile(paths.split("train") / INDEX, paths.checkpoints / INDEX)
    return paths, params


def add_checkpoint(paths, params, name, hashed):
    variant = variant_config(params, name)
    info = CheckpointInfo(vars(variant), 0.4, params["training"], "demo", hashed)
    save_checkpoint(paths.checkpoints / f"{name}.safetensors", Crnn(variant), info)


# --- Sentences ------------------------------------------------------------------------------------


def scores(**percent):
    """Return per-recording scores of methods, given as a list of percent for 100 notes each."""
    return pd.DataFrame(
        [
            {
                "test_set": "test", "method": method, "condition": "note100", "calibrated": False,
                "recording": f"r{index}", "performance": f"p{index}", "n_notes": 100,
                "acc_10ms": value / 100,
            }
            for method, values in percent.items()
            for index, value in enumerate(values)
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("crnn", "dtw", "expected"),
    [
        (
            [60, 70, 80],
            [10, 20, 30],
            "CRNN 70.0 %, DTW 20.0 %, difference +50.0 points [+50.0, +50.0]: CRNN is ahead.",
        ),
        (
            [10, 20, 30],
            [60, 70, 80],
            "CRNN 20.0 %, DTW 70.0 %, difference −50.0 points [−50.0, −50.0]: DTW is ahead.",
        ),
        (
            [50, 50, 50],
            [50, 50, 50],
            "CRNN 50.0 %, DTW 50.0 %, difference +0.0 points [+0.0, +0.0]: no clear difference.",
        ),
    ],
)
def test_the_sentence_says_who_is_ahead(crnn, dtw, expected):
    sentence = differences(scores(crnn=crnn, dtw=dtw), [("crnn", "dtw")])
    assert sentence == f"- ±100 ms per note, within 10 ms: {expected}"


def test_a_difference_whose_interval_holds_zero_is_not_clear():
    sentence = differences(scores(crnn=[90, 10, 60], dtw=[10, 80, 50]), [("crnn", "dtw")])
    assert sentence.endswith("no clear difference.")


def test_several_differences_make_a_list():
    text = differences(scores(crnn=[60, 70], dtw=[1, 2]), [("crnn", "dtw"), ("dtw", "crnn")])
    first, second = text.splitlines()
    assert first == differences(scores(crnn=[60, 70], dtw=[1, 2]), [("crnn", "dtw")])
    assert second.startswith("- ±100 ms per note, within 10 ms: DTW 1.5 %, CRNN 65.0 %")


def test_a_method_that_was_not_run_is_an_error():
    with pytest.raises(PianoAlignError, match="gru"):
        differences(scores(crnn=[1, 2]), [("crnn", "gru")])


# --- Provenance -----------------------------------------------------------------------------------


def test_provenance_names_what_the_numbers_depend_on(trained):
    paths, params = trained
    found = provenance(paths, params, ["none", "dtw", "hybrid", "gru"])
    digits = {
        name: sha256_file(paths.checkpoints / f"{name}.safetensors")[:12]
        for name in ("crnn", "gru")
    }
    assert f"checkpoints (sha256): crnn {digits['crnn']}, gru {digits['gru']}" in found
    evaluated = corpus_hash(read_index(paths.split("eval")))
    assert found[0].startswith(f"corpus: demo, sha256 {evaluated} (validation and test)")
    assert 'seed: {"bootstrap": 7, "corpus": 2206, "errors": 100, "training": 1}' in found
    reordered = dict(reversed(params.items()))
    assert provenance(paths, params, ["gru", "crnn"]) == provenance(
        paths, reordered, ["crnn", "gru"]
    )


@pytest.mark.parametrize("topic", ["conditions", "evaluation", "demo", "training", "variants"])
def test_provenance_changes_with_every_parameter(trained, topic):
    paths, params = trained
    changed = params | {topic: params[topic] | {"another": {}}}
    assert provenance(paths, changed) != provenance(paths, params)


def test_published_tables_carry_their_provenance(trained):
    paths, params = trained
    table = table1_corpus(pd.DataFrame(read_index(paths.split("eval"))))
    assert publish(table, paths, params) is table
    path = paths.results / "tables" / "table1_corpus.csv"
    text = path.read_text()
    for line in provenance(paths, params):
        assert f"# {line}\n" in text
    assert len(pd.read_csv(path, comment="#")) == len(table.rows)


def test_a_checkpoint_that_was_trained_on_other_recordings_is_named(trained):
    paths, params = trained
    most = training_hash(paths)
    add_checkpoint(paths, params, "gru", "another")
    assert training_hash(paths) == most
    assert provenance(paths, params)[0].endswith(f"{most}, of gru: another (training)")


def test_missing_and_corrupt_checkpoints_are_named(trained):
    paths, params = trained
    (paths.checkpoints / "gru.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"gru\.safetensors: corrupt"):
        provenance(paths, params, ["gru"])
    (paths.checkpoints / "gru.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"gru\.safetensors: not found"):
        read_header(paths.checkpoints / "gru.safetensors")
    for path in paths.checkpoints.glob("*.safetensors"):
        path.unlink()
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        provenance(paths, params)


# --- Trainings ------------------------------------------------------------------------------------


def test_the_note_on_kept_epochs_names_trainings_that_stopped_early():
    full, short = (
        pd.DataFrame({"epoch": range(1, len(loss) + 1), "val_loss": loss})
        for loss in ([5, 4, 3, 2], [3, 1, 2])
    )
    note = kept_note({"crnn": full, "gru": short}, planned_epochs=4)
    assert "of 4 (lowest validation loss): CRNN 4; GRU 2, stopped early at 3." in note
    assert "CRNN 4 of 4." in kept_note({"crnn": full}, planned_epochs=2)


def test_what_a_network_costs_is_told_from_its_checkpoint_and_log(toy_project):
    toy_project.checkpoints.mkdir(parents=True, exist_ok=True)
    (toy_project.checkpoints / "cnn.safetensors").write_bytes(bytes(2_400_000))
    slow, fast = (pd.DataFrame({"seconds": each}) for each in ([150.0, 90.0], [70.0, 60.0]))
    note = cost_note(toy_project, {"cnn": slow, "cnn_seed2": fast})
    assert "CNN only 1.2 million, 60 s." in note


def test_trainings_follow_their_network():
    params = {"variants": dict.fromkeys(["crnn", "cnn", "crnn_seed2", "cnn_seed3", "crnn_mel"])}
    assert trainings(params, ["cnn", "crnn"]) == ["cnn", "cnn_seed3", "crnn", "crnn_seed2"]


def test_missing_and_incomplete_logs_are_named(toy_project):
    toy_project.checkpoints.mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"crnn\.csv: missing"):
        read_logs(toy_project, ["crnn"])
    (toy_project.checkpoints / "crnn.csv").write_text("epoch,val_loss\n1,2\n")
    with pytest.raises(CheckpointError, match=r"crnn\.csv: no train_loss"):
        read_logs(toy_project, ["crnn"])


# --- The corpus -----------------------------------------------------------------------------------


def test_every_source_has_a_licence_and_a_checksum():
    for package in read_packages("demo"):
        assert len(package.licence) > 3
        assert re.fullmatch("[0-9a-f]{64}", package.sha256)


# --- Pictures -------------------------------------------------------------------------------------


def test_plots_of_the_corpus_show_all_of_their_data():
    notes = toy_notes(np.random.default_rng(0), 8.0)
    attacks = pd.DataFrame(
        {"piano": ["a"] * 88 + ["b"] * 88, "pitch": [*range(21, 109)] * 2, "before_ms": 1.0}
    ).assign(after_ms=0.0)
    panels = corpus_plots.attack_plot(attacks).axes
    assert [sum(len(line.get_xdata()) == 88 for line in axes.lines) for axes in panels] == [2, 2]

    figure = corpus_plots.excerpt_plot(np.zeros((801, 88)), notes, fps=100, start_s=2.0, end_s=4.0)
    spectrum, roll = figure.axes[:2]
    shown = notes[(notes["onset_s"] < 4) & (notes["offset_s"] > 2)]
    assert len(roll.collections[0].get_paths()) == len(shown)
    assert spectrum.images[0].get_array().shape == (88, 201)
    assert spectrum.images[0].get_extent() == [1.995, 4.005, 20.5, 108.5]

    figure = corpus_plots.note_distribution({"test": notes, "validation": notes[:5]})
    for axes in figure.axes:
        for step in axes.patches:
            assert step.get_data().values.sum() == pytest.approx(100)
