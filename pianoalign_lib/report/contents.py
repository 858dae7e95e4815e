"""What there is to show: ``results.yaml``, the one list of all tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..common.config import project_root
from ..common.errors import ConfigError

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


def read_contents(root: Path | None = None, corpus: str = "") -> Contents:
    """Return what ``results.yaml`` lists, or what of it a corpus has.

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML, or has a wrong or missing key.
    """
    path = (root or project_root()) / FILE
    found = Contents({}, {}, {})
    try:
        for notebook, listed in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            _add(found, corpus, notebook, **listed)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path}: cannot be read ({reason}); restore it from git") from error
    except (AttributeError, TypeError) as error:
        raise ConfigError(f"{path}: {error}; restore it from git") from error
    return found


def _add(
    found: Contents,
    corpus: str,
    notebook: str,
    *,
    title: str,
    tables: Mapping[str, dict[str, Any]] | None = None,
    figures: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Add what a notebook writes for a corpus (for any, if it is "")."""
    found.notebooks[notebook] = title
    for name, keys in (tables or {}).items():
        entry = TableEntry(notebook=notebook, **keys)
        if corpus in ("", *(entry.corpora or [corpus])):
            found.tables[name] = entry
    for name, keys in (figures or {}).items():
        figure = FigureEntry(notebook=notebook, **keys)
        if corpus in ("", *(figure.corpora or [corpus])):
            found.figures[name] = figure
