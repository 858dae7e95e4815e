"""Reliability diagram: what the localizer's confidence is worth, bin by bin."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from pianoalign_lib.common.figure_style import MUTED
from pianoalign_lib.common.labels import condition_label, set_label

from ..reliability import BINS, calibration_error, reliability
from .panels import panels

_LEAST_NOTES = 20  # fewer say nothing: such a bin is in the data, but no point of a line
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # Okabe & Ito
_MARKERS = "osD^v"


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
    The data are those of :func:`companion.reliability.reliability`, which see.
    """
    chosen = (predictions["method"] == method) & (predictions["condition"] == condition)
    chosen &= predictions["test_set"].isin(test_sets)
    data = reliability(predictions[chosen], tolerance_s=tolerance_s)
    drawn = [name for name in test_sets if name in set(data["test_set"])]
    with panels(6.4, 6.4, rows=2, sharex=True, height_ratios=(3, 1)) as (figure, (above, below)):
        above.plot([0, 1], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        width = 0.8 / BINS / max(len(drawn), 1)
        for index, name in enumerate(drawn):
            bins = data[data["test_set"] == name]
            colour = _COLOURS[index % 5]
            shown = bins[bins["notes"] >= _LEAST_NOTES]
            error = 100 * calibration_error(bins)
            above.plot(
                shown["confidence"], 100 * shown["right"], color=colour, marker=_MARKERS[index % 5],
                label=f"{set_label(name)} (calibration error {error:.1f} points)",
            )  # fmt: skip
            left = bins["lower"] + 0.1 / BINS + index * width
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
