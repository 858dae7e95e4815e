"""Tables in files: CSV, Markdown and LaTeX, each with caption, notes and provenance.

In CSV, caption, notes and provenance are leading lines that start with ``# ``
(``pandas.read_csv(..., comment="#")``, or :func:`read_table`). No form holds a date, a duration or
a path, so equal numbers make equal bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..common.errors import PianoAlignError
from ..common.files import write_text
from .model import Table, escape_markdown


@dataclass(frozen=True)
class Provenance:
    """What the numbers of a table depend on; nothing that changes from run to run."""

    corpus: str
    corpus_sha256: str
    recordings: str
    parameters: Mapping[str, object]
    seed: int | Mapping[str, int]
    checkpoints: Mapping[str, str]  # variant → first digits of the file's SHA-256
    version: str
    cite: str

    def lines(self) -> list[str]:
        """Return the provenance as lines of text, in a fixed order."""
        weights = ", ".join(f"{name} {digest}" for name, digest in sorted(self.checkpoints.items()))
        return [
            f"corpus: {self.corpus}, sha256 {self.corpus_sha256}",
            f"recordings: {self.recordings}",
            f"parameters: {_json(self.parameters)}",
            f"seed: {self.seed if isinstance(self.seed, int) else _json(self.seed)}",
            f"checkpoints (sha256): {weights or 'none used'}",
            f"library: pianoalign {self.version}",
            f"cite: {self.cite}",
            "The numbering of the tables is ours.",
        ]


def write_table(table: Table, folder: str | Path, provenance: Provenance) -> list[Path]:
    """Write ``<name>.csv``, ``.md`` and ``.tex`` into a folder, each whole or not at all.

    Raises
    ------
    PianoAlignError
        If a file cannot be written.
    """
    lines = provenance.lines()
    head = "".join(f"# {line}\n" for line in [table.caption, *table.notes, *lines])
    footer = "\n".join(
        ["", "Provenance:", "", *(f"- {escape_markdown(line)}" for line in lines), ""]
    )
    texts = {
        "csv": head + _csv(table.frame()),
        "md": table.markdown() + footer,
        "tex": "".join(f"% {line}\n" for line in lines) + table.latex(),
    }
    paths = []
    for suffix, text in texts.items():
        path = Path(folder) / f"{table.name}.{suffix}"
        write_text(path, text)
        paths.append(path)
    return paths


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table's CSV form; cells without a value stay text.

    Raises
    ------
    PianoAlignError
        If the file is missing or not a table.
    """
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            body = "".join(line for line in handle if not line.startswith("# "))
        return pd.read_csv(io.StringIO(body), keep_default_na=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise PianoAlignError(f"{path}: cannot read ({reason}); run its notebook again") from error


def _csv(frame: pd.DataFrame) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.itertuples(index=False, name=None))
    return text.getvalue()


def _json(value: Mapping) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
