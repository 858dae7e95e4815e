"""The table of the sensitivity study, built from ``sensitivity.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ...common.errors import PianoAlignError
from ...common.labels import condition_label, method_label, set_label
from ...tables.columns import size_note
from ...tables.model import Cell, Column, Missing, Name, Number, Percent, Table
from ...tables.paper import PAPER_PERCENT
from .notes import reading_notes
from .readings import ALL, QUESTIONS

_UNTOUCHED = Missing("–")
_COLUMNS = (
    "test_set", "condition", "question", "reading", "label", "method", "is_ours", "n_recordings",
    "n_notes", "acc_5ms", "acc_10ms", "acc_25ms", "acc_50ms", "acc_10ms_lo", "acc_10ms_hi",
    "median_abs_error_s", "lost_share",
)  # fmt: skip


def read_sensitivity(path: str | Path) -> pd.DataFrame:
    """Read ``sensitivity.csv``.

    Raises
    ------
    PianoAlignError
        If the file is missing or is another one.
    """
    try:
        frame = pd.read_csv(path, dtype={"reading": str, "label": str})
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise PianoAlignError(
            f"{path}: cannot read ({reason}); run 'pianoalign sensitivity'"
        ) from error
    _check(frame)
    return frame


def table_sensitivity(
    frame: pd.DataFrame,
    *,
    methods: Sequence[str] = ALL,
    notes: Sequence[str] = (),
) -> Table:
    """Return the accuracy at 10 ms under every reading, one row each.

    Parameters
    ----------
    frame
        ``sensitivity.csv``.
    methods
        One column each; those the paper has a value of get a second, the difference from it.
    notes
        Printed below the sentences of :func:`.notes.reading_notes`.

    Raises
    ------
    PianoAlignError
        If a column is missing.
    """
    _check(frame)
    shown = [method for method in methods if (frame["method"] == method).any()]
    columns = [Column("question", "Question"), Column("reading", "Reading")]
    for method in shown:
        group = method_label(method)
        columns.append(
            Column(f"{method}_acc_10ms", "10 ms", group, interval=method in PAPER_PERCENT)
        )
        if method in PAPER_PERCENT:
            columns.append(Column(f"{method}_minus_paper", "− paper", group))
    rows: list[list[Cell]] = []
    above = ""
    for _, part in frame.groupby(["question", "reading"], sort=False):
        scores = {row["method"]: row for row in part.to_dict("records")}
        cells = _names(part.iloc[0].to_dict(), above)
        above = part["question"].iloc[0]
        rows.append(cells + [cell for name in shown for cell in _cells(scores.get(name), name)])
    paper = ", ".join(f"{method_label(name)} {value} %" for name, value in PAPER_PERCENT.items())
    own = [
        size_note(frame.to_dict("records")),
        f"Each reading changes one thing of ours. “− paper”: points above the paper's Table 2 "
        f"({paper}); its other values are not in our source. {_UNTOUCHED.label}: the reading does "
        "not concern the method. Nothing was trained anew.",
        *reading_notes(frame),
    ]
    first = frame.iloc[0]
    caption = (
        "Table 5c. Other readings of the paper: notes within 10 ms (%); "
        f"{condition_label(first['condition'])}; {set_label(first['test_set'])}"
    )
    return Table("sensitivity", caption, columns, rows, [*own, *notes])


def _names(row: dict, above: str) -> list[Cell]:
    """Return question and reading; for people a question stands in its first row only."""
    question = row["question"]
    title = "" if question == above else QUESTIONS.get(question, question)
    label = f"{row['label']} (ours)" if row["is_ours"] else row["label"]
    return [Name(question, title), Name(row["reading"], label)]


def _cells(row: dict | None, method: str) -> list[Cell]:
    with_paper = method in PAPER_PERCENT
    if row is None:
        return [_UNTOUCHED] * (1 + with_paper)
    if not with_paper:
        return [Percent(row["acc_10ms"])]
    share = Percent(row["acc_10ms"], row["acc_10ms_lo"], row["acc_10ms_hi"])
    return [share, Number(100 * row["acc_10ms"] - PAPER_PERCENT[method], 1)]


def _check(frame: pd.DataFrame) -> None:
    missing = [column for column in _COLUMNS if column not in frame.columns]
    if missing:
        raise PianoAlignError(f"sensitivity.csv lacks {', '.join(missing)}; run it again")
    if frame["acc_10ms"].isna().any() or not np.isfinite(frame["acc_10ms"]).all():
        raise PianoAlignError("sensitivity.csv holds a score that is no number; run it again")
