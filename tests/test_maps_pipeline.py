"""`make retrain CORPUS=maps`, from a folder of MAPS to the report; killed midway, it goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml
from conftest import ROOT, toy_audio, toy_notes

from companion.report.contents import read_contents
from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.crnn.runs import train_variants
from pianoalign_lib.io.audio import write_flac

RECORDINGS = (
    *(f"MAPS_MUS-p{n}_AkPnBcht" for n in range(4)),
    *(f"MAPS_MUS-q{n}_AkPnStgb" for n in range(2)),
    *(f"MAPS_MUS-r{n}_ENSTDkAm" for n in range(2)),
    *(f"MAPS_MUS-r{n}_ENSTDkCl" for n in range(2)),
)
SECONDS = 8.0


def write_toy_maps(folder: Path) -> None:
    """Write recordings of toy tones in the mirror's layout."""
    for index, name in enumerate(RECORDINGS):
        # One velocity: studies by velocity need some notes in a band.
        notes = toy_notes(np.random.default_rng(index), SECONDS).assign(velocity=64)
        write_flac(folder / "flac" / f"{name}.flac", toy_audio(notes, SECONDS))
        columns = notes[["onset_s", "offset_s", "pitch", "velocity"]].to_numpy(float)
        (folder / "tsv").mkdir(exist_ok=True)
        np.savetxt(
            folder / "tsv" / f"{name}.tsv",
            columns,
            "%.6f",
            "\t",
            header="onset,offset,note,velocity",
        )


def write_project(root: Path) -> None:
    """Copy what the pipeline of MAPS needs, with a configuration that trains in seconds."""
    for name in ("pianoalign_lib", "companion", "benchmarks", "studies", "notebooks", "maps"):
        shutil.copytree(
            ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.lock")
        )
    for name in (
        "Makefile", "requirements.lock", "pyproject.toml", ".dvcignore",
        ".dvc/config", "results.yaml", "checkpoints/demo/crnn.safetensors",
        "results/demo/metrics.csv", "results/demo/pedal.csv", "results/maps/field_measured.csv",
        "results/maps/robustness.csv", "results/maps/robustness_drawn.csv",
        "results/maps/transcription_labels.csv",
        *(path.relative_to(ROOT) for path in (ROOT / "checkpoints" / "localizer").iterdir()),
        *(path.relative_to(ROOT) for path in (ROOT / "results" / "maps" / "field").iterdir()),
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    # No transcriber was tested on these recordings: table 11 says "not run".
    (root / "results" / "maps" / "transcription").mkdir()
    # Of the training, what is trained here: the other checkpoints are taken as they are.
    training = yaml.safe_load((ROOT / "training" / "dvc.yaml").read_text())
    training["stages"] = {"train": training["stages"]["train"]}
    training["stages"]["train"]["matrix"] = {"corpus": ["maps"]}
    (root / "training").mkdir()
    (root / "training" / "dvc.yaml").write_text(yaml.safe_dump(training))
    (root / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    short = {"epochs": 3, "patience": 3, "steps_per_epoch": 4, "batch_size": 2, "excerpt_s": 0.5}
    params["maps"] |= {"recordings": "all", "training": short}
    # Of the networks of MAPS alone, one trained again and one trained otherwise.
    own = params["maps"]["variants"]
    left_out = set(own) - {"crnn_seed2", "pooling"}
    params["maps"]["variants"] = {name: own[name] for name in own if name not in left_out}
    for run in params["maps"]["evaluation"]["runs"]:
        run["methods"] = [name for name in run["methods"] if name not in left_out]
    params["short_tempo"] |= {"excerpts": [1, 1, 1, 1], "tempo_percent": [-10, 0, 10]}
    params["decoding"]["thresholds"] = [0.3, 0.5]
    params["evaluation"]["bootstrap"]["samples"] = 50
    (root / "params.yaml").write_text(yaml.safe_dump(params))


@pytest.mark.skipif(shutil.which("make") is None or sys.platform != "linux", reason="needs make")
def test_a_killed_retraining_goes_on_and_ends_with_the_same_tables(tmp_path, monkeypatch):
    maps, root = tmp_path / "MAPS", tmp_path / "a project"
    write_toy_maps(maps)
    write_project(root)
    command = [
        "make", "--old-file=setup", "retrain", "CORPUS=maps", f"MAPS={maps}", f"VENV={sys.prefix}",
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "PIANOALIGN"))}
    with (tmp_path / "log").open("w") as log:
        options = {"cwd": root, "env": environment, "stdout": log, "stderr": subprocess.STDOUT}
        first = subprocess.Popen(command, start_new_session=True, **options)
        kill_midway(first, root)
        killed = {path.name for path in (root / "data" / "maps" / "resume").iterdir()}
        assert not (root / "checkpoints" / "maps").exists()
        again = subprocess.run(command, **options)
    text = (tmp_path / "log").read_text()
    assert again.returncode == 0, text[-3000:]
    assert "going on after epoch" in text
    assert killed <= {path.name for path in (root / "data" / "maps" / "resume").iterdir()}

    undisturbed = corpus_paths("maps", tmp_path / "undisturbed")
    monkeypatch.chdir(root)
    for part in ("train", "eval"):
        shutil.copytree(root / "data" / "maps" / part, undisturbed.split(part))
    params = load_params(root, "maps")
    stopped = [name for name in params["variants"] if any(f.startswith(f"{name}-") for f in killed)]
    assert stopped
    train_variants(undisturbed, params, stopped, jobs=2)
    paths = corpus_paths("maps", root)
    for name in params["variants"]:
        weights = sha256_file(paths.checkpoints / f"{name}.safetensors")
        if name in stopped:
            assert weights == sha256_file(undisturbed.run(name) / "model.safetensors")
        # Tables are functions of the weights, which they name.
        tables = "".join(path.read_text() for path in paths.results.glob("tables/table*.csv"))
        assert f"{name} {weights[:12]}" in tables
    assert_complete(paths)
    status = [sys.executable, "-m", "dvc", "status"]
    told = subprocess.run(status, cwd=root, env=environment, capture_output=True, text=True)
    assert "up to date" in told.stdout, told.stdout + told.stderr


def kill_midway(process: subprocess.Popen, root: Path) -> None:
    """Kill everything with signal 9 as soon as two variants have finished an epoch."""
    deadline = time.monotonic() + 300
    while len(list((root / "data" / "maps" / "resume").glob("*.pt"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    family = [process, *psutil.Process(process.pid).children(recursive=True)]
    os.killpg(process.pid, signal.SIGKILL)
    # DVC takes a lock as held while its holder's number is in use: wait until all are gone.
    for each in family:
        each.wait(timeout=60)


def assert_complete(paths) -> None:
    """Every table, figure and the report are there, and the split is as documented."""
    contents = read_contents(paths.root, "maps")
    for name in contents.tables:
        assert (paths.results / "tables" / f"{name}.tex").stat().st_size > 100
    for name in contents.figures:
        assert (paths.figures / f"{name}.svg").stat().st_size > 1000
    assert "maps" in (paths.results / "report.html").read_text()
    listed = pd.read_csv(paths.results / "corpus.csv", keep_default_na=False)
    assert sorted(listed["recording"]) == sorted(RECORDINGS)
    assert set(listed.loc[listed["split"] == "train", "piano"]) == {"AkPnBcht"}
    metrics = pd.read_csv(paths.results / "metrics.csv")
    assert set(metrics["test_set"]) == {"test", "pieces", "ENSTDkCl", "ENSTDkAm"}
