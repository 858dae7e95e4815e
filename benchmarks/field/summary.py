"""From what was measured on the field to ``results/<corpus>/field.csv``.

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

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths, topic
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.io.placement import ALIGNED
from pianoalign_lib.scoring.metrics import evaluate
from pianoalign_lib.scoring.scores import write_scores

from .registry import TOOLS
from .run import field_folder

TOLERANCES_MS = (5, 10, 25, 50)
SCORED = [
    "test_set", "method", "condition", "calibrated", "n_recordings", "n_notes", "lost_share",
    "median_abs_error_s", "bias_s",
    *(f"acc_{ms}ms{end}" for ms in TOLERANCES_MS for end in ("", "_lo", "_hi")),
]  # fmt: skip
GROUP = ["test_set", "method", "condition"]


def write_field(paths: CorpusPaths, params: dict[str, Any]) -> Path:
    """Summarise all tools measured on a corpus, and write ``field.csv``.

    Of a tool that was not measured here, what the file says stays.

    Raises
    ------
    CorpusError
        If nothing was measured, or a file is corrupt.
    """
    folder, path = field_folder(paths), paths.results / "field.csv"
    before = pd.read_csv(path) if path.is_file() else pd.DataFrame({"method": []})
    rows = []
    for method in TOOLS:
        note = _read_note(folder / f"{method}.json")
        if "not_run" in note:
            not_run = pd.DataFrame({"method": [method], "not_run": [note["not_run"]]})
            kept = before[before["method"] == method]
            rows.append(kept if len(kept) else not_run)
            continue
        try:
            frame = pd.read_parquet(folder / f"{method}.parquet")
            costs = pd.read_csv(folder / f"{method}_cost.csv", keep_default_na=False)
        except (OSError, ValueError) as error:
            raise CorpusError(
                f"{folder}/{method}: corrupt; run 'python -m benchmarks.field' again"
            ) from error
        versions = ", ".join(f"{name} {number}" for name, number in note["versions"].items())
        rows.append(summarize(frame, costs, topic(params, "evaluation")["bootstrap"], versions))
    if not any("condition" in part for part in rows):
        raise CorpusError(f"{folder}: nothing was measured; run 'python -m benchmarks.field' first")
    summary = pd.concat(rows, ignore_index=True)
    ordered = [*SCORED, *(name for name in summary if name not in SCORED)]
    write_scores(path, summary[ordered])
    return path


def summarize(
    frame: pd.DataFrame, costs: pd.DataFrame, bootstrap: dict[str, int], versions: str = ""
) -> pd.DataFrame:
    """Return the rows of one tool.

    Parameters
    ----------
    frame
        Its notes (``<method>.parquet``).
    costs
        One row per test set, recording and condition (``<method>_cost.csv``).
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


def _cost(rows: pd.DataFrame) -> dict[str, float]:
    cpu_s = rows["prepare_cpu_s"].sum() + rows["place_cpu_s"].sum()
    return {
        "cpu_s_per_minute": 60 * cpu_s / rows["duration_s"].sum(),
        "start_cpu_s": rows["start_cpu_s"].mean(),
        "peak_mib": rows["peak_mib"].max(),
        "failures": int((rows["failure"] != "").sum()),
    }


def _read_note(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"not_run": "it was not measured on this corpus"}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CorpusError(f"{path}: corrupt; run 'python -m benchmarks.field' again") from error
