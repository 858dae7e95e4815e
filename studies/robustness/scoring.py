"""What a method's answer to a case is worth: notes found, notes far off, and silent errors.

A *silent error* is a note that is called aligned and lies more than 100 ms from where it sounds, or
was not played at all. A note that sounds twice may be put at either time; of two passages of the
MIDI of which one was played, the one that speaks for the method counts as played.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pianoalign_lib.io.placement import ALIGNED
from pianoalign_lib.scoring.metrics import EPSILON_S

from .cases import Case
from .methods import REFUSED

SILENT_S, FAR_S = 0.1, 0.5
KEYS = ["test_set", "condition", "method"]


def judge(given: Case, onset_s: np.ndarray, status: np.ndarray) -> pd.DataFrame:
    """Return one row per note: error_s (NaN: has no true time, or no onset), is_played, status."""
    aligned = status == ALIGNED
    readings = []
    for true_s in given.truths:
        distance_s = onset_s[:, None] - true_s
        nearest = np.where(np.isnan(distance_s), np.inf, np.abs(distance_s)).argmin(axis=1)
        error_s = np.take_along_axis(distance_s, nearest[:, None], axis=1)[:, 0]
        silent = np.sum(aligned & ~(np.abs(error_s) <= SILENT_S + EPSILON_S))
        readings.append((silent, error_s, ~np.isnan(true_s).all(axis=1)))
    _, error_s, is_played = min(readings, key=lambda reading: reading[0])
    frame = given.notes[["note_id", "pitch"]].assign(onset_in_s=given.notes["onset_s"])
    return frame.assign(
        onset_s=onset_s, error_s=error_s, is_played=is_played, status=status.astype(str)
    )


def summarise(notes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per test set, condition and method.

    Columns: n_recordings, n_notes, n_played, n_aligned, n_silent; of the notes that were played
    acc_10ms, acc_50ms, far_share (more than 0.5 s off) and aligned_share; silent_share, of the
    notes called aligned, and silent_worst, of the worst recording; absent_aligned, of the notes
    that were not played; refused_share, of the recordings.
    """
    size_s, played = notes["error_s"].abs() - EPSILON_S, notes["is_played"]
    aligned = notes["status"] == ALIGNED
    counts = notes[[*KEYS, "recording"]].assign(
        n_notes=1,
        n_played=played,
        n_aligned=aligned,
        n_silent=aligned & ~(size_s <= SILENT_S),
        hits_10ms=size_s <= 0.01,
        hits_50ms=size_s <= 0.05,
        far=size_s > FAR_S,
        found=played & aligned,
        absent=aligned & ~played,
        is_refused=notes["status"] == REFUSED,
    )
    single = counts.groupby([*KEYS, "recording"], sort=False).sum()
    single["silent_worst"] = single["n_silent"] / single["n_aligned"].clip(lower=1)
    single["is_refused"] = single["is_refused"] > 0
    by = single.groupby(KEYS, sort=False)
    total = by.sum()
    shares = {
        "acc_10ms": total["hits_10ms"] / total["n_played"],
        "acc_50ms": total["hits_50ms"] / total["n_played"],
        "far_share": total["far"] / total["n_played"],
        "aligned_share": total["found"] / total["n_played"],
        "silent_share": total["n_silent"] / total["n_aligned"].clip(lower=1),
        "silent_worst": by["silent_worst"].max(),
        "absent_aligned": total["absent"] / (total["n_notes"] - total["n_played"]).clip(lower=1),
        "refused_share": by["is_refused"].mean(),
    }
    counted = total[["n_notes", "n_played", "n_aligned", "n_silent"]]
    return counted.assign(n_recordings=by.size(), **shares).reset_index()
