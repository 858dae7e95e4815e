"""The difference between two methods on the same recordings, with a paired bootstrap interval.

Both methods are scored on the same draws of recordings (:mod:`.bootstrap`), so what
makes a recording hard for either cancels out of their difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..common.errors import PianoAlignError
from . import bootstrap
from .metrics import count_hits
from .prediction_frames import groups


class Comparison(NamedTuple):
    """Accuracies of two methods; shares between 0 and 1, intervals of 95 %.

    `difference` is `a` − `b`; `relative` is (`a` − `b`) / `b`, infinite where `b` has no hit.
    With a single recording there is nothing to draw and the bounds are NaN.
    """

    a: float
    b: float
    difference: float
    lo: float
    hi: float
    relative: float
    relative_lo: float
    relative_hi: float
    n_recordings: int
    n_notes: int


_Counts = dict[str, tuple[int, int]]  # recording → (hits, notes)


def compare(
    predictions: pd.DataFrame,
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
    """Compare the accuracy of methods `a` and `b`, from per-note predictions.

    Raises
    ------
    PianoAlignError
        If either method was not run, or on other recordings or notes than the other.
    """
    wanted = predictions[
        (predictions["test_set"] == test_set)
        & (predictions["condition"] == condition)
        & predictions["method"].isin([a, b])
    ]
    counts: dict[str, _Counts] = {a: {}, b: {}}
    for key, recordings in groups(wanted) if len(wanted) else ():
        for part in recordings:
            errors = part.calibrated().errors_s if calibrated else part.errors_s
            hits = int(count_hits(errors, [tolerance_ms])[0])
            counts[key["method"]][part.name] = (hits, len(errors))
    return _compare(counts[a], counts[b], f"{a} and {b} under {condition}", samples, seed)


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
    """As :func:`compare`, from the frame (or file) of ``metrics.evaluate_per_recording``."""
    column = f"acc_{tolerance_ms:g}ms"
    if column not in per_recording.columns:
        raise PianoAlignError(
            f"{tolerance_ms:g} ms is not among the tolerances that were evaluated"
        )
    wanted = per_recording[
        (per_recording["test_set"] == test_set)
        & (per_recording["condition"] == condition)
        & (per_recording["calibrated"] == calibrated)
    ]
    counts: list[_Counts] = []
    for method in (a, b):
        rows = wanted[wanted["method"] == method]
        notes = rows["n_notes"].to_numpy(int)
        hits = np.rint(rows[column].to_numpy(float) * notes).astype(int)
        pairs = zip(hits.tolist(), notes.tolist(), strict=True)
        counts.append(dict(zip(rows["recording"], pairs, strict=True)))
    return _compare(counts[0], counts[1], f"{a} and {b} under {condition}", samples, seed)


def _compare(a: _Counts, b: _Counts, what: str, samples: int, seed: int) -> Comparison:
    if not a or not b:
        raise PianoAlignError(f"cannot compare {what}: one of them was not run")
    if _notes(a) != _notes(b):
        raise PianoAlignError(f"cannot compare {what}: they were run on different notes")
    names = sorted(a)
    notes = np.array([a[name][1] for name in names])
    hits_a, hits_b = (np.array([part[name][0] for name in names]) for part in (a, b))
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
        n_recordings=len(notes),
        n_notes=int(notes.sum()),
    )


def _notes(counts: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    return {name: notes for name, (_, notes) in counts.items()}


def _gain(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (a − b) / b; 0 where both are 0, infinite where only `b` is."""
    empty = np.asarray(b) == 0
    ratio = (a - b) / np.where(empty, 1.0, b)
    return np.where(empty, np.where(np.asarray(a) > 0, np.inf, 0.0), ratio)
