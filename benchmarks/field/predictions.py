"""Where every tool placed every note: ``results/<corpus>/field/<method>.parquet``, committed.

``none.parquet`` holds the notes themselves: test set, recording, performance, condition, note_id,
pitch, velocity, their true onset and the one that the tools were given. The others hold, for the
same recording, condition and note_id, the onset found and whether the tool heard the note.
Onsets are of single precision, 4 µs at most in an excerpt of a minute. ``tools.json`` has versions
and weights, or why a tool was not run. All of it can be scored again without running a tool.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import atomic_path, write_text

from .measure import Task, read_part, stored_key
from .registry import TOOLS

INPUT = "none"
KEY = ["recording", "condition", "note_id"]
NOTE = [
    "test_set", "recording", "performance", "condition", "note_id", "pitch", "velocity",
    "onset_true_s", "onset_in_s",
]  # fmt: skip
FOUND = [*KEY, "onset_s", "placed"]
STORED: dict[str, Any] = {
    "test_set": "category", "recording": "category", "performance": "category",
    "condition": "category", "note_id": np.int32, "pitch": np.int8, "velocity": np.int8,
    "onset_true_s": np.float32, "onset_in_s": np.float32, "onset_s": np.float32,
}  # fmt: skip


def predictions_folder(paths: CorpusPaths) -> Path:
    """Return the folder of the stored predictions."""
    return paths.results / "field"


def store(paths: CorpusPaths, method: str, tasks: list[Task], note: dict[str, Any]) -> None:
    """Store what a tool found, of those tasks that are done; other recordings' notes stay.

    Parameters
    ----------
    tasks, note
        What there was to do, and what :func:`~benchmarks.field.run.run_field` returned.
    """
    path = predictions_folder(paths) / f"{method}.parquet"
    done = [task for task in tasks if stored_key(task.path) == task.key]
    failed: dict[str, str] = {}
    if done:
        whole_parts = [read_part(task.path) for task in done]
        new = {task.excerpt.recording for task in done}
        failed = _failures(done, whole_parts)
        parts = [part[NOTE if method == INPUT else FOUND] for part in whole_parts]
        if path.is_file():
            known = pd.read_parquet(path)
            parts.append(known[~known["recording"].isin(new)])
        for part in parts:
            part.attrs = {}
        whole = pd.concat(parts, ignore_index=True).sort_values(KEY, ignore_index=True)
        whole = whole.astype({name: kind for name, kind in STORED.items() if name in whole})
        with atomic_path(path) as temporary:
            whole.to_parquet(temporary, index=False, compression="zstd")
    notes = read_notes(paths)
    if done or "not_run" in note and not path.is_file():
        notes[method] = note | ({"failed": failed} if failed else {})
    ordered = {name: notes[name] for name in TOOLS if name in notes}
    write_text(predictions_folder(paths) / "tools.json", json.dumps(ordered, indent=2) + "\n")


def read_notes(paths: CorpusPaths) -> dict[str, dict[str, Any]]:
    """Return versions and weights of each tool that was run, or why one was not."""
    path = predictions_folder(paths) / "tools.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def read_predictions(paths: CorpusPaths) -> dict[str, pd.DataFrame]:
    """Return the stored predictions of each tool, as frames that can be scored.

    Raises
    ------
    CorpusError
        If there are none, or those of a tool are of other notes than the input's.
    """
    folder = predictions_folder(paths)
    files = {name: folder / f"{name}.parquet" for name in TOOLS}
    if not files[INPUT].is_file():
        raise CorpusError(f"{files[INPUT]}: not found; run 'python -m benchmarks.field' first")
    notes = _read(files.pop(INPUT))
    found = {INPUT: notes.assign(method=INPUT, onset_s=notes["onset_in_s"], placed=True)}
    for name, file in files.items():
        if file.is_file():
            placed = _read(file)
            whole = notes.merge(placed, on=KEY, validate="one_to_one")
            counts = notes["recording"].value_counts()[whole["recording"].unique()]
            if len(whole) != len(placed) or len(whole) != counts.sum():
                raise CorpusError(f"{file}: of other notes than {INPUT}.parquet; run it again")
            found[name] = whole.assign(method=name)
    return found


def _failures(tasks: list[Task], parts: list[pd.DataFrame]) -> dict[str, str]:
    """Return the recordings that a tool failed on, whose notes keep their input onsets, and why."""
    reasons = {
        task.excerpt.recording: next(
            filter(None, (row["failure"] for row in part.attrs["conditions"])), ""
        )
        for task, part in zip(tasks, parts, strict=True)
    }
    return {name: reason for name, reason in reasons.items() if reason}


def _read(file: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{file}: corrupt; restore it from git") from error
    kinds = {name: str for name, kind in STORED.items() if kind == "category" and name in frame}
    return frame.astype(kinds)
