"""``dvc exp run`` on a small project: one variant is trained, measured and shown."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.corpora.recordings import Recording, audio_path, notes_path, write_index

RECORDING = ROOT / "examples" / "recording.flac"
COMMAND = ["exp", "run", "-S", "training.epochs=2", "--name", "longer", "experiments/dvc.yaml"]


def corpus(root: Path) -> None:
    """Write a corpus whose every part is the example."""
    notes = pd.read_csv(ROOT / "examples" / "true_notes.csv")
    known = ("florestan", "dry", 39.66, len(notes), sha256_file(RECORDING))
    paths = corpus_paths("demo", root)
    test = Recording("example", "test", "test", "test", *known)
    parts = {
        "train": [replace(test, split="train", test_set="")],
        "eval": [test, replace(test, recording="held_out", split="validation", test_set="")],
    }
    for part, recordings in parts.items():
        for each in recordings:
            audio = audio_path(paths.split(part), each.recording)
            table = notes_path(paths.split(part), each.recording)
            for path in (audio, table):
                path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(RECORDING, audio)
            notes.to_parquet(table)
        write_index(paths.split(part), recordings)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs a command in a project under git and DVC."""
    root, programs = tmp_path / "project", tmp_path / "bin"
    for name in ("experiments", "pianoalign_lib/crnn", ".dvc"):
        shutil.copytree(
            ROOT / name,
            root / name,
            ignore=shutil.ignore_patterns(
                "cache", "tmp", "config.local", "dvc.lock", "__pycache__"
            ),
        )
    (root / "pianoalign_lib" / "methods").mkdir()
    for name in ("placing.py", "predict.py"):
        shutil.copy(ROOT / "pianoalign_lib/methods" / name, root / "pianoalign_lib/methods")
    (root / "checkpoints").symlink_to(ROOT / "checkpoints")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["training"] |= {"epochs": 1, "steps_per_epoch": 2, "batch_size": 2}
    params["decoding"]["thresholds"] = [0.5]
    params["experiment"]["weights"] = "released"
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    (root / ".gitignore").write_text("/data/\n__pycache__\n/checkpoints\n")
    corpus(root)
    # The training part is there: rendering has nothing to do.
    programs.mkdir()
    (programs / "pianoalign").write_text("#!/bin/sh\n")
    (programs / "pianoalign").chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {"PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        own |= {f"GIT_{role}_NAME": "a", f"GIT_{role}_EMAIL": "a@example.org"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)

    def call(*command: str) -> str:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call("git", "init", "-q")
    return call


def test_an_experiment_is_trained_measured_and_shown(run, tmp_path: Path) -> None:
    dvc = (sys.executable, "-m", "dvc")
    run(*dvc, "repro", "-q", "experiments/dvc.yaml")
    run("git", "add", "-A")
    run("git", "commit", "-q", "-m", "the released network")
    metrics = tmp_path / "project" / "experiments" / "metrics.json"
    released = json.loads(metrics.read_text())
    assert released["training"]["epochs"] == 10  # of the checkpoint in the repository
    run(*dvc, *COMMAND[:2], "-S", "experiment.weights=trained", *COMMAND[2:])
    tried = json.loads(metrics.read_text())
    assert tried["training"]["epochs"] == 2
    assert tried["test"]["within_10_ms"] < released["test"]["within_10_ms"]
    rows = json.loads(run(*dvc, "exp", "show", "--json"))
    text = json.dumps(rows)
    assert "longer" in text
    assert str(tried["training"]["validation_loss"]) in text
    assert str(released["training"]["validation_loss"]) in text
    assert "training.epochs" in run(*dvc, "params", "diff", "HEAD")
    assert "test.within_10_ms" in run(*dvc, "metrics", "diff", "HEAD")


def test_the_page_has_the_command_that_is_tried() -> None:
    page = (ROOT / "site" / "howto" / "experiment.md").read_text()
    assert "dvc " + " ".join(COMMAND).replace("=2", "=20") in page
