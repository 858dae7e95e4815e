"""Write README's tables of accuracies, from the committed results.

``python -m tools.readme_tables`` puts them between the comments that name them;
``tests/test_readme_tables.py`` says when that is due.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pianoalign_lib.common.config import project_root
from pianoalign_lib.common.files import write_text
from pianoalign_lib.scoring.scores import Missing, Scores, read_scores
from pianoalign_lib.tables.tools import MAIN, TOOLS, field_scores, read_field
from studies.instruments import names
from studies.instruments.table import scores_of

# Corpus and test set of each column, and its header.
WHOLE = {
    ("maps", "test"): "MAPS, unseen software piano",
    ("maps", "ENSTDkCl"): "MAPS, Disklavier, close",
    ("maps", "ENSTDkAm"): "MAPS, Disklavier, ambient",
    ("demo", "test"): "demo, unseen Steinway",
}
EXCERPTS = {
    ("maps", "test"): "MAPS, unseen software piano",
    ("maps", "disklavier"): "MAPS, Disklavier",
    ("demo", "test"): "demo, unseen Steinway",
}
METHODS = {
    "none": "input as it is",
    "dtw": "DTW (Sync Toolbox)",
    "crnn": "CRNN (paper)",
    "hybrid": "DTW + CRNN (paper)",
    "localizer": "**pianoalign**",
}
COSTS = ("maps", "disklavier")  # where the processor time is from
KINDS = (("raw", False), ("calibrated", True))
Rows = dict[str, Scores]


def methods_table(root: Path) -> str:
    """Return the table of the paper's methods and ours on whole test sets, in Markdown."""
    scores = _metrics(root)
    head = [_head(scores, WHOLE)]
    rows = [
        [label if kind == "raw" else "", kind, *_cells(scores, WHOLE, method, calibrated)]
        for method, label in METHODS.items()
        for kind, calibrated in KINDS
    ]
    return _table(head + rows)


def tools_table(root: Path) -> str:
    """Return the table of other tools on excerpts, and how far ours is from Transkun."""
    scores = _field(root)
    head = [[*_head(scores, EXCERPTS), "CPU s per minute"]]
    rows = []
    for method, name in TOOLS.items():
        label = METHODS["localizer"] if method == "localizer" else name
        for kind, calibrated in KINDS:
            cells = _cells(scores, EXCERPTS, method, calibrated)
            cost = "" if calibrated or method == "none" else _cost(scores, method)
            rows.append(["" if calibrated else label, kind, *cells, cost])
    return _table(head + rows) + "\n" + _behind(scores)


def instruments_table(root: Path) -> str:
    """Return the table of other instruments, and what follows from it, in words."""
    found = pd.read_csv(root / "results" / "demo" / names.FILE)
    scores = scores_of(found, names.CORPUS)
    ran = found[(found["corpus"] == names.CORPUS) & found["condition"].notna()]
    methods = [method for method in names.METHODS if (ran["method"] == method).any()]
    rows = [["", *(names.label(method) for method in methods)]]
    for test_set, name in names.INSTRUMENTS.items():
        shown = [_shares(scores.find(test_set, method, MAIN)) for method in methods]
        rows.append([name, *shown])
    return f"{_table(rows)}\n{_sampled(scores, root)}\n{_real(scores_of(found, names.OTHERS))}"


def _sampled(scores: Scores, root: Path) -> str:
    """Say how the localizer, trained on pianos, does on other sampled instruments."""
    piano = _row(_metrics(root), "demo", "test", "localizer", False)["acc_10ms"]
    found = {name: scores.find(name, "localizer", MAIN) for name in names.INSTRUMENTS}
    bowed, calibrated = (scores.find("bowed", "localizer", MAIN, each) for each in (False, True))
    plucked = [
        100 * row["acc_10ms"]
        for name, row in found.items()
        if isinstance(row, dict) and name not in ("bowed", names.ALL)
    ]
    return (
        "Of notes that are plucked, the localizer as released, which has heard pianos only, places "
        f"{min(plucked):.1f} to {max(plucked):.1f} % within 10 ms, depending on the instrument "
        f"({100 * piano:.1f} % on `demo`'s Steinway); of bowed ones {_shares(bowed)} % within 10 / "
        f"50 ms, calibrated {_shares(calibrated)} %.\n"
    )


