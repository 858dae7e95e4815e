"""From the stored predictions to scores: ``field.csv`` and three files beside it; no tool is run.

``results/<corpus>/field.csv``
    One row per tool, test set and reading of the offset, pooled, with intervals over performances;
    costs are those of ``field_measured.csv``, of fewer excerpts.
``field_per_recording.csv``
    The same recording by recording, the validation recordings among them.
``field_paired.csv``
    Ours minus each other tool on the same recordings, with a paired interval, as shares.
``field_by_note.csv``
    Those that hear single notes, by velocity and repetition (:mod:`.by_note`).

The offset is read in three ways: ``raw`` leaves each onset where the tool put it; ``validation``
takes off one constant per tool, its median error on the corpus's validation recordings, which a
user could know; ``oracle`` takes off each test recording's own median error, which nobody can.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from companion.comparison import compare_scores
from pianoalign_lib.common.config import CorpusPaths, topic
from pianoalign_lib.common.labels import REAL_SETS
from pianoalign_lib.corpora.performances import DRY
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.scoring.metrics import evaluate_all
from pianoalign_lib.scoring.scores import write_scores

from .by_note import BY_NOTE, field_by_note
from .excerpts import DEVELOPMENT_RECORDINGS
from .measured import SCORED, TOLERANCES_MS, versions_text
from .predictions import INPUT, read_notes, read_predictions
from .registry import TOOLS
from .table import (
    DEVELOPMENT,
    DISKLAVIER,
    FIELD,
    MAIN,
    MEASURED,
    OURS,
    PAIRED,
    VALIDATION,
)  # fmt: skip

PER_RECORDING = "field_per_recording.csv"
PAIRED_MS = (10, 50)
PAIRS = ["test_set", "offset", "method", "other", "tolerance_ms", "difference", "lo", "hi"]
COSTS = ["cpu_s_per_minute", "start_cpu_s", "peak_mib"]
SINGLE = [
    "test_set", "method", "condition", "offset", "calibrated", "recording", "performance",
    "n_notes", "lost_share", "median_abs_error_s", "bias_s",
    *(f"acc_{ms}ms" for ms in TOLERANCES_MS),
]  # fmt: skip


def write_field(paths: CorpusPaths, params: dict[str, Any]) -> Path:
    """Score what is stored of a corpus; write ``field.csv`` and the three files beside it.

    Raises
    ------
    CorpusError
        If nothing is stored, or a file is corrupt.
    """
    bootstrap = topic(params, "evaluation")["bootstrap"]
    found, notes = read_predictions(paths), read_notes(paths)
    pooled, single, reasons = [], [], []
    complete: dict[str, pd.DataFrame] = {}  # the test sets that a tool was run on as a whole
    for method in TOOLS:
        if method in found:
            whole, missing = whole_sets(found[method], _given(paths, found[INPUT], method))
            complete[method] = whole
            scores, each = readings(whole, bootstrap)
            failed = whole[whole["recording"].isin(notes[method].get("failed", ()))]
            counts = failed.groupby("test_set")["recording"].nunique()
            scores["failures"] = scores["test_set"].map(counts).fillna(0).astype(int)
            pooled.append(scores.assign(versions=versions_text(notes[method])))
            single.append(each)
        else:
            known = notes.get(method, {}).get("not_run") or TOOLS[method].not_run.get(paths.corpus)
            missing = known or "it was not run on this corpus"
        if missing:
            reasons.append({"method": method, "not_run": missing})
    scored, each = (pd.concat(parts, ignore_index=True) for parts in (pooled, single))
    scored = _with_costs(scored[scored["test_set"] != VALIDATION], paths.results / MEASURED)
    others = pd.DataFrame(reasons, columns=["method", "not_run"])
    kinds = {name: "Int64" for name in ("n_recordings", "n_notes", "failures")}
    write_scores(paths.results / FIELD, pd.concat([scored, others]).astype(kinds))
    derived = each["test_set"].isin([DISKLAVIER, DEVELOPMENT])
    write_scores(paths.results / PER_RECORDING, each.loc[~derived, SINGLE])
    write_scores(paths.results / BY_NOTE, field_by_note(complete, bootstrap))
    write_scores(paths.results / PAIRED, paired(each[each["test_set"] != VALIDATION], bootstrap))
    return paths.results / FIELD


def _given(paths: CorpusPaths, given: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return what a tool was to be run on: without rooms, whose rate is 16 kHz, at another rate."""
    if TOOLS[method].rate == SAMPLE_RATE:
        return given
    listed = pd.read_csv(paths.results / "corpus.csv")
    return given[given["recording"].isin(listed.loc[listed["room"] == DRY, "recording"])]


