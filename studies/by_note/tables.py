"""Tables 8b and 8c: where each method loses its notes; rows of :mod:`.scores`, looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from companion.tables.columns import METHOD, SET, cell_of
from companion.tables.model import Cell, Column, Missing, Number, Percent, Table
from pianoalign_lib.common.labels import TEST_SETS, condition_label

from .classes import GAPS_S, VELOCITIES, class_label
from .scores import CONDITION, EXACT, METHODS

LEAST_NOTES = 20
_FEW = Missing("–", f"fewer than {LEAST_NOTES} such notes")
_CALIBRATED = (
    "Offset-calibrated: after removing each recording's median error, taken over all its notes. "
    "Spread: between the quartiles of the offset-calibrated errors."
)
INTERVALS = (
    "In brackets: 95 % bootstrap interval over the performances that have such notes (not over "
    "training runs)."
)
_EXACT = (
    "Localizer, exact MIDI: the input has no timing error; what is lost then is lost by what is "
    "heard. Where its notes are fewer, it was run on fewer recordings."
)
_GAPS = (
    "Time from a note's true onset to that of the note before, or after, on the same key of the "
    "same recording; other keys, as in a chord, do not count."
)


def table8b_velocity(by_note: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return every method's accuracy and spread by velocity, on every test set.

    Parameters
    ----------
    by_note : DataFrame
        ``metrics_by_note.csv``.
    """
    find = scores_finder(by_note)
    columns = [
        SET, METHOD, Column("velocity", "Velocity"), *_columns("", ""),
        Column("bias_ms", "Median error, raw (ms)"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for test_set, method, key in _keys(by_note):
        for lower, upper in pairwise(VELOCITIES):
            raw, calibrated = (find(*key, each, "velocity", lower) for each in (False, True))
            bias = cell_of(raw, lambda row: Number(1000 * row["bias_s"], 1))
            label = class_label("velocity", lower, upper)
            rows.append([test_set, method, label, *_cells(raw, calibrated), bias])
    caption = f"Table 8b. {_CAPTION} by velocity: {_WHAT}"
    own = [_CALIBRATED, *_exact_note(by_note), INTERVALS]
    return Table("table8b_velocity", caption, columns, rows, [*own, *notes])


def table8c_repetition(by_note: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return the same by the time since, and until, the neighbours on the same key."""
    find = scores_finder(by_note)
    columns = [
        SET, METHOD, Column("gap", "Time on the key"),
        *_columns("previous_", "since the note before"), *_columns("next_", "until the note after"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for test_set, method, key in _keys(by_note):
        for lower, upper in pairwise(GAPS_S):
            row: list[Cell] = [test_set, method, class_label("previous", lower, upper)]
            for kind in ("previous", "next"):
                row += _cells(*(find(*key, each, kind, lower) for each in (False, True)))
            rows.append(row)
    caption = f"Table 8c. {_CAPTION} by repetition of a key: {_WHAT}"
    own = [_GAPS, _CALIBRATED, *_exact_note(by_note), INTERVALS]
    return Table("table8c_repetition", caption, columns, rows, [*own, *notes])


_CAPTION = "Where each method loses its notes,"
_WHAT = f"notes within a tolerance (%); {condition_label(CONDITION)}"


def _columns(prefix: str, group: str) -> list[Column]:
    return [
        Column(f"{prefix}n_notes", "Notes", group),
        Column(f"{prefix}raw_10ms", "10 ms", group, interval=True),
        Column(f"{prefix}raw_50ms", "50 ms", group),
        Column(f"{prefix}calibrated_10ms", "10 ms, calibrated", group, interval=True),
        Column(f"{prefix}calibrated_50ms", "50 ms, calibrated", group),
        Column(f"{prefix}spread_ms", "Spread (ms)", group),
    ]


def _cells(raw: dict | Missing, calibrated: dict | Missing) -> list[Cell]:
    return [
        cell_of(raw, _notes),
        cell_of(raw, percent_within(10)),
        cell_of(raw, lambda row: Percent(row["acc_50ms"])),
        cell_of(calibrated, percent_within(10)),
        cell_of(calibrated, lambda row: Percent(row["acc_50ms"])),
        cell_of(calibrated, lambda row: Number(1000 * row["spread_s"], 1)),
    ]


def sorted_sets(frame: pd.DataFrame) -> list[str]:
    """Return the test sets of a frame, in the order of the labels, others last."""
    order = {name: place for place, name in enumerate(TEST_SETS)}
    return sorted(frame["test_set"].unique(), key=lambda name: (order.get(name, len(order)), name))


def _keys(by_note: pd.DataFrame) -> Iterator[tuple[str, str, tuple[str, str, str]]]:
    """Yield test set, name of the method to print, and the key of its scores, in order."""
    ran = set(by_note[["test_set", "method", "condition"]].itertuples(index=False, name=None))
    for test_set in sorted_sets(by_note):
        for method in METHODS:
            yield test_set, method, (test_set, method, CONDITION)
        exact = (test_set, METHODS[-1], EXACT)
        if exact in ran:
            yield test_set, EXACT, exact


def scores_finder(
    by_note: pd.DataFrame, not_run: str = "no predictions of this method here"
) -> Callable[..., dict | Missing]:
    """Return a function from test set, method, condition, calibrated, kind and lower to scores.

    `not_run` says why a method has none.
    """
    names = ["test_set", "method", "condition", "calibrated", "kind", "lower"]
    rows = {tuple(row[name] for name in names): row for row in by_note.to_dict("records")}
    ran = {key[:3] for key in rows}

    def find(*key: Any) -> dict | Missing:
        if key[:3] not in ran:
            return Missing("not run", not_run)
        return enough_notes(rows.get(key))

    return find


def enough_notes(row: dict | None) -> dict | Missing:
    """Return scores of a class, or a cell that says that there are too few such notes."""
    return _FEW if row is None or row["n_notes"] < LEAST_NOTES else row


def percent_within(ms: int) -> Callable[[dict], Cell]:
    """Return what makes a cell, with its interval, of the scores of a class."""
    name = f"acc_{ms}ms"
    return lambda row: Percent(row[name], row[f"{name}_lo"], row[f"{name}_hi"])


def _notes(row: dict) -> Cell:
    return Number(row["n_notes"])


def _exact_note(by_note: pd.DataFrame) -> list[str]:
    return [_EXACT] * bool(by_note["condition"].eq(EXACT).any())
