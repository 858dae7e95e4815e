"""What tools cost, and how they do under all errors: ``results/<corpus>/field_measured.csv``.

One row per tool, test set, condition and calibration, with the columns of
:func:`pianoalign_lib.scoring.metrics.evaluate` (of the notes that were played) and these:

- ``cpu_s_per_minute``: processor seconds, on one thread, per minute of audio for aligning one MIDI
  file, without ``start_cpu_s`` (imports, loading networks, compiling), paid once by each process;
- ``peak_mib``: largest peak memory over the recordings;
- ``extra_flagged``, ``played_flagged``: share of the notes that were never played, and of those
  that were, with another status than ``aligned``; empty for tools that tell no such notes;
- ``failures``: recordings that the tool failed on, whose notes keep their input onsets;
- ``versions`` of the tool's packages; ``not_run``: why there are no numbers, in a row of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths, topic
from pianoalign_lib.io.placement import ALIGNED
from pianoalign_lib.scoring.metrics import evaluate
from pianoalign_lib.scoring.scores import write_scores

from .measure import Task, read_part
from .registry import TOOLS
from .table import MEASURED

TOLERANCES_MS = (5, 10, 25, 50)
SCORED = [
    "test_set", "method", "condition", "calibrated", "n_recordings", "n_notes", "lost_share",
    "median_abs_error_s", "bias_s",
    *(f"acc_{ms}ms{end}" for ms in TOLERANCES_MS for end in ("", "_lo", "_hi")),
]  # fmt: skip
GROUP = ["test_set", "method", "condition"]


def write_measured(
    paths: CorpusPaths, params: dict[str, Any], method: str, tasks: list[Task], note: dict[str, Any]
) -> Path:
    """Write the rows of one tool into ``field_measured.csv``; those of the others stay.

    Parameters
    ----------
    tasks, note
        What was done, and what :func:`~benchmarks.field.run.run_field` returned. Of a tool that
        could not be run, rows that are there stay, too.

    Raises
    ------
    CorpusError
        If a part is missing or corrupt.
    """
    path = paths.results / MEASURED
    before = pd.read_csv(path) if path.is_file() else pd.DataFrame({"method": []})
    if "not_run" not in note:
        parts = [(task, read_part(task.path)) for task in tasks]
        frame = pd.concat([part.assign() for _, part in parts], ignore_index=True)
        frame.attrs = {}
        costs = pd.DataFrame([row for task, part in parts for row in _costs(task, part)])
        bootstrap = topic(params, "evaluation")["bootstrap"]
        rows = summarize(frame, costs, bootstrap, versions_text(note))
    elif method in set(before["method"]):
        return path
    else:
        rows = pd.DataFrame({"method": [method], "not_run": [note["not_run"]]})
    whole = pd.concat([before[before["method"] != method], rows], ignore_index=True)
    whole = whole.sort_values("method", key=lambda name: name.map(list(TOOLS).index), kind="stable")
    write_scores(path, whole[[*SCORED, *(name for name in whole if name not in SCORED)]])
    return path


def versions_text(note: dict[str, Any]) -> str:
    """Return the versions of a tool's packages in one line."""
    return ", ".join(f"{name} {number}" for name, number in note["versions"].items())


def summarize(
    frame: pd.DataFrame, costs: pd.DataFrame, bootstrap: dict[str, int], versions: str = ""
) -> pd.DataFrame:
    """Return the rows of one tool.

    Parameters
    ----------
    frame
        Its notes.
    costs
        One row per test set, recording and condition.
    bootstrap
        ``samples`` and ``seed`` of the intervals.
    """
    played = frame[~frame["is_extra"]]
    scores = evaluate(played, TOLERANCES_MS, bootstrap["samples"], bootstrap["seed"])[SCORED]
    more = [
        {**dict(zip(GROUP, map(str, key), strict=True)), **_cost(rows)}
        for key, rows in costs.groupby(GROUP)
    ]
    scores = scores.merge(pd.DataFrame(more), on=GROUP, how="left", validate="many_to_one")
    if TOOLS[str(frame["method"].iloc[0])].flags:
        flagged = frame.assign(flagged=frame["status"] != ALIGNED)
        shares = flagged.groupby([*GROUP, "is_extra"])["flagged"].mean().unstack("is_extra")
        shares = shares.reindex(columns=[True, False])
        shares.columns = pd.Index(["extra_flagged", "played_flagged"])
        scores = scores.merge(shares.reset_index(), on=GROUP, how="left")
    else:
        scores = scores.assign(extra_flagged=np.nan, played_flagged=np.nan)
    return scores.assign(versions=versions, not_run="")


def _costs(task: Task, part: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what a tool cost on an excerpt, one row for each condition."""
    names = ("duration_s", "start_cpu_s", "prepare_cpu_s", "peak_mib")
    whole = {name: part.attrs[name] for name in names}
    of = {"test_set": task.excerpt.test_set, "recording": task.excerpt.recording}
    return [of | {"method": task.method} | whole | cost for cost in part.attrs["conditions"]]


def _cost(rows: pd.DataFrame) -> dict[str, float]:
    cpu_s = rows["prepare_cpu_s"].sum() + rows["place_cpu_s"].sum()
    return {
        "cpu_s_per_minute": 60 * cpu_s / rows["duration_s"].sum(),
        "start_cpu_s": rows["start_cpu_s"].mean(),
        "peak_mib": rows["peak_mib"].max(),
        "failures": int((rows["failure"] != "").sum()),
    }