def _real(scores: Scores) -> str:
    """Say the same of the few real recordings."""
    lines = ["And of real recordings:", ""]
    for test_set, name in names.REAL.items():
        raw, calibrated = (scores.find(test_set, "localizer", MAIN, it) for it in (False, True))
        if isinstance(raw, dict):
            lines.append(
                f"- {name}, {raw['n_recordings']} recordings, {raw['n_notes']:,} notes: "
                f"{_shares(raw)} % within 10 / 50 ms, calibrated {_shares(calibrated)} %; median "
                f"error {1000 * raw['bias_s']:.1f} ms."
            )
    return "\n".join(lines).replace("error -", "error −") + "\n"


def _shares(row: dict | Missing) -> str:
    if isinstance(row, Missing):
        return row.label
    return f"{100 * row['acc_10ms']:.1f} / {100 * row['acc_50ms']:.1f}"


def _metrics(root: Path) -> Rows:
    return {
        name: Scores(read_scores(root / "results" / name / "metrics.csv"))
        for name in ("maps", "demo")
    }


def _field(root: Path) -> Rows:
    files = {name: root / "results" / name / "field.csv" for name in ("maps", "demo")}
    return {name: Scores(field_scores(read_field(file))) for name, file in files.items()}


def _head(scores: Rows, places: dict[tuple[str, str], str]) -> list[str]:
    sizes = []
    for (corpus, test_set), header in places.items():
        row = _row(scores, corpus, test_set, "none", False)
        sizes.append(f"{header}<br>{row['n_recordings']} recordings, {row['n_notes']:,} notes")
    return ["", "", *sizes]


def _cells(
    scores: Rows, places: dict[tuple[str, str], str], method: str, calibrated: bool
) -> list[str]:
    """Return the accuracies at 10 and 50 ms with their intervals, one text per place."""
    rows = [_row(scores, *place, method, calibrated) for place in places]
    return [f"{_percent(row, 10)} / {_percent(row, 50)}" for row in rows]


def _row(scores: Rows, corpus: str, test_set: str, method: str, calibrated: bool) -> dict:
    row = scores[corpus].find(test_set, method, MAIN, calibrated)
    if isinstance(row, Missing):
        raise SystemExit(f"{corpus}, {test_set}, {method}: {row.label} ({row.reason})")
    return row


def _percent(row: dict, ms: int) -> str:
    share, lo, hi = (100 * row[f"acc_{ms}ms{end}"] for end in ("", "_lo", "_hi"))
    return f"{share:.1f} [{lo:.1f}, {hi:.1f}]"


def _cost(scores: Rows, method: str) -> str:
    seconds = _row(scores, *COSTS, method, False)["cpu_s_per_minute"]
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"


def _behind(scores: Rows) -> str:
    """Say how far ours is from Transkun, whoever is ahead."""
    parts = []
    for place, header in EXCERPTS.items():
        points = []
        for _, calibrated in KINDS:
            ours, other = (
                100 * _row(scores, *place, name, calibrated)["acc_10ms"]
                for name in ("localizer", "transkun")
            )
            points.append(f"{ours - other:+.1f}".replace("-", "−"))
        parts.append(f"{header} {' / '.join(points)}")
    return f"pianoalign − Transkun within 10 ms, raw / calibrated, in points: {'; '.join(parts)}.\n"


def _table(rows: Sequence[Sequence[str]]) -> str:
    rule = "|---" * len(rows[0]) + "|"
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([re.sub(r" +\|", " |", line) for line in (head, rule, *body)]) + "\n"


def with_tables(readme: str, tables: dict[str, str]) -> str:
    """Return README's text with each table between ``<!-- name -->`` and ``<!-- end -->``."""
    for name, table in tables.items():
        places = re.findall(rf"<!-- {name} -->\n.*?<!-- end -->", readme, flags=re.DOTALL)
        if len(places) != 1:
            raise SystemExit(f"README.md: {len(places)} places for {name}, not one")
        readme = readme.replace(places[0], f"<!-- {name} -->\n{table}<!-- end -->")
    return readme


def tables(root: Path) -> dict[str, str]:
    """Return README's tables by the names of their places."""
    return {
        "methods": methods_table(root),
        "tools": tools_table(root),
        "instruments": instruments_table(root),
    }


if __name__ == "__main__":
    file = project_root() / "README.md"
    text = file.read_text(encoding="utf-8")
    write_text(file, with_tables(text, tables(project_root())))
