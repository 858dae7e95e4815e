"""Reliability: what a confidence is worth, bin by bin.

Expected calibration error: the mean distance between confidence and the share right, over bins of
equal width, weighted by their notes (Naeini, Cooper, Hauskrecht, AAAI 2015).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pianoalign_lib.common.errors import PianoAlignError

BINS = 10


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
    place = (confidence * BINS).astype(int).clip(upper=BINS - 1)
    right = (placed["onset_s"] - placed["onset_true_s"]).abs() <= tolerance_s
    notes = placed[["test_set"]].assign(
        lower=place / BINS, upper=(place + 1) / BINS, confidence=confidence, right=right
    )
    by_bin = notes.groupby(["test_set", "lower", "upper"], sort=True, as_index=False)
    return by_bin.agg(
        confidence=("confidence", "mean"), right=("right", "mean"), notes=("right", "size")
    )


def calibration_error(bins: pd.DataFrame) -> float:
    """Return the expected calibration error over the bins of one test set."""
    return float(np.average((bins["confidence"] - bins["right"]).abs(), weights=bins["notes"]))
