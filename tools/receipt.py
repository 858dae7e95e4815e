"""Compare two texts of a result, number by number, and say what was found in a receipt.

A number is a cell of a CSV file, or a value of a JSON file, that reads as one; everything else is
text, which must stay as it is but for numbers within it. Captions and provenance (lines that start
with ``#``) are not compared, and hashes of files are counted only.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import yaml

TOLERANCES = Path(__file__).with_name("tolerances.yaml")
WITHIN_TEXT = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?")
Cells = Iterator[tuple[str, str, str]]


@dataclass(frozen=True)
class Moved:
    """A number that is not the committed one."""

    place: str
    old: float
    new: float
    allowed: float

    @property
    def share(self) -> float:
        """Return the difference as a share of what is allowed."""
        return abs(self.new - self.old) / self.allowed if self.allowed else float("inf")

    def __str__(self) -> str:
        return f"{self.old:g} → {self.new:g} (allowed: {self.allowed:g}), {self.place}"


@dataclass
class Receipt:
    """What was compared, and what was found."""

    files: int = 0
    numbers: int = 0
    texts: int = 0
    hashes: int = 0
    other_hashes: int = 0
    moved: list[Moved] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)  # texts, rows and files that are not the same

    @property
    def outside(self) -> list[Moved]:
        """Return the numbers that left their tolerance, the worst first."""
        return sorted((m for m in self.moved if m.share > 1), key=lambda moved: -moved.share)

    @property
    def holds(self) -> bool:
        """Return whether something was compared, and nothing has left its tolerance."""
        return self.numbers > 0 and not self.outside and not self.changed

    def lines(self) -> list[str]:
        """Return the receipt's lines, without what it was made with."""
        within = len(self.moved) - len(self.outside)
        found = [
            f"compared: {self.numbers:,} numbers and {self.texts:,} texts in {self.files} files",
            f"equal: {self.numbers - len(self.moved):,} numbers; moved within their tolerance: "
            f"{within:,}; outside of it: {len(self.outside):,}; changed: {len(self.changed):,}",
        ]
        if self.moved:
            worst = max(self.moved, key=lambda moved: moved.share)
            found.append(f"largest difference, for its tolerance: {worst}")
        if self.hashes:
            found.append(f"recordings with other samples: {self.other_hashes} of {self.hashes}")
        found += [f"OUTSIDE: {moved}" for moved in self.outside[:20]]
        found += [f"CHANGED: {text}" for text in self.changed[:20]]
        return [*found, "verdict: " + ("the results hold" if self.holds else "NOT REPRODUCED")]

    def compare(self, name: str, old: str, new: str) -> None:
        """Compare two texts of a file (a name ending in .csv or .json)."""
        self.files += 1
        before, after = (list(_cells(name, text)) for text in (old, new))
        if len(before) != len(after):
            self.changed.append(f"{name}: {len(after):,} cells instead of {len(before):,}")
            return
        rules = yaml.safe_load(TOLERANCES.read_text(encoding="utf-8"))
        for (row, column, one), (_, column_now, other) in zip(before, after, strict=True):
            place = f"{name}, {row}, {column}"
            value, value_now = _number(one), _number(other)
            if column.startswith("sha256"):
                self.hashes += 1
                self.other_hashes += one != other
            elif column != column_now or (value is None) != (value_now is None):
                self.changed.append(f"{place}: '{one}' → '{other}'")
            elif value is not None and value_now is not None:
                self.numbers += 1
                if value != value_now:
                    allowed = _allowed(rules, name, column, value)
                    self.moved.append(Moved(place, value, value_now, allowed))
            else:
                self.texts += 1
                if one != other and not _same_text(one, other, _allowed(rules, name, column, 0.0)):
                    self.changed.append(f"{place}: '{one}' → '{other}'")


def _same_text(one: str, other: str, allowed: float) -> bool:
    """Return whether two texts are the same but for numbers in them that moved a little."""
    if WITHIN_TEXT.split(one) != WITHIN_TEXT.split(other):
        return False
    pairs = zip(WITHIN_TEXT.findall(one), WITHIN_TEXT.findall(other), strict=True)
    values = [[float(n.replace(",", "").replace("−", "-")) for n in pair] for pair in pairs]
    # A printed number has been rounded once more.
    return all(abs(a - b) <= max(allowed, 0.01 * abs(a)) + 0.05 for a, b in values)


def _cells(name: str, text: str) -> Cells:
    """Yield (row, column, cell) of a CSV file, or (name, key, value) of a JSON file."""
    if name.endswith(".json"):
        for group, values in json.loads(text).items():
            for key, value in values.items():
                yield group, key, str(value)
        return
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    header, *rows = csv.reader(lines)
    for row in rows:
        words = " ".join(cell for cell in row[:6] if _number(cell) is None)
        yield from (
            (words, column, cell) for column, cell in zip_longest(header, row, fillvalue="")
        )


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _allowed(rules: list[dict], name: str, column: str, value: float) -> float:
    for rule in rules:
        if re.search(rule["file"], name) and re.search(rule["column"], column):
            return max(rule["absolute"], rule.get("relative", 0) * abs(value))
    raise KeyError(f"{TOLERANCES}: no line for {name}, {column}")
