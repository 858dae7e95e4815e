"""The one interface of every corpus: a folder with an index, recordings and true notes.

``<folder>/recordings.csv`` lists the recordings; ``audio/<recording>.flac`` is mono 16 kHz and
``notes/<recording>.parquet`` the note table with the true onsets. The index is written last, so a
folder without one is not complete. ``stamps/<recording>.json`` says what a finished recording was
made of: it is made again only when that has changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from ..common.config import digest
from ..common.errors import CorpusError
from ..common.files import atomic_path, sha256_file, write_text
from ..io.audio import SAMPLE_RATE, load_audio, write_flac

INDEX = "recordings.csv"


@dataclass(frozen=True)
class Planned:
    """What is known of a recording before it is made."""

    recording: str
    split: str  # train, validation or test
    test_set: str  # the one it belongs to; empty outside the test split
    performance: str  # what was played; it occurs in one split only
    piano: str


@dataclass(frozen=True)
class Recording(Planned):
    """One row of the index."""

    room: str  # dry, or a few words on the simulated room
    duration_s: float
    n_notes: int
    sha256_audio: str


def audio_path(folder: Path, recording: str) -> Path:
    return folder / "audio" / f"{recording}.flac"


def notes_path(folder: Path, recording: str) -> Path:
    return folder / "notes" / f"{recording}.parquet"


def write_recording(
    folder: Path, plan: Planned, audio: np.ndarray, notes: pd.DataFrame, room: str
) -> Recording:
    """Write audio (mono, 16 kHz) and true note table of a recording; return its row."""
    path = audio_path(folder, plan.recording)
    write_flac(path, audio)
    with atomic_path(notes_path(folder, plan.recording)) as temporary:
        notes.to_parquet(temporary, index=False)
    known = {field.name: getattr(plan, field.name) for field in fields(Planned)}
    duration_s = round(len(audio) / SAMPLE_RATE, 3)
    return Recording(
        **known,
        room=room,
        duration_s=duration_s,
        n_notes=len(notes),
        sha256_audio=sha256_file(path),
    )


def make_once(folder: Path, recording: str, key: str, make: Callable[[], Recording]) -> Recording:
    """Return a recording's row of the index, from its stamp if it is finished, else made anew.

    Parameters
    ----------
    key
        Digest of everything that decides it.
    make
        Writes the recording (:func:`write_recording`).
    """
    stamp = folder / "stamps" / f"{recording}.json"
    row = _finished(folder, stamp, key)
    if row is None:
        row = make()
        write_text(stamp, json.dumps({"job": key, "row": asdict(row)}))
    return row


def _finished(folder: Path, stamp: Path, key: str) -> Recording | None:
    try:
        record = json.loads(stamp.read_text(encoding="utf-8"))
        row, same = Recording(**record["row"]), record["job"] == key
    except (OSError, ValueError, KeyError, TypeError):  # none, or not one of this version
        return None
    audio, notes = audio_path(folder, row.recording), notes_path(folder, row.recording)
    whole = audio.is_file() and sha256_file(audio) == row.sha256_audio and notes.is_file()
    return row if whole and same else None


def write_index(folder: Path, recordings: list[Recording]) -> None:
    """Write the index, sorted by name; call it when everything else is in place."""
    frame = pd.DataFrame([asdict(recording) for recording in recordings])
    frame = frame.sort_values(["split", "test_set", "recording"], ignore_index=True)
    with atomic_path(folder / INDEX) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_index(folder: Path, *, split: str | None = None) -> list[Recording]:
    """Return the recordings of a folder, all or of one split.

    Raises
    ------
    CorpusError
        If the folder has no index, or a broken one, or nothing of that split.
    """
    path = folder / INDEX
    if not path.is_file():
        raise CorpusError(f"{path}: not found; run 'pianoalign data render' for this corpus first")
    try:
        frame = pd.read_csv(path, keep_default_na=False)
        names = [field.name for field in fields(Recording)]
        rows = frame[names].to_dict(orient="records")
    except (KeyError, ValueError) as error:
        raise CorpusError(f"{path}: is no index of recordings; render the corpus again") from error
    recordings = [Recording(**{str(key): value for key, value in row.items()}) for row in rows]
    if split is not None:
        recordings = [recording for recording in recordings if recording.split == split]
    if not recordings:
        raise CorpusError(
            f"{path}: lists no recordings of split '{split}'; render the corpus again"
        )
    return recordings


def load_recording(folder: Path, recording: Recording) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the audio (mono, 16 kHz) and the true note table of a recording.

    Raises
    ------
    CorpusError
        If the audio is not the file the index was made for, or the notes are missing.
    """
    path = audio_path(folder, recording.recording)
    if not path.is_file() or sha256_file(path) != recording.sha256_audio:
        raise CorpusError(f"{path}: missing or not the file in the index; render the corpus again")
    return load_audio(path), load_notes(folder, recording)


def load_notes(folder: Path, recording: Recording) -> pd.DataFrame:
    """Return the true note table of a recording.

    Raises
    ------
    CorpusError
        If the file is missing, corrupt or has another number of notes than the index.
    """
    path = notes_path(folder, recording.recording)
    try:
        notes = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: missing or corrupt; render the corpus again") from error
    if len(notes) != recording.n_notes:
        raise CorpusError(
            f"{path}: has {len(notes)} notes, the index says {recording.n_notes}; render again"
        )
    return notes


def corpus_hash(recordings: list[Recording]) -> str:
    """Return twelve hexadecimal digits over every recording's name and audio."""
    return digest(sorted((item.recording, item.sha256_audio, item.n_notes) for item in recordings))
