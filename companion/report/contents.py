"""What there is to show: ``results.yaml``, the one list of all tables and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pianoalign_lib.common.config import project_root
from pianoalign_lib.common.errors import ConfigError

FILE = "results.yaml"


@dataclass(frozen=True, kw_only=True)
class TableEntry:
    """A table: the notebook (and DVC stage) that writes it, its number, what it shows.

    `corpora` are those that have it; none means all of them.
    """

    notebook: str
    shows: str
    number: str = ""
    corpora: tuple[str, ...] = ()

    def is_of(self, corpus: str) -> bool:
        """Return whether a corpus has it."""
        return not self.corpora or corpus in self.corpora


@dataclass(frozen=True, kw_only=True)
class FigureEntry(TableEntry):
    """A figure: also what the report says with it, and the same for those who cannot see it."""

    title: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Contents:
    """The notebooks (name → title) and what they write, by name."""

    notebooks: dict[str, str]
    tables: dict[str, TableEntry]
    figures: dict[str, FigureEntry]

    def readme_table(self) -> str:
        """Return README's list of tables and figures; a star marks what some corpora lack."""
        lines = ["| | Content | Notebook and DVC stage | File |", "|---|---|---|---|"]
        for notebook in self.notebooks:
            for name, entry in (self.tables | self.figures).items():
                if entry.notebook == notebook:
                    number = (entry.number or "–") + (" *" if entry.corpora else "")
                    lines.append(f"| {number} | {entry.shows} | `{notebook}` | `{name}` |")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Notebook:
    """What the file says of a notebook; one that only some corpora have names them."""

    title: str
    corpora: tuple[str, ...] = ()
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_contents(root: Path | None = None, corpus: str = "") -> Contents:
    """Return what ``results.yaml`` lists, or what of it a corpus has.

    A file that is missing, is not YAML, or has a wrong or missing key is a `ConfigError`.
    """
    path = (root or project_root()) / FILE
    found = Contents({}, {}, {})
    try:
        for name, keys in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            listed = _Notebook(**keys)
            if corpus and listed.corpora and corpus not in listed.corpora:
                continue
            found.notebooks[name] = listed.title
            shared = {"notebook": name, "corpora": listed.corpora}
            for table, own in listed.tables.items():
                found.tables[table] = TableEntry(**shared | own)
            for figure, own in listed.figures.items():
                found.figures[figure] = FigureEntry(**shared | own)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path}: cannot be read ({reason}); restore it from git") from error
    except (AttributeError, TypeError) as error:
        raise ConfigError(f"{path}: {error}; restore it from git") from error
    if not corpus:
        return found
    tables = {name: entry for name, entry in found.tables.items() if entry.is_of(corpus)}
    figures = {name: entry for name, entry in found.figures.items() if entry.is_of(corpus)}
    return Contents(found.notebooks, tables, figures)
