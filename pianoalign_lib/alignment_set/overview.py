"""What is written over a whole set: summary, manifest, and a page sorted by what needs a human."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from ..common import __version__
from ..common.files import sha256_file, write_text
from ..common.html_page import Card, ShownTable, link, page
from ..io.placement import STATUSES
from .job import ALIGNED, DOUBTFUL, FAILED, NOT_RUN, Record, Task
from .pairs import Pair

SUMMARY, MANIFEST, OVERVIEW = "summary.csv", "manifest.json", "overview.html"
MOST_ROWS = 1000  # on the page
MEANING = {
    FAILED: "no result; the message says why",
    DOUBTFUL: "less than half of the notes is sure: check that the two belong together",
    NOT_RUN: "stopped before; the same command goes on",
    ALIGNED: "at least half of the notes is sure",
}
TOLD = ("sure_share", "tuning_hz", "transposition", "duration_s", "seconds")


def summarize(pairs: list[Pair], records: Mapping[str, Record]) -> pd.DataFrame:
    """Return one row per pair, in their order, from the records by name.

    All columns but ``seconds`` are the same however often a run was stopped.
    """
    rows = []
    for pair in pairs:
        record = records.get(pair.name, {"status": NOT_RUN})
        counts = record.get("counts", {})
        rows.append(
            {
                "name": pair.name,
                "status": record["status"],
                "notes": record.get("notes"),
                **{status.replace(" ", "_"): counts.get(status) for status in STATUSES},
                **{name: record.get(name) for name in TOLD},
                "structure": record.get("structure", ""),
                "message": record.get("message", ""),
                "recording": str(pair.recording),
                "midi": str(pair.midi),
            }
        )
    table = pd.DataFrame(rows)
    whole = ["notes", *(status.replace(" ", "_") for status in STATUSES), "transposition"]
    return table.astype(dict.fromkeys(whole, "Int64"))


def write_overview(pairs: list[Pair], records: Mapping[str, Record], task: Task) -> pd.DataFrame:
    """Write summary, manifest and page into the folder of results; return the summary."""
    summary = summarize(pairs, records)
    write_text(task.out / SUMMARY, summary.to_csv(index=False, lineterminator="\n"))
    text = json.dumps(_manifest(pairs, records, task), indent=1, ensure_ascii=False)
    write_text(task.out / MANIFEST, text + "\n")
    write_text(task.out / OVERVIEW, _page(summary, task))
    return summary


def _manifest(pairs: list[Pair], records: Mapping[str, Record], task: Task) -> dict[str, Any]:
    """Return what was made of what, by which version: enough to cite the set and make it again."""
    listed = []
    for pair in pairs:
        record = records.get(pair.name, {"status": NOT_RUN})
        entry = {"name": pair.name, "status": record["status"]}
        entry |= {"recording": str(pair.recording), "midi": str(pair.midi)}
        entry |= {name: record.get(name) for name in ("recording_sha256", "midi_sha256")}
        made = task.outputs(pair) if record["status"] in (ALIGNED, DOUBTFUL) else []
        files = {path.relative_to(task.out).as_posix(): sha256_file(path) for path in made}
        listed.append(entry | {"results_sha256": files})
    return {"program": "pianoalign", **task.made_with(), "pairs": listed}


def _page(summary: pd.DataFrame, task: Task) -> str:
    """Return the page: counts, then all pairs, those first that need a human."""
    counts = {status: int((summary["status"] == status).sum()) for status in MEANING}
    provenance = [f"pianoalign {__version__}, weights {task.weights}"]
    rows = [[status, f"{n:,}", MEANING[status]] for status, n in counts.items() if n]
    status = ShownTable(
        f"{len(summary):,} pairs: what became of them", ["Status", "Pairs", "Meaning"],
        [False, True, False], rows, [], provenance,
    )  # fmt: skip
    rank = summary["status"].map({name: place for place, name in enumerate(MEANING)})
    told = summary["message"].ne("") | summary["structure"].ne("")
    order = summary.assign(rank=rank, told=~told).sort_values(
        ["rank", "told", "sure_share"], kind="stable"
    )
    notes = ["The least sure are first; of these, those first of which there is something to tell."]
    if len(order) > MOST_ROWS:
        notes.append(f"The first {MOST_ROWS:,} of {len(order):,}; {SUMMARY} has all.")
    listed = ShownTable(
        "Pairs: those first that need a human",
        ["Pair", "Status", "Sure (%)", "Not heard", "Notes", "A4 (Hz)", "Length (s)", "Remarks"],
        [False, False, True, True, True, True, True, False],
        [_row(row, task) for row in order.head(MOST_ROWS).to_dict("records")],
        notes, provenance,
    )  # fmt: skip
    files = [link(name, name) for name in (SUMMARY, MANIFEST)]
    sections = {"Summary": [Card("status", status, files)], "Pairs": [Card("pairs", listed)]}
    return page(f"{len(summary):,} aligned pairs", [], sections, provenance)


def _row(row: Mapping[Any, Any], task: Task) -> list[str]:
    has_result = row["status"] in (ALIGNED, DOUBTFUL)
    target = f"{row['name']}{'.html' if task.reports else '.mid'}"
    name = link(quote(target), row["name"]) if has_result else row["name"]
    numbers = [
        "–" if pd.isna(value) else f"{value * scale:,.{digits}f}"
        for value, scale, digits in (
            (row["sure_share"], 100, 1),
            (row["not_heard"], 1, 0),
            (row["notes"], 1, 0),
            (row["tuning_hz"], 1, 1),
            (row["duration_s"], 1, 0),
        )
    ]
    remarks = ". ".join(filter(None, [row["message"], row["structure"]]))
    return [name, row["status"], *numbers, remarks]


def remove_leftovers(out: Path, before_s: float) -> None:
    """Delete what a killed process had begun to write before the time `before_s`."""
    for path in out.rglob(".*-????????.*"):
        if path.is_file() and path.stat().st_mtime < before_s:
            path.unlink(missing_ok=True)
