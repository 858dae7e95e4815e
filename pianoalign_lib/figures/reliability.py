"""Reliability diagram: what the localizer's confidence is worth, bin by bin.

Expected calibration error: the mean distance between confidence and the share right, over bins of
equal width, weighted by their notes (Naeini, Cooper, Hauskrecht, AAAI 2015).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..common.errors import PianoAlignError
from ..common.figure_style import MUTED
from ..common.labels import condition_label, set_label
from .panels import panels

_BINS = 10
_LEAST_NOTES = 20  # fewer say nothing: such a bin is in the data, but no point of a line
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # Okabe & Ito
_MARKERS = "osD^v"


def reliability(predictions: pd.DataFrame, *, tolerance_s: float = 0.010) -> pd.DataFrame:
    """Return, for each test set and bin of confidence, the share of notes that are right.

    Parameters
    ----------
    predictions : DataFrame
        Of one method and condition, with its confidences; notes it did not place ("not heard",
        whose confidence says that they are not) are left out.
    tolerance_s
        An onset this close to the true one is right.

    Returns
    -------
    DataFrame
        test_set, lower, upper (of the bin), confidence (mean), right (share), notes; bins without
        notes are left out: there is none if every recording was taken for another piece.

    Raises
    ------
    PianoAlignError
        If there are no predictions, or a confidence is not between 0 and 1.
    """
    placed = predictions[predictions["placed"].astype(bool)]
    confidence = placed["confidence"].astype(float)
    if predictions.empty or not confidence.between(0, 1).all():
        raise PianoAlignError(
            "reliability: a confidence between 0 and 1 is needed for each note; run predict again"
        )
    place = (confidence * _BINS).astype(int).clip(upper=_BINS - 1)
    right = (placed["onset_s"] - placed["onset_true_s"]).abs() <= tolerance_s
    notes = placed[["test_set"]].assign(
        lower=place / _BINS, upper=(place + 1) / _BINS, confidence=confidence, right=right
    )
    by_bin = notes.groupby(["test_set", "lower", "upper"], sort=True, as_index=False)
    return by_bin.agg(
        confidence=("confidence", "mean"), right=("right", "mean"), notes=("right", "size")
    )


def calibration_error(bins: pd.DataFrame) -> float:
    """Return the expected calibration error over the bins of one test set."""
    return float(np.average((bins["confidence"] - bins["right"]).abs(), weights=bins["notes"]))


def figure_reliability(
    predictions: pd.DataFrame,
    *,
    method: str = "localizer",
    condition: str = "note100",
    tolerance_s: float = 0.010,
    test_sets: Sequence[str] = ("test",),
) -> tuple[Figure, pd.DataFrame]:
    """Draw the share of notes that are right against confidence, and the confidence's histogram.

    Of the stored predictions, those of `method` under `condition` are drawn, a line per test set.
    The data are those of :func:`reliability`, which see.
    """
    chosen = (predictions["method"] == method) & (predictions["condition"] == condition)
    chosen &= predictions["test_set"].isin(test_sets)
    data = reliability(predictions[chosen], tolerance_s=tolerance_s)
    drawn = [name for name in test_sets if name in set(data["test_set"])]
    with panels(6.4, 6.4, rows=2, sharex=True, height_ratios=(3, 1)) as (figure, (above, below)):
        above.plot([0, 1], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        width = 0.8 / _BINS / max(len(drawn), 1)
        for index, name in enumerate(drawn):
            bins = data[data["test_set"] == name]
            colour = _COLOURS[index % 5]
            shown = bins[bins["notes"] >= _LEAST_NOTES]
            error = 100 * calibration_error(bins)
            above.plot(
                shown["confidence"], 100 * shown["right"], color=colour, marker=_MARKERS[index % 5],
                label=f"{set_label(name)} (calibration error {error:.1f} points)",
            )  # fmt: skip
            left = bins["lower"] + 0.1 / _BINS + index * width
            share = 100 * bins["notes"] / bins["notes"].sum()
            below.bar(left, share, width, align="edge", color=colour)
        above.set(
            title=f"Confidence of the localizer; {condition_label(condition)}",
            ylabel=f"Right within {1000 * tolerance_s:g} ms (%)", ylim=(0, 101), xlim=(0, 1),
        )  # fmt: skip
        if drawn:
            figure.legend(loc="outside upper left")
        below.set(xlabel="Confidence", ylabel="Notes (%)")
    return figure, data
