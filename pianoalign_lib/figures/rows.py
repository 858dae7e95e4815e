"""Rows of scores or predictions for a plot, in the order asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..common.errors import PianoAlignError


def select(
    frame: pd.DataFrame,
    methods: Sequence[str],
    conditions: Sequence[str],
    test_set: str,
    calibrated: bool | None = None,
) -> pd.DataFrame:
    """Return the rows wanted, methods and conditions in the order asked for."""
    chosen = frame[
        (frame["test_set"] == test_set)
        & frame["method"].isin(methods)
        & frame["condition"].isin(conditions)
    ]
    if calibrated is not None:
        chosen = chosen[chosen["calibrated"].astype(bool) == calibrated]
    if chosen.empty:
        raise PianoAlignError(
            f"nothing to draw: no results of {', '.join(methods)} under "
            f"{', '.join(conditions)} on {test_set}"
        )
    keys = [
        chosen[column].map({name: place for place, name in enumerate(order)})
        for column, order in (("condition", conditions), ("method", methods))
    ]
    order = np.lexsort([keys[1].to_numpy(), keys[0].to_numpy()])
    return chosen.iloc[order]


def accuracy(row: Mapping, tolerance_ms: float) -> dict[str, float]:
    """Return accuracy and interval in percent."""
    name = f"acc_{tolerance_ms:g}ms"
    if name not in row:
        raise PianoAlignError(
            f"{tolerance_ms:g} ms is not among the tolerances that were evaluated"
        )
    return {
        key: 100 * row[name + end] for key, end in (("accuracy", ""), ("lo", "_lo"), ("hi", "_hi"))
    }
