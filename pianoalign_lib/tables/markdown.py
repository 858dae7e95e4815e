"""Read a table's Markdown form back, for the report: the form that is meant for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import PianoAlignError

_ESCAPED = re.compile(r"\\([\\|_*])")
_CELL_BORDER = re.compile(r"(?<!\\)\|")
PROVENANCE = "Provenance:"


@dataclass(frozen=True)
class ShownTable:
    """A table as people see it.

    Attributes
    ----------
    headers
        One per column; "group: header" where neighbours share a header above them.
    numeric
        Whether a column is aligned to the right.
    """

    caption: str
    headers: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    notes: list[str]
    provenance: list[str]


def read_markdown_table(path: Path) -> ShownTable:
    """Read a file that :func:`pianoalign_lib.tables.files.write_table` wrote.

    Raises
    ------
    PianoAlignError
        If it cannot be read or does not hold one whole table.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise PianoAlignError(f"{path}: cannot read ({reason}); run its notebook again") from error
    grid = [_cells(line) for line in lines if line.startswith("|")]
    captions = [line for line in lines if line.startswith("**") and line.endswith("**")]
    if not captions or len(grid) < 3 or len({len(row) for row in grid}) != 1:
        raise PianoAlignError(f"{path}: holds no whole table; run its notebook again")
    split = lines.index(PROVENANCE) if PROVENANCE in lines else len(lines)
    return ShownTable(
        caption=_plain(captions[0].strip("*")),
        headers=grid[0],
        numeric=[mark.endswith(":") for mark in grid[1]],
        rows=grid[2:],
        notes=_items(lines[:split]),
        provenance=_items(lines[split:]),
    )


def _cells(line: str) -> list[str]:
    return [_plain(cell.strip()) for cell in _CELL_BORDER.split(line.strip())[1:-1]]


def _items(lines: list[str]) -> list[str]:
    return [_plain(line[2:]) for line in lines if line.startswith("- ")]


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
