"""Stamps: a recording that is finished is not made again, unless its settings or files changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from ..common.files import sha256_file, write_text
from .recordings import Recording, audio_path, notes_path


def stamp_path(folder: Path, recording: str) -> Path:
    return folder / "stamps" / f"{recording}.json"


def write_stamp(folder: Path, job: str, row: Recording) -> None:
    """Note that a recording is finished; call it when its audio and notes are in place."""
    write_text(stamp_path(folder, row.recording), json.dumps({"job": job, "row": asdict(row)}))


def finished(folder: Path, recording: str, job: str) -> Recording | None:
    """Return a recording's row of the index if it is finished, else None.

    Parameters
    ----------
    job
        Digest of everything that decides it; another one means that it must be made again.
    """
    try:
        record = json.loads(stamp_path(folder, recording).read_text(encoding="utf-8"))
        row = Recording(**record["row"])
        same = record["job"] == job
    except (OSError, ValueError, KeyError, TypeError):  # none, or not one of this version
        return None
    audio, notes = audio_path(folder, row.recording), notes_path(folder, row.recording)
    whole = audio.is_file() and sha256_file(audio) == row.sha256_audio and notes.is_file()
    return row if whole and same else None
