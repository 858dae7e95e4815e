"""A tiny project that tests can train and evaluate in seconds: eight recordings of toy tones."""

from __future__ import annotations

import shutil
from pathlib import Path

import mido
import numpy as np
import pandas as pd
import pytest
import yaml

from pianoalign_lib.common.config import CorpusPaths, corpus_paths
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.corpora.recordings import Recording, audio_path, notes_path, write_index
from pianoalign_lib.io.audio import SAMPLE_RATE, write_flac
from pianoalign_lib.io.notes import note_table

ROOT = Path(__file__).resolve().parent.parent


class ClickPiano:
    """A piano whose every note is one sample, 3 ms after its note-on."""

    def render(self, notes, duration_s):
        audio = np.zeros(round(duration_s * SAMPLE_RATE), dtype=np.float32)
        audio[np.rint((notes["onset_s"] + 0.003) * SAMPLE_RATE).astype(int)] = 0.5
        return audio

    def attack_s(self, pitch, velocity):
        return np.full(len(pitch), 0.003)


def write_unusable(folder: Path) -> None:
    """Write ``text.wav``, which is no sound, ``empty.mid``, and ``other.mid``, of another piece."""
    (folder / "text.wav").write_text("no sound at all")
    mido.MidiFile(tracks=[mido.MidiTrack()]).save(folder / "empty.mid")
    other = mido.MidiFile(tracks=[mido.MidiTrack()])
    for pitch in np.random.default_rng(0).integers(30, 100, 200):
        other.tracks[0].append(mido.Message("note_on", note=int(pitch), time=150))
        other.tracks[0].append(mido.Message("note_off", note=int(pitch), time=90))
    other.save(folder / "other.mid")


def toy_notes(rng: np.random.Generator, seconds: float):
    """Return a note table of single tones, 0.2 s apart, between middle C and the C above."""
    onset_s = np.arange(1.0, seconds - 1.0, 0.2) + rng.uniform(0, 0.05)
    pitch = rng.integers(60, 73, len(onset_s))
    return note_table(pitch, rng.integers(50, 100, len(onset_s)), onset_s, onset_s + 0.15)


def toy_audio(notes, seconds: float) -> np.ndarray:
    """Return decaying tones with a sharp attack on each onset."""
    audio = np.zeros(round(seconds * SAMPLE_RATE))
    for note in notes.itertuples():
        first = round(note.onset_s * SAMPLE_RATE)
        time_s = np.arange(len(audio) - first) / SAMPLE_RATE
        hz = 440.0 * 2 ** ((note.pitch - 69) / 12)
        audio[first:] += 0.2 * np.sin(2 * np.pi * hz * time_s) * np.exp(-time_s / 0.08)
    return audio.astype(np.float32)


def write_toy_part(folder: Path, names: list[tuple[str, str, str]], seconds: float = 8.0) -> None:
    """Write recordings given as (name, split, test set)."""
    rows = []
    for index, (name, split, test_set) in enumerate(names):
        notes = toy_notes(np.random.default_rng(index), seconds)
        write_flac(audio_path(folder, name), toy_audio(notes, seconds))
        notes_path(folder, name).parent.mkdir(exist_ok=True)
        notes.to_parquet(notes_path(folder, name))
        sha256 = sha256_file(audio_path(folder, name))
        rows.append(
            Recording(name, split, test_set, name, "toy", "dry", seconds, len(notes), sha256)
        )
    write_index(folder, rows)


@pytest.fixture
def toy_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CorpusPaths:
    """Return the folders of a small corpus inside a project of its own, which is the cwd."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["training"] |= {"epochs": 3, "steps_per_epoch": 3, "batch_size": 2, "excerpt_s": 0.5}
    params["decoding"]["thresholds"] = [0.3, 0.5]
    params["evaluation"]["bootstrap"]["samples"] = 50
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    paths = corpus_paths("demo")
    write_toy_part(paths.split("train"), [(f"t{i}", "train", "") for i in range(3)])
    held_out = [("v0", "validation", ""), ("e0", "test", "test"), ("e1", "test", "test")]
    write_toy_part(paths.split("eval"), [*held_out, ("r0", "test", "room")])
    return paths


def example_project(root: Path) -> Path:
    """Return a folder made into a project whose corpus is the example, with the real results."""
    shutil.copyfile(ROOT / "params.yaml", root / "params.yaml")
    for name in ("notebooks", "examples", "checkpoints", "results"):
        (root / name).symlink_to(ROOT / name)
    folder, name = corpus_paths("demo", root).split("eval"), "example"
    for path in (audio_path(folder, name), notes_path(folder, name)):
        path.parent.mkdir(parents=True)
    recording = ROOT / "examples" / "recording.flac"
    shutil.copyfile(recording, audio_path(folder, name))
    notes = pd.read_csv(ROOT / "examples" / "true_notes.csv")
    notes.to_parquet(notes_path(folder, name))
    known = ("test", "test", name, "florestan", "dry", 39.66, len(notes), sha256_file(recording))
    write_index(folder, [Recording(name, *known)])
    return root


@pytest.fixture
def repository() -> Path:
    """Return the repository's own folder."""
    return ROOT


@pytest.fixture
def copy_checkpoint(repository: Path):
    """Return a function that puts a shipped checkpoint into a toy project."""

    def copy(paths: CorpusPaths, variant: str) -> Path:
        target = paths.checkpoints / f"{variant}.safetensors"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository / "checkpoints" / "demo" / target.name, target)
        return target

    return copy
