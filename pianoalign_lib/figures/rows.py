"""Rows of scores or predictions for a plot, in the order asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..common.errors import PianoAlignError


def select(
    frame: pd.DataFrame,
    methods: Sequence[str],
    conditions: Sequence[str],
    test_set: str,
    calibrated: bool | None = None,
) -> pd.DataFrame:
    """Return the rows wanted, by condition and method in the order asked for; none is an error."""
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
    order = {"condition": conditions, "method": methods}
    return chosen.sort_values(list(order), key=lambda names: places(names, order[str(names.name)]))


def places(names: pd.Series, order: Sequence[str]) -> pd.Series:
    """Return the place of each name in `order`, as a key to sort by."""
    return names.map({name: place for place, name in enumerate(order)})


def accuracy(rows: pd.DataFrame, tolerance_ms: float, *columns: str) -> pd.DataFrame:
    """Return `columns` of scores, and accuracy, lo and hi (its interval) in percent."""
    name = f"acc_{tolerance_ms:g}ms"
    if name not in rows.columns:
        raise PianoAlignError(
            f"{tolerance_ms:g} ms is not among the tolerances that were evaluated"
        )
    data = rows[list(columns)].reset_index(drop=True)
    for key, end in (("accuracy", ""), ("lo", "_lo"), ("hi", "_hi")):
        data[key] = 100 * rows[name + end].to_numpy()
    return data
