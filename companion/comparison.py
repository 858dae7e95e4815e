"""The difference between two methods on the same recordings, with a paired bootstrap interval.

Both methods are scored on the same draws of performances (`pianoalign_lib.scoring.bootstrap`), so
what makes a performance hard for either cancels out of their difference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.scoring import bootstrap


class Comparison(NamedTuple):
    """Accuracies of two methods; shares between 0 and 1, intervals of 95 %.

    `difference` is `a` − `b`; `relative` is (`a` − `b`) / `b`, infinite where `b` has no hit.
    With a single performance there is nothing to draw and the bounds are NaN.
    """

    a: float
    b: float
    difference: float
    lo: float
    hi: float
    relative: float
    relative_lo: float
    relative_hi: float


def compare_scores(
    per_recording: pd.DataFrame,
    a: str,
    b: str,
    condition: str,
    tolerance_ms: float,
    *,
    test_set: str = "test",
    calibrated: bool = False,
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
) -> Comparison:
    """Compare the accuracy of methods `a` and `b`, given ``metrics_per_recording.csv``.

    Raises
    ------
    PianoAlignError
        If either method was not run, or on other recordings or notes than the other, or the
        tolerance was not evaluated.
    """
    notes, hits_a, hits_b = _counts(
        per_recording[
            (per_recording["test_set"] == test_set)
            & (per_recording["condition"] == condition)
            & (per_recording["calibrated"] == calibrated)
        ],
        (a, b),
        tolerance_ms,
        f"cannot compare {a} and {b} under {condition}",
    )
    share_a, share_b = hits_a.sum() / notes.sum(), hits_b.sum() / notes.sum()
    lo = hi = relative_lo = relative_hi = float("nan")
    if len(notes) > 1:
        drawn_a, drawn_b = (
            bootstrap.resampled_shares(hits, notes, samples, seed) for hits in (hits_a, hits_b)
        )
        lo, hi = map(float, bootstrap.bounds(drawn_a - drawn_b))
        # "nearest" picks a drawn value and so stays defined beside an infinite one.
        gains = bootstrap.bounds(_gain(drawn_a, drawn_b), method="nearest")
        relative_lo, relative_hi = map(float, gains)
    return Comparison(
        a=float(share_a),
        b=float(share_b),
        difference=float(share_a - share_b),
        lo=lo,
        hi=hi,
        relative=float(_gain(share_a, share_b)),
        relative_lo=relative_lo,
        relative_hi=relative_hi,
    )


def _counts(
    rows: pd.DataFrame, methods: tuple[str, str], tolerance_ms: float, refusal: str
) -> list[NDArray[np.float64]]:
    """Return the performances' notes and the hits of either method."""
    column = f"acc_{tolerance_ms:g}ms"
    if column not in rows.columns:
        raise PianoAlignError(
            f"{tolerance_ms:g} ms is not among the tolerances that were evaluated"
        )
    a, b = (rows[rows["method"] == name].set_index("recording").sort_index() for name in methods)
    if a.empty or b.empty:
        raise PianoAlignError(f"{refusal}: one of them was not run")
    if not a["n_notes"].equals(b["n_notes"]):
        raise PianoAlignError(f"{refusal}: they were run on different notes")
    notes = a["n_notes"].to_numpy(int)
    hits = (np.rint(part[column].to_numpy(float) * notes) for part in (a, b))
    return [bootstrap.by_performance(each, a["performance"]) for each in (notes, *hits)]


def _gain(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (a − b) / b; 0 where both are 0, infinite where only `b` is."""
    empty = np.asarray(b) == 0
    ratio = (a - b) / np.where(empty, 1.0, b)
    return np.where(empty, np.where(np.asarray(a) > 0, np.inf, 0.0), ratio)