def whole_sets(frame: pd.DataFrame, given: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return a tool's notes in those test sets that it was run on as a whole, and what is missing.

    The two microphone positions of the Disklavier also make one set together, and those eight
    excerpts that were used in development one of their own.
    """
    frame, given = _with_sets(frame), _with_sets(given)
    there = frame.groupby("test_set")["recording"].nunique()
    wanted = given.groupby("test_set")["recording"].nunique()
    short = [
        f"{there.get(name, 0)} of {count} recordings of {name}"
        for name, count in wanted.items()
        if there.get(name, 0) < count
    ]
    whole = frame[frame["test_set"].map(lambda name: there[name] == wanted[name])]
    return whole, f"so far run on {', '.join(short)}" if short else ""


def readings(frame: pd.DataFrame, bootstrap: dict[str, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a tool's scores under the three readings of its offset, pooled and by recording."""
    error_s = frame["onset_s"].astype(float) - frame["onset_true_s"]
    offset_s = error_s[frame["test_set"] == VALIDATION].median()
    frames = {"raw": frame}
    if pd.notna(offset_s):
        frames["validation"] = frame.assign(onset_s=frame["onset_s"].astype(float) - offset_s)
    pooled: list[pd.DataFrame] = []
    single: list[pd.DataFrame] = []
    for name, rows in frames.items():
        both = evaluate_all(rows, TOLERANCES_MS, bootstrap["samples"], bootstrap["seed"])
        for part, to in zip(both, (pooled, single), strict=True):
            part = part.assign(offset=part["calibrated"].map({False: name, True: "oracle"}))
            to.append(part if name == "raw" else part[~part["calibrated"]])
    scores, each = (pd.concat(parts, ignore_index=True) for parts in (pooled, single))
    return scores[[*SCORED, "offset"]].assign(offset_s=offset_s), each


def paired(each: pd.DataFrame, bootstrap: dict[str, int]) -> pd.DataFrame:
    """Return how far ours is from each other tool, on the same draws of performances."""
    rows = []
    for (test_set, offset), group in each.groupby(["test_set", "offset"], sort=False):
        there = [name for name in TOOLS if name != OURS and (group["method"] == name).any()]
        for other in there if (group["method"] == OURS).any() else []:
            for ms in PAIRED_MS:
                found = compare_scores(
                    group, OURS, other, MAIN, ms, test_set=str(test_set),
                    calibrated=offset == "oracle", **bootstrap,
                )  # fmt: skip
                names = {"test_set": test_set, "offset": offset, "method": OURS, "other": other}
                values = {"difference": found.difference, "lo": found.lo, "hi": found.hi}
                rows.append(names | {"tolerance_ms": ms} | values)
    return pd.DataFrame(rows, columns=PAIRS)


def _with_sets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the notes, those of the Disklavier also as further test sets."""
    real = frame[frame["test_set"].isin(REAL_SETS)]
    used = real[real["recording"].isin(DEVELOPMENT_RECORDINGS)]
    further = [real.assign(test_set=DISKLAVIER), used.assign(test_set=DEVELOPMENT)]
    return pd.concat([frame, *further], ignore_index=True)


def _with_costs(scores: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return scores with what was measured of each tool: on software, or on real recordings."""
    if not path.is_file():
        return scores.assign(**dict.fromkeys(COSTS))
    costs = pd.read_csv(path)
    costs = costs[(costs["condition"] == MAIN) & (costs["calibrated"].astype(str) == "False")]
    costs = costs.set_index(["test_set", "method"])[COSTS]
    real = scores["test_set"].isin([*REAL_SETS, DISKLAVIER, DEVELOPMENT])
    sets = scores["test_set"].where(~real, DEVELOPMENT)
    found = costs.reindex(pd.MultiIndex.from_arrays([sets, scores["method"]]))
    return pd.concat([scores, found.set_index(scores.index)], axis=1)
