"""Found notes against true ones, by mir_eval: matched if the key is the same and the onset near."""

from __future__ import annotations

import mir_eval
import numpy as np
import pandas as pd

# mir_eval's transcription scores round distances to 0.1 ms, so that up to 50.05 ms count as 50 ms.
_ROUNDED_S = 0.5e-4
_APART_S = 1e5  # between the keys on one axis of time: no two of them ever match


def match(true: pd.DataFrame, found: pd.DataFrame, tolerance_s: float) -> np.ndarray:
    """Return the rows that belong together, as many as there can be.

    Equals ``mir_eval.transcription.match_notes(..., offset_ratio=None)`` in their number. That
    squares a matrix over all notes; here the keys lie far apart on one axis of time, which
    mir_eval's matching of events takes a hundred times as fast.

    Parameters
    ----------
    true, found
        Tables with pitch and onset_s.
    tolerance_s
        Between the onsets, at most.

    Returns
    -------
    np.ndarray [shape=(n_matched, 2), dtype=int64]
        Row numbers in `true` and in `found`.
    """
    if not len(true) or not len(found):
        return np.zeros((0, 2), dtype=np.int64)
    axes, orders = [], []
    for table in (true, found):
        event_s = (table["onset_s"] + _APART_S * table["pitch"]).to_numpy()
        orders.append(np.argsort(event_s, kind="stable"))
        axes.append(event_s[orders[-1]])
    pairs = mir_eval.util.match_events(*axes, tolerance_s + _ROUNDED_S)
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return np.stack([orders[side][rows[:, side]] for side in (0, 1)], axis=1)


def precision_recall_f1(
    matched: float | np.ndarray, n_true: float | np.ndarray, n_found: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the three scores from counts; 0 where nothing was found."""
    found = np.maximum(n_found, 1)
    total = np.asarray(n_true) + n_found
    return (
        np.asarray(matched / found),
        np.asarray(matched / n_true),
        np.asarray(2 * matched / total),
    )
