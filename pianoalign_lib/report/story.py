"""Sentences for the notebooks that are written by the numbers, so that they stay true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import pandas as pd

from ..common.labels import condition_label, method_label, set_label
from ..scoring.comparison import compare_scores


def differences(
    per_recording: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    *,
    conditions: Sequence[str] = ("note100",),
    tolerances_ms: Sequence[float] = (10,),
    test_set: str = "test",
    bootstrap: Mapping[str, int] | None = None,
) -> str:
    """Return :func:`difference` for each condition, tolerance and pair, as a list in Markdown."""
    return "\n".join(
        "- "
        + difference(
            per_recording, *pair, condition=condition, tolerance_ms=tolerance_ms,
            test_set=test_set, bootstrap=bootstrap,
        )
        for condition, tolerance_ms, pair in product(conditions, tolerances_ms, pairs)
    )  # fmt: skip


def difference(
    per_recording: pd.DataFrame,
    a: str,
    b: str,
    *,
    condition: str = "note100",
    tolerance_ms: float = 10,
    test_set: str = "test",
    calibrated: bool = False,
    bootstrap: Mapping[str, int] | None = None,
) -> str:
    """Return one sentence on how method `a` differs from `b`, with its interval.

    Parameters
    ----------
    per_recording : DataFrame
        ``metrics_per_recording.csv``.
    bootstrap : mapping, optional
        ``samples`` and ``seed``, as in ``params.yaml``.

    Raises
    ------
    PianoAlignError
        If either method was not run under this condition.
    """
    found = compare_scores(
        per_recording, a, b, condition, tolerance_ms,
        test_set=test_set, calibrated=calibrated, **(bootstrap or {}),
    )  # fmt: skip
    if found.lo > 0:
        verdict = f"{method_label(a)} is ahead"
    elif found.hi < 0:
        verdict = f"{method_label(b)} is ahead"
    else:
        verdict = "no clear difference"
    where = "" if test_set == "test" else f", {set_label(test_set)}"
    where += ", offset-calibrated" if calibrated else ""
    return (
        f"{condition_label(condition)}, within {tolerance_ms:g} ms{where}: "
        f"{method_label(a)} {100 * found.a:.1f} %, {method_label(b)} {100 * found.b:.1f} %, "
        f"difference {_points(found.difference)} points "
        f"[{_points(found.lo)}, {_points(found.hi)}]: {verdict}."
    )


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")
