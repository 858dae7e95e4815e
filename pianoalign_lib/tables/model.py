"""A table of typed cells and its forms: plain numbers, Markdown, LaTeX.

Plain numbers are for programs: percent with two decimals, interval bounds in columns of their own.
Markdown and LaTeX are for people: "62.1 [60.0, 64.3]". A cell without a value says why: in full
among the plain numbers (the first time in a row), by a lettered note elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ..common.errors import PianoAlignError
from ..scoring.scores import Missing as Missing
from .latex import latex_table

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
    length) makes a column of wrapped text.
    """

    key: str
    header: str
    group: str = ""
    interval: bool = False
    width: str = ""


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

    def frame(self) -> pd.DataFrame:
        """Return the CSV form: plain numbers; text where a value is missing."""
        keys = [key for column in self.columns for key in _keys(column)]
        return pd.DataFrame([self._record(row) for row in self.rows], columns=keys)

    def display(self) -> tuple[list[list[str]], list[str]]:
        """Return the cells as text for people, and the notes including the lettered reasons."""
        letters: dict[str, str] = {}

        def mark(reason: str) -> str:
            return letters.setdefault(reason, _letter(len(letters)))

        cells = [[_text(cell, mark) for cell in row] for row in self.rows]
        return cells, [*self.notes, *(f"({letter}) {reason}" for reason, letter in letters.items())]

    def markdown(self) -> str:
        """Return the table as GitHub Markdown with caption and notes."""
        cells, notes = self.display()
        headers = [f"{c.group}: {c.header}" if c.group else c.header for c in self.columns]
        align = [":--" if text else "--:" for text in self._is_text()]
        lines = [f"**{self.caption}**", "", _pipes(headers), _pipes(align, escape=False)]
        lines += [_pipes(row) for row in cells]
        return "\n".join([*lines, "", *(f"- {note}" for note in notes)]).rstrip() + "\n"

    def latex(self) -> str:
        """Return the table as a LaTeX float (packages booktabs and array)."""
        cells, notes = self.display()
        return latex_table(
            label=self.name,
            caption=self.caption,
            headers=[column.header for column in self.columns],
            groups=[column.group for column in self.columns],
            align=[
                f">{{\\raggedright\\arraybackslash}}p{{{column.width}}}"
                if column.width
                else ("l" if text else "r")
                for column, text in zip(self.columns, self._is_text(), strict=True)
            ],
            cells=cells,
            notes=notes,
        )

    def __repr__(self) -> str:
        return f"<Table {self.name}: {len(self.rows)} rows, {len(self.columns)} columns>"

    def _repr_markdown_(self) -> str:
        """Show the table in a notebook."""
        return self.markdown()

    def _record(self, row: Sequence[Cell]) -> list[object]:
        record: list[object] = []
        for index, (column, cell) in enumerate(zip(self.columns, row, strict=True)):
            record += _plain(column, cell, repeated=cell in row[:index])
        return record

    def _is_text(self) -> list[bool]:
        """Whether a column holds text (left-aligned) rather than numbers."""
        return [
            any(isinstance(row[index], str | Name) for row in self.rows) or bool(column.width)
            for index, column in enumerate(self.columns)
        ]


def _keys(column: Column) -> list[str]:
    return [column.key] + ([f"{column.key}_lo", f"{column.key}_hi"] if column.interval else [])


def _plain(column: Column, cell: Cell, repeated: bool) -> list[object]:
    """Return the values of a cell in CSV; the reason of a `repeated` one has been given before."""
    if isinstance(cell, Percent):
        bounds = [ONE_RECORDING if math.isnan(b) else round(100 * b, 2) for b in (cell.lo, cell.hi)]
        return [round(100 * cell.share, 2), *(bounds if column.interval else [])]
    if isinstance(cell, Number):
        value = round(cell.value, cell.decimals + 1) if cell.decimals else round(cell.value)
        return [value, *(["", ""] if column.interval else [])]
    if isinstance(cell, Missing):
        text = f"{cell.label}: {cell.reason}" if cell.reason and not repeated else cell.label
        return [text, *([cell.label] * 2 if column.interval else [])]
    return [cell.key if isinstance(cell, Name) else cell, *(["", ""] if column.interval else [])]


def _text(cell: Cell, mark: Callable[[str], str]) -> str:
    if isinstance(cell, Percent):
        value = f"{100 * cell.share:.1f}"
        if math.isnan(cell.lo):
            return value
        return f"{value} [{100 * cell.lo:.1f}, {100 * cell.hi:.1f}]"
    if isinstance(cell, Number):
        return f"{cell.value:,.{cell.decimals}f}"
    if isinstance(cell, Missing):
        return f"{cell.label} ({mark(cell.reason)})" if cell.reason else cell.label
    return cell.label if isinstance(cell, Name) else cell


def _letter(index: int) -> str:
    return chr(ord("a") + index) if index < 26 else f"a{index}"


def escape_markdown(text: str) -> str:
    """Return `text` so that Markdown prints it as it stands, also in a table."""
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")


def _pipes(cells: Sequence[str], escape: bool = True) -> str:
    return "| " + " | ".join(escape_markdown(cell) if escape else cell for cell in cells) + " |"
