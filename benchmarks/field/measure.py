"""One tool on one excerpt: onsets, processor time and peak memory."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import sys
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.placement import NOT_HEARD, Aligner, Placement

from .conditions import field_notes
from .excerpts import Excerpt, load_excerpt, rendered_at
from .registry import adapter

log = logging.getLogger(__name__)
Result = TypeVar("Result")
THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


def one_thread() -> None:
    """Let processes that begin from here use one thread, whatever library they use."""
    os.environ.update(dict.fromkeys(THREADS, "1"))


@dataclass(frozen=True)
class Task:
    """A tool on an excerpt, and where its parts are kept.

    Attributes
    ----------
    path, key
        Where the result is kept, and what it depends on.
    heard_path, heard_key
        The same of what a transcriber hears.
    before_path
        Result of the tool that warps the notes before, if one does.
    conditions
        The timing errors of the input.
    rate
        The sample rate of what the tool is given, in Hz.
    """

    method: str
    excerpt: Excerpt
    path: Path
    key: str
    heard_path: Path
    heard_key: str
    before_path: Path | None
    conditions: tuple[str, ...]
    rate: int = SAMPLE_RATE


def measure(paths: CorpusPaths, params: dict[str, Any], task: Task) -> None:
    """Store where a tool places the notes of an excerpt under the conditions, and its costs.

    The costs are the frame's ``attrs``.

    Raises
    ------
    CorpusError
        If the recording is missing, or the result of the tool before.
    """
    audio, notes = load_excerpt(paths, task.excerpt)
    duration_s, rate = len(audio) / SAMPLE_RATE, {}
    if task.rate != SAMPLE_RATE:
        audio, rate = rendered_at(paths, params, task.excerpt, task.rate), {"rate": task.rate}
    start_cpu_s = _started(task.method, paths, params)
    forget_peak()
    tool = adapter(task.method, paths, params)
    heard = _heard(task, partial(tool.hear, **rate), audio) if hasattr(tool, "hear") else None
    before = None if task.before_path is None else read_part(task.before_path)
    align, prepare_cpu_s = _timed(partial(_prepared, tool, audio, heard))
    parts, costs = [], []
    for condition in task.conditions:
        loose = field_notes(notes, condition, task.excerpt.recording, params)
        given = loose[["note_id", "pitch", "velocity", "onset_s", "offset_s"]]
        if before is not None:
            given = _warped(given, before[before["condition"] == condition])
        (found, failure), cpu_s = _timed(partial(_placed, align, given))
        if failure:
            name = task.excerpt.recording
            log.warning("%s: %s under %s: %s", task.method, name, condition, failure)
        parts.append(_rows(task, condition, loose, found))
        costs.append({"condition": condition, "place_cpu_s": cpu_s, "failure": failure})
    frame = pd.concat(parts, ignore_index=True)
    own = {"start_cpu_s": start_cpu_s, "prepare_cpu_s": prepare_cpu_s, "peak_mib": peak_mib()}
    needed = [part.attrs for part in (heard, before) if part is not None]
    attrs: dict[Hashable | None, Any] = {"key": task.key, "duration_s": duration_s}
    frame.attrs = attrs | {"conditions": costs, **_with_costs(own, costs, needed)}
    _write(frame, task.path)


def read_part(path: Path) -> pd.DataFrame:
    """Return a stored part, its costs in ``attrs``.

    Raises
    ------
    CorpusError
        If it is missing or corrupt.
    """
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"{path}: missing or corrupt; run 'python -m benchmarks.field' with this method first"
        ) from error


def stored_key(path: Path) -> str:
    """Return what a stored part was measured with; empty if there is none, or a broken one."""
    try:
        return str(read_part(path).attrs.get("key", ""))
    except CorpusError:
        return ""


def _prepared(tool: Any, audio: np.ndarray, heard: pd.DataFrame | None) -> Aligner:
    """Return a tool on a recording, or on what it heard of it."""
    return tool.prepare(audio) if heard is None else tool.place_on(heard)


def _heard(task: Task, hear: Callable, audio: np.ndarray) -> pd.DataFrame:
    """Return what a transcriber hears, which is kept: hearing can take longer than real time."""
    if stored_key(task.heard_path) == task.heard_key:
        return read_part(task.heard_path)
    heard, cpu_s = _timed(partial(hear, audio))
    heard.attrs = {"key": task.heard_key, "prepare_cpu_s": cpu_s, "peak_mib": peak_mib()}
    _write(heard, task.heard_path)
    return heard


def _warped(notes: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Return notes where the tool before has placed them."""
    rows = before.set_index("note_id").loc[notes["note_id"]]
    return notes.assign(onset_s=rows["onset_s"].to_numpy(), offset_s=rows["offset_s"].to_numpy())


def _with_costs(own: dict, costs: list[dict], others: list[dict]) -> dict[str, float]:
    """Return a tool's costs with those of what it needs, and add theirs of each condition."""
    for other in others:
        for name in ("start_cpu_s", "prepare_cpu_s"):
            own[name] += other.get(name, 0.0)
        own["peak_mib"] = max(own["peak_mib"], other["peak_mib"])
        for mine, theirs in zip(costs, other.get("conditions", []), strict=False):
            mine["place_cpu_s"] += theirs["place_cpu_s"]
    return own


@cache
def _start_cpu_s(method: str) -> list[float]:
    return []


def _started(method: str, paths: CorpusPaths, params: dict[str, Any]) -> float:
    """Start a tool, once in a process, and return what that took."""
    known = _start_cpu_s(method)
    if not known:
        known.append(_timed(lambda: adapter(method, paths, params).start())[1])
    return known[0]


def _placed(align: Aligner, notes: pd.DataFrame) -> tuple[Placement, str]:
    """Return where a tool places notes; one that fails leaves them where they are, and why."""
    try:
        found = align(notes)
        if not np.isfinite(found.onset_s).all():
            raise ValueError("onsets that are not finite")
        return found, ""
    except Exception as error:  # other people's tools raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        lost = np.full(len(notes), NOT_HEARD, object)
        return Placement(notes["onset_s"].to_numpy(), np.full(len(notes), np.nan), lost), reason


def _rows(task: Task, condition: str, loose: pd.DataFrame, found: Placement) -> pd.DataFrame:
    length_s = (loose["offset_s"] - loose["onset_s"]).to_numpy()
    return pd.DataFrame(
        {
            "test_set": task.excerpt.test_set,
            "recording": task.excerpt.recording,
            "performance": task.excerpt.source.performance,
            "method": task.method,
            "condition": condition,
            "note_id": loose["note_id"],
            "pitch": loose["pitch"],
            "velocity": loose["velocity"],
            "onset_true_s": loose["onset_true_s"],
            "onset_in_s": loose["onset_s"],
            "onset_s": found.onset_s,
            "offset_s": found.onset_s + length_s,
            "confidence": np.asarray(found.confidence, np.float32),
            "placed": found.heard,
            "is_extra": loose["is_extra"],
            "status": found.status,
        }
    )


def _timed(run: Callable[[], Result]) -> tuple[Result, float]:
    before = _cpu_s()
    result = run()
    return result, _cpu_s() - before


def _cpu_s() -> float:
    """Return the processor time of this process and of the children it has waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_mib() -> float:
    """Return this process's peak memory.

    From Linux's own account where there is one, which :func:`forget_peak` can reset; ``ru_maxrss``
    also counts the program that started this one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak() -> None:
    """Let the peak be that from here on, where Linux can do that; elsewhere it is the process's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _write(frame: pd.DataFrame, path: Path) -> None:
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)
