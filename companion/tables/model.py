"""A table of typed cells and its two readings: plain values for programs, text for people.

Plain values (the CSV): percent with two decimals, interval bounds in columns of their own. Text:
"62.1 [60.0, 64.3]". A cell without a value says why: in full among the plain values (the first time
in a row), by a lettered note in text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.html_page import ShownTable
from pianoalign_lib.scoring.scores import Missing as Missing

ONE_RECORDING = "one recording"


@dataclass(frozen=True)
class Percent:
    """A share between 0 and 1, printed in percent, with its interval if it has one."""

    share: float
    lo: float = math.nan
    hi: float = math.nan


@dataclass(frozen=True)
class Number:
    """A number printed with so many decimals."""

    value: float
    decimals: int = 0


@dataclass(frozen=True)
class Name:
    """Something with a name for programs (in CSV) and one for people."""

    key: str
    label: str


Cell = Percent | Number | Missing | Name | str


@dataclass(frozen=True)
class Column:
    """A column: its name in CSV, its header for people and, if shared, the header above it.

    `interval` gives the CSV two more columns, ``<key>_lo`` and ``<key>_hi``; `width` (a LaTeX
    length) makes a column of wrapped text; `label` gives the text for people of its cells of text.
    """

    key: str
    header: str
    group: str = ""
    interval: bool = False
    width: str = ""
    label: Callable[[str], str] = str


@dataclass(frozen=True, repr=False)
class Table:
    """A table: file name, caption, columns, rows of cells (one per column) and notes below."""

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise PianoAlignError(
                    f"{self.name}: a row has {len(row)} cells for {len(self.columns)} columns"
                )

    def __repr__(self) -> str:
        return f"<Table {self.name}: {len(self.rows)} rows, {len(self.columns)} columns>"

    def frame(self) -> pd.DataFrame:
        """Return the plain values; text where one is missing."""
        keys = [
            f"{column.key}{bound}"
            for column in self.columns
            for bound in ("", "_lo", "_hi")[: 3 if column.interval else 1]
        ]
        records = [
            [
                value
                for place, (column, cell) in enumerate(zip(self.columns, row, strict=True))
                for value in _values(cell, cell in row[:place])[: 3 if column.interval else 1]
            ]
            for row in self.rows
        ]
        return pd.DataFrame(records, columns=keys)

    def shown(self, provenance: Sequence[str] = ()) -> ShownTable:
        """Return the table as text, its lettered reasons among the notes."""
        letters: dict[str, str] = {}

        def mark(reason: str) -> str:
            place = len(letters)
            return letters.setdefault(reason, chr(97 + place) if place < 26 else f"a{place}")

        rows = [
            [
                column.label(cell) if isinstance(cell, str) else _text(cell, mark)
                for column, cell in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]
        return ShownTable(
            caption=self.caption,
            groups=[column.group for column in self.columns],
            headers=[column.header for column in self.columns],
            numeric=[
                not (column.width or any(isinstance(row[place], str | Name) for row in self.rows))
                for place, column in enumerate(self.columns)
            ],
            rows=rows,
            notes=[*self.notes, *(f"({letter}) {reason}" for reason, letter in letters.items())],
            provenance=list(provenance),
        )

    def markdown(self, provenance: Sequence[str] = ()) -> str:
        """Return the table as GitHub Markdown with caption, notes and, if given, provenance."""
        shown = self.shown()
        headers = [f"{c.group}: {c.header}" if c.group else c.header for c in self.columns]
        rule = ["--:" if number else ":--" for number in shown.numeric]
        lines = [f"**{self.caption}**", ""]
        for row in (headers, rule, *shown.rows):
            lines.append(f"| {' | '.join(map(_escape, row))} |")
        if shown.notes:
            lines += ["", *(f"- {note}" for note in shown.notes)]
        if provenance:
            lines += ["", "Provenance:", "", *(f"- {_escape(line)}" for line in provenance)]
        return "\n".join(lines) + "\n"

    _repr_markdown_ = markdown  # how a notebook shows it


def _values(cell: Cell, repeated: bool) -> list[object]:
    """Return a cell's value and bounds; the reason of a `repeated` one has been given before."""
    match cell:
        case Percent():
            bounds = [
                ONE_RECORDING if math.isnan(bound) else round(100 * bound, 2)
                for bound in (cell.lo, cell.hi)
            ]
            return [round(100 * cell.share, 2), *bounds]
        case Number(value, decimals):
            return [round(value, decimals + 1) if decimals else round(value), "", ""]
        case Missing(label, reason):
            return [f"{label}: {reason}" if reason and not repeated else label, label, label]
        case Name():
            return [cell.key, "", ""]
    return [cell, "", ""]


def _text(cell: Percent | Number | Missing | Name, mark: Callable[[str], str]) -> str:
    match cell:
        case Percent(share, lo, hi):
            interval = "" if math.isnan(lo) else f" [{100 * lo:.1f}, {100 * hi:.1f}]"
            return f"{100 * share:.1f}{interval}"
        case Number(value, decimals):
            return f"{value:,.{decimals}f}"
        case Missing(label, reason):
            return f"{label} ({mark(reason)})" if reason else label
        case Name():
            return cell.label


def _escape(text: str) -> str:
    """Return `text` so that Markdown prints it as it stands, also in a table."""
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")
