"""Sentences for the notebooks that are written by the numbers, so that they stay true."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from .comparison import compare_scores
from .labels import condition_label, method_label, set_label


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
    where = f"{condition_label(condition)}, {set_label(test_set)}, {tolerance_ms:g} ms"
    values = f"{100 * found.a:.1f} − {100 * found.b:.1f} = {100 * found.difference:+.1f} points"
    interval = f"[{100 * found.lo:+.1f}, {100 * found.hi:+.1f}]"
    return (
        f"{method_label(a)} − {method_label(b)} ({where}"
        f"{', offset-calibrated' if calibrated else ''}): {values} {interval}: {verdict}."
    )
