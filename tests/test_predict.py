"""Predictions, and the command line's behaviour on bad input."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pianoalign_lib import cli
from pianoalign_lib.common.config import load_params
from pianoalign_lib.common.errors import CheckpointError, ConfigError, CorpusError
from pianoalign_lib.corpora.recordings import load_notes, read_index
from pianoalign_lib.corpora.timing_errors import loose_notes
from pianoalign_lib.methods.placing import prepare
from pianoalign_lib.methods.predict import condition_plan, predict
from pianoalign_lib.scoring.evaluation import write_metrics


def test_doing_nothing_returns_the_input(toy_project):
    path = predict(toy_project, load_params(), "none", jobs=1)
    frame = pd.read_parquet(path)
    np.testing.assert_array_equal(frame["onset_s"], frame["onset_in_s"])
    assert set(frame["test_set"]) == {"test", "room"}
    for recording in read_index(toy_project.split("eval"), split="test"):
        true = load_notes(toy_project.split("eval"), recording).set_index("note_id")["onset_s"]
        mine = frame[frame["recording"] == recording.recording]
        for _, rows in mine.groupby("condition"):
            np.testing.assert_array_equal(rows.set_index("note_id")["onset_true_s"], true)


def test_every_method_is_given_the_same_loose_notes(toy_project):
    recording = read_index(toy_project.split("eval"), split="test")[0]
    notes = load_notes(toy_project.split("eval"), recording)
    first, again = (loose_notes(notes, "note100", "e0", load_params()) for _ in range(2))
    assert first.equals(again)


def test_prediction_twice_gives_the_same_bytes(toy_project, copy_checkpoint):
    copy_checkpoint(toy_project, "crnn")
    first = predict(toy_project, load_params(), "crnn", jobs=2).read_bytes()
    assert predict(toy_project, load_params(), "crnn", jobs=1).read_bytes() == first


def test_the_hybrid_is_the_network_on_what_dtw_returns(toy_project, copy_checkpoint):
    copy_checkpoint(toy_project, "crnn")
    params = load_params()
    with pytest.raises(CorpusError, match=r"dtw\.parquet: missing or corrupt; run"):
        predict(toy_project, params, "hybrid", jobs=1)
    exact = pd.read_parquet(predict(toy_project, params, "none", jobs=1))
    # A DTW that returns the loose notes themselves makes the hybrid the network alone.
    exact.assign(method="dtw").to_parquet(toy_project.predictions / "dtw.parquet")
    hybrid = pd.read_parquet(predict(toy_project, params, "hybrid", jobs=1))
    network = pd.read_parquet(predict(toy_project, params, "crnn", jobs=1))
    both = hybrid.merge(network, on=["test_set", "recording", "condition", "note_id"])
    assert len(both) == len(hybrid) > 100
    np.testing.assert_array_equal(both["onset_s_x"], both["onset_s_y"])


def test_metrics_are_written_from_predictions(toy_project):
    predict(toy_project, load_params(), "none", jobs=1)
    summary, single = (pd.read_csv(path) for path in write_metrics(toy_project, load_params()))
    row = summary.query("test_set == 'test' and condition == 'exact' and not calibrated").iloc[0]
    assert row["acc_5ms"] == 1.0 and row["n_recordings"] == 2
    assert set(single["recording"]) == {"e0", "e1", "r0"}


def test_the_plan_names_every_condition_once_and_knows_the_methods(toy_project):
    recordings = read_index(toy_project.split("eval"), split="test")
    for entry, names in condition_plan(load_params(), "crnn", recordings):
        assert len(names) == len(set(names)), entry
    with pytest.raises(ConfigError, match="names no run of method 'magic'"):
        condition_plan(load_params(), "magic", recordings)


def test_unknown_methods_and_missing_checkpoints(toy_project):
    audio = np.zeros(16_000, dtype=np.float32)
    with pytest.raises(ConfigError, match="unknown method 'magic'"):
        prepare("magic", audio, toy_project, load_params())
    with pytest.raises(CheckpointError, match=r"crnn\.safetensors: not found"):
        prepare("crnn", audio, toy_project, load_params())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "--method", "magic"], "names no run of method 'magic'"),
        (["predict", "--method", "crnn"], "crnn.safetensors: not found"),
        (["train", "--variant", "magic"], "unknown variant 'magic'"),
        (["data", "fetch", "--corpus", "nothing"], "unknown corpus 'nothing'"),
        (["data", "render"], "run 'pianoalign data fetch"),
        (["metrics"], "holds no predictions"),
        (["release"], "model.safetensors: not found"),
    ],
)
def test_commands_end_with_one_line_and_exit_code_1(toy_project, capfd, arguments, message):
    assert cli.main(arguments) == 1
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("pianoalign: ") and message in last


def test_a_corrupt_prediction_file_is_named(toy_project, capfd):
    toy_project.predictions.mkdir(parents=True)
    (toy_project.predictions / "crnn.parquet").write_bytes(b"PAR1 half")
    assert cli.main(["metrics"]) == 1
    assert "crnn.parquet: corrupt" in capfd.readouterr().err


def test_outside_a_project_the_remedy_is_said(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["metrics"]) == 1
    assert "no params.yaml here or above" in capfd.readouterr().err


def test_ctrl_c_is_exit_code_130(toy_project, monkeypatch, capfd):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pianoalign_lib.scoring.evaluation.write_metrics", interrupted)
    assert cli.main(["metrics"]) == 130
    assert "stopped" in capfd.readouterr().err


def test_a_killed_prediction_leaves_nothing_that_looks_complete(toy_project):
    """kill -9 at several moments: the file is absent or whole, and a later run makes it anew."""
    command = [sys.executable, "-m", "pianoalign_lib", "predict", "--method", "none"]
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])}
    expected = predict(toy_project, load_params(), "none").read_bytes()
    target = toy_project.predictions / "none.parquet"
    for wait_s in np.random.default_rng(1).uniform(0.5, 5.0, 4):
        target.unlink(missing_ok=True)
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        time.sleep(float(wait_s))
        process.kill()
        process.wait()
        assert not target.exists() or target.read_bytes() == expected
    assert subprocess.run(command, env=environment, stderr=subprocess.DEVNULL).returncode == 0
    assert target.read_bytes() == expected
    assert [path.name for path in toy_project.predictions.glob("[!.]*")] == ["none.parquet"]
