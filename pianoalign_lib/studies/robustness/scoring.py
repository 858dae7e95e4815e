"""What a method's answer to a case is worth: notes found, notes far off, and silent errors.

A *silent error* is a note that is called aligned and lies more than 100 ms from where it sounds, or
was not played at all. A note that sounds twice may be put at either time; of two passages of the
MIDI of which one was played, the one that speaks for the method counts as played.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...scoring.metrics import EPSILON_S
from .methods import REFUSED, Placer

ALIGNED = "aligned"
SILENT_S = 0.1
FAR_S = 0.5


def judge(placer: Placer, method: str) -> pd.DataFrame:
    """Return one row per note: note_id, pitch, onset_in_s, onset_s, error_s (NaN: was not played,
    or has no onset), is_played, status."""
    given, onset_s, status = placer.place(method)
    readings = [_errors(true_s, onset_s) for true_s in given.truths]
    aligned = status == ALIGNED
    ranks = []
    for error_s in readings:
        wrong = aligned & ~(np.abs(error_s) <= SILENT_S + EPSILON_S)
        ranks.append((wrong.sum(), -np.sum(np.abs(error_s) <= 0.05 + EPSILON_S)))
    best = min(range(len(readings)), key=ranks.__getitem__)
    return pd.DataFrame(
        {
            "note_id": given.notes["note_id"],
            "pitch": given.notes["pitch"],
            "onset_in_s": given.notes["onset_s"],
            "onset_s": onset_s,
            "error_s": readings[best],
            "is_played": ~np.isnan(given.truths[best]).all(axis=1),
            "status": status.astype(str),
        }
    )


def _errors(true_s: np.ndarray, onset_s: np.ndarray) -> np.ndarray:
    """Return the distance of each onset from the nearest time that is right."""
    error_s = onset_s[:, None] - true_s
    size = np.where(np.isnan(error_s), np.inf, np.abs(error_s))
    return np.take_along_axis(error_s, size.argmin(axis=1)[:, None], axis=1)[:, 0]


def summarise(notes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per test set, condition and method.

    Columns: n_recordings, n_notes, n_played, n_aligned, n_silent; of the notes that were played
    acc_10ms, acc_50ms, far_share (more than 0.5 s off) and aligned_share; silent_share, of the
    notes called aligned, and silent_worst, of the worst recording; absent_aligned, of the notes
    that were not played; refused, of the recordings.
    """
    keys = ["test_set", "condition", "method"]
    size_s, played = notes["error_s"].abs(), notes["is_played"]
    aligned = notes["status"] == ALIGNED
    counts = notes[[*keys, "recording"]].assign(
        n_notes=1,
        n_played=played,
        n_aligned=aligned,
        n_silent=aligned & ~(played & (size_s <= SILENT_S + EPSILON_S)),
        hits_10ms=played & (size_s <= 0.01 + EPSILON_S),
        hits_50ms=played & (size_s <= 0.05 + EPSILON_S),
        far=played & (size_s > FAR_S),
        found=played & aligned,
        absent=aligned & ~played,
        refused=notes["status"] == REFUSED,
    )
    single = counts.groupby([*keys, "recording"], sort=False).sum()
    single["silent_worst"] = single["n_silent"] / single["n_aligned"].clip(lower=1)
    single["is_refused"] = single["refused"] > 0
    by = single.groupby(keys, sort=False)
    total = by.sum()
    n_played, n_absent = total["n_played"], total["n_notes"] - total["n_played"]
    return pd.DataFrame(
        {
            "n_recordings": by.size(),
            **{name: total[name] for name in ("n_notes", "n_played", "n_aligned", "n_silent")},
            "acc_10ms": total["hits_10ms"] / n_played,
            "acc_50ms": total["hits_50ms"] / n_played,
            "far_share": total["far"] / n_played,
            "aligned_share": total["found"] / n_played,
            "silent_share": total["n_silent"] / total["n_aligned"].clip(lower=1),
            "silent_worst": by["silent_worst"].max(),
            "absent_aligned": total["absent"] / n_absent.clip(lower=1),
            "refused": by["is_refused"].mean(),
        }
    ).reset_index()
