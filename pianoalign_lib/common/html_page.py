"""Tables and pictures on one HTML page: one file, no network (see ``page.html``)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

# Texts that a table shows as a verdict, each with its CSS class.
BADGES = {
    "agrees in direction and size": "good",
    "in direction only": "good",
    "not decided": "open",
    "not decided (one training)": "open",
    "contradicted": "bad",
    "not testable with these data": "open",
}
LONG_CELL = 60  # characters; a table with such a cell is prose and never gets narrow
_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s|%)(?!\w))")


@dataclass(frozen=True)
class ShownTable:
    """A table as people see it, all text, with notes and provenance below.

    Attributes
    ----------
    numeric
        Whether a column is aligned to the right.
    groups
        For each column the header that it shares with its neighbours, or "".
    """

    caption: str
    headers: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    notes: list[str]
    provenance: list[str]
    groups: list[str] = field(default_factory=list)

    def spans(self) -> list[tuple[str, int]]:
        """Return the shared headers, each with its number of columns; none if no column has one."""
        members = groupby(self.groups) if any(self.groups) else ()
        return [(name, len(list(columns))) for name, columns in members]

    def is_prose(self) -> bool:
        """Return whether a cell holds a text so long that the table must not get narrow."""
        return any(len(text) > LONG_CELL for row in self.rows for text in row)

    def merged_rows(self) -> Iterator[list[tuple[int, str, int]]]:
        """Yield the cells of each row: column, text, and how many rows it stands for.

        Labels, left of the first number, that repeat from row to row are given once, for all.
        """
        labels = self.numeric.index(True) if True in self.numeric else 1
        for index, row in enumerate(self.rows):
            cells = []
            for column, text in enumerate(row):
                span = 1
                if column < labels:
                    same = [other[: column + 1] == row[: column + 1] for other in self.rows]
                    if index and same[index - 1]:
                        continue
                    span = len(list(takewhile(bool, same[index:])))
                cells.append((column, text, span))
            yield cells


@dataclass(frozen=True)
class ShownPicture:
    """A picture (a data URI, see :func:`embedded`); `alt` is for those who cannot see it."""

    source: str
    alt: str
    title: str
    caption: str


@dataclass(frozen=True)
class Card:
    """A table, a picture, a text, a list or HTML, and links (see :func:`link`) to its files."""

    name: str
    content: ShownTable | ShownPicture | str | Sequence[str]
    links: Sequence[Markup] = ()


def page(
    title: str,
    intro: Sequence[str],
    sections: Mapping[str, Sequence[Card]],
    footer: Sequence[str],
    *,
    stylesheet: str = "",
    script: str = "",
) -> str:
    """Return the page: paragraphs, the sections by their headings, and lines of provenance.

    Text is escaped, and each number kept on one line with its unit; ``Markup`` stays as it is, and
    so do a stylesheet and a script for what it holds.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_keep_units,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html")
    return template.render(
        title=title,
        intro=intro,
        sections=sections,
        footer=footer,
        badges=BADGES,
        stylesheet=Markup(stylesheet),
        script=Markup(script),
    )


def link(target: str, text: str) -> Markup:
    """Return a link as HTML."""
    return Markup('<a href="{}">{}</a>').format(target, text)


def embedded(content: bytes, kind: str) -> Markup:
    """Return content of a MIME type `kind`, such as ``image/png``, as a data URI."""
    return Markup(f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}")


def _keep_units(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNIT.sub("\N{NO-BREAK SPACE}", value)
    return value
