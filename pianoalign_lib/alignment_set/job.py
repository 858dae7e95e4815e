"""One pair of a data set: aligned, written beside its record; or a record that says why not.

The record is written last. Where it is, and fits inputs and options, the pair is finished.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..alignment.aligner import align, check_weights
from ..alignment.formats import render, suffix_of
from ..alignment.result import LEAST_SURE, Alignment
from ..common import __version__
from ..common.errors import PianoAlignError
from ..common.files import atomic_path, sha256_file, write_text
from ..io.placement import STATUSES
from ..localizer.runner import WEIGHTS
from .pairs import Pair

ALIGNED, DOUBTFUL, FAILED, NOT_RUN = "aligned", "doubtful", "failed", "not run"
Record = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What is made of each pair: all that the bytes of a result depend on, but its inputs."""

    out: Path
    notes: str = "csv"
    repeats: str = "once"
    weights: str = "localizer"
    keep_beats: bool = False
    reports: bool = False

    def made_with(self) -> Record:
        """Return options, version and the weights' hash, as a record has them."""
        options = {name: value for name, value in asdict(self).items() if name != "out"}
        digest = _weights_digest(self.weights)
        return {**options, "weights_sha256": digest, "version": __version__}

    def file(self, pair: Pair, suffix: str) -> Path:
        """Return where a result of a pair is."""
        return self.out / f"{pair.name}{suffix}"

    def outputs(self, pair: Pair) -> list[Path]:
        """Return the files that a pair which does not fail has, but for its record."""
        suffixes = [".mid", suffix_of(self.notes), *[".html"] * self.reports]
        return [self.file(pair, suffix) for suffix in suffixes]


def finished(pair: Pair, task: Task) -> Record | None:
    """Return the record of a pair that need not be aligned again, else None."""
    try:
        record = json.loads(task.file(pair, ".json").read_bytes())
        same = record["made_with"] == task.made_with() and record["inputs"] == _stamps(pair)
        there = all(path.is_file() for path in task.outputs(pair) if record["status"] != FAILED)
    except (OSError, ValueError, KeyError, TypeError):  # no record, or no record of ours
        return None
    return record if same and there else None


def align_pair(pair: Pair, task: Task) -> Record:
    """Align a pair, write its results and its record, and return the record; never raise for it."""
    start_s = time.perf_counter()
    record: Record = {
        "name": pair.name,
        "made_with": task.made_with(),
        "inputs": _stamps(pair),
    }
    try:
        # Hashed before they are read: a file that is exchanged meanwhile is found by its time.
        digests = {
            "recording_sha256": _digest(pair.recording),
            "midi_sha256": _digest(pair.midi),
        }
        result = align(pair.recording, pair.midi, repeats=task.repeats, weights=task.weights)
        _write(result, pair, task)
        record |= digests | _told(result)
    except PianoAlignError as error:
        record |= failure(str(error))
    except MemoryError:
        record |= failure("not enough memory; use fewer workers")
    except Exception as error:  # a defect of ours or of a package's: the others go on
        record |= failure(f"unexpected {type(error).__name__}: {error}; please report it")
    if record["status"] == FAILED:
        for path in task.outputs(pair):
            path.unlink(missing_ok=True)  # of an earlier run, with other inputs
    record["seconds"] = round(time.perf_counter() - start_s, 3)
    write_text(task.file(pair, ".json"), json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return record


def align_once(pair: Pair, task: Task) -> Record:
    """Align a pair, unless that is done: a process may die between its record and its answer."""
    return finished(pair, task) or align_pair(pair, task)


def failure(reason: str) -> Record:
    """Return what a record says of a pair that has no result."""
    return {"status": FAILED, "message": " ".join(reason.split())}


def _write(result: Alignment, pair: Pair, task: Task) -> None:
    midi, notes, *report = task.outputs(pair)
    with atomic_path(midi) as temporary:
        temporary.write_bytes(result.midi_bytes(keep_beats=task.keep_beats))
    write_text(notes, render(result, task.notes))
    if report:
        result.write_report(report[0])


def _told(result: Alignment) -> Record:
    """Return what a summary says of an alignment."""
    counts = result.notes["status"].value_counts()
    sure_share = result.sure_share
    return {
        "status": DOUBTFUL if sure_share < LEAST_SURE else ALIGNED,
        "notes": len(result.notes),
        "counts": {status: int(counts.get(status, 0)) for status in STATUSES},
        "sure_share": round(sure_share, 4),
        "duration_s": round(result.duration_s, 3),
        "structure": result.structure_text(),
        "tuning_hz": round(result.tuning, 1),
        "transposition": result.transposition,
        "message": " ".join("; ".join(result.remarks).split()),
    }


def _stamps(pair: Pair) -> Record:
    """Return size and time of the inputs, by which a file that was exchanged is found quickly."""
    stamps: Record = {}
    for key, path in (("recording", pair.recording), ("midi", pair.midi)):
        try:
            found = path.stat()
            stamps[key] = [os.path.abspath(path), found.st_size, found.st_mtime_ns]
        except OSError:
            stamps[key] = [os.path.abspath(path), None, None]
    return stamps


def _digest(path: Path) -> str | None:
    """Return the hash of an input; None where the reader is to say what is wrong with it."""
    return sha256_file(path) if path.is_file() else None


@cache
def _weights_digest(weights: str) -> str:
    check_weights(weights)
    return sha256_file(WEIGHTS / f"{weights}.onnx")
