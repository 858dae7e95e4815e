"""The files of scores, ``metrics.csv`` and ``metrics_per_recording.csv``, and looking things up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..common.errors import PianoAlignError
from ..common.files import write_text
from ..common.labels import condition_label, method_label

_KEY = ["test_set", "method", "condition", "calibrated"]


@dataclass(frozen=True)
class Missing:
    """A result that is not there: what a table prints instead, and why."""

    label: str
    reason: str = ""


def write_scores(path: str | Path, scores: pd.DataFrame) -> None:
    """Write a frame of scores as CSV, six decimals (a microsecond, a ten-thousandth percent)."""
    write_text(path, scores.to_csv(index=False, float_format="%.6f", lineterminator="\n"))


def read_scores(
    path: str | Path,
    columns: Sequence[str] = (*_KEY, "n_notes", "acc_10ms"),
    stage: str = "metrics",
) -> pd.DataFrame:
    """Read a file written by :func:`write_scores`, by a stage and with at least some columns.

    Raises
    ------
    PianoAlignError
        If the file is missing or is not one of scores.
    """
    try:
        scores = pd.read_csv(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise PianoAlignError(f"{path}: cannot read ({reason}); run the {stage} stage") from error
    missing = [column for column in columns if column not in scores.columns]
    if missing:
        raise PianoAlignError(
            f"{path}: no column {', '.join(missing)}; run the {stage} stage again"
        )
    return scores


class Scores:
    """Rows of ``metrics.csv`` by (test_set, method, condition, calibrated).

    Parameters
    ----------
    metrics : DataFrame
        As ``metrics.evaluate`` returns it; at most one row per key.
    reasons : mapping, optional
        Why a method was not run, by method name: replaces the general reason in tables.
    """

    def __init__(self, metrics: pd.DataFrame, reasons: Mapping[str, str] | None = None) -> None:
        missing = [column for column in _KEY if column not in metrics.columns]
        if missing:
            raise PianoAlignError(f"metrics lack the column {', '.join(missing)}")
        if metrics.duplicated(_KEY).any():
            row = metrics.loc[metrics.duplicated(_KEY), _KEY].iloc[0]
            raise PianoAlignError(f"metrics hold {', '.join(map(str, row))} more than once")
        self._reasons = dict(reasons or {})
        self._rows: dict[Any, dict] = metrics.set_index(_KEY, drop=False).to_dict("index")

    def conditions(self, test_set: str) -> list[str]:
        """Return the conditions under which any method was run on a test set."""
        return list(dict.fromkeys(key[2] for key in self._rows if key[0] == test_set))

    def find(
        self, test_set: str, method: str, condition: str, calibrated: bool = False
    ) -> dict | Missing:
        """Return the row, or a cell that says why there is none."""
        row = self._rows.get((test_set, method, condition, calibrated))
        if row is not None:
            return row
        if method in self._reasons:
            return Missing("not run", self._reasons[method])
        known = {key[:2] for key in self._rows}
        where = f"on “{test_set}”"
        if all(test_set != key[0] for key in known):
            return Missing("not run", f"no results {where}")
        if (test_set, method) not in known:
            return Missing("not run", f"no results of {method_label(method)} {where}")
        if condition not in self.conditions(test_set):
            return Missing("not run", f"no results for {condition_label(condition)} {where}")
        what = f"{method_label(method)} for {condition_label(condition)}"
        return Missing("not run", f"no results of {what} {where}")
