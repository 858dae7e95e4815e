"""Table 2b, from ``choices.yaml``, the parameters and the readings tried in table 5c."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from companion.tables.model import Cell, Column, Table
from pianoalign_lib.common.labels import method_label

PEDAL = "pedal.csv"  # of the demo corpus (:mod:`.pedal`)
CHOICES = Path(__file__).with_name("choices.yaml")
COLUMNS = (
    Column("choice", "Choice", width="2.4cm"),
    Column("source", "What our source says", width="3.4cm"),
    Column("ours", "What we did", width="4cm"),
    Column("tried", "What else was tried", width="3.6cm"),
    Column("not_run", "Not run, and why", width="3.6cm"),
)
NOTES = (
    "Our source is not the paper's full text: what is not in it may well be in the paper.",
    "Table 5c has every reading that was tried, with its accuracy; it needs no training anew.",
)


def read_choices(params: dict[str, Any]) -> list[dict[str, str]]:
    """Return the choices, with what is in the parameters filled in."""
    found = yaml.safe_load(CHOICES.read_text(encoding="utf-8"))
    thresholds = params["decoding"]["thresholds"]
    filled = params | {"lowest": min(thresholds), "highest": max(thresholds)}
    return [entry | {"ours": entry["ours"].format(**filled)} for entry in found]


def table_choices(
    params: dict[str, Any], tried: pd.DataFrame | None = None, pedal: pd.DataFrame | None = None
) -> Table:
    """Return the table of choices.

    Parameters
    ----------
    params
        All of ``params.yaml``, as the corpus has it.
    tried
        ``sensitivity.csv``, where the corpus has it: table 5c.
    pedal
        ``pedal.csv`` of the demo corpus (:mod:`.pedal`).
    """
    rows: list[list[Cell]] = []
    for entry in read_choices(params):
        words = [entry["tried"]] if "tried" in entry else []
        if "pedal" in entry and pedal is not None:
            words.append(entry["pedal"].format(**by_reading(pedal)))
        if "question" in entry:
            words.append(span(tried, entry["question"]))
        rows.append(
            [
                entry["choice"],
                entry["source"],
                entry["ours"],
                "; ".join(words) or "–",
                f"not run: {entry['not_run']}" if "not_run" in entry else "–",
            ]
        )
    caption = "Table 2b. What our source of the paper says, what we did, what else was tried"
    return Table("choices", caption, COLUMNS, rows, NOTES)


def by_reading(pedal: pd.DataFrame) -> dict[str, str]:
    """Return the accuracy at 10 ms of each reading of the pedal: its trainings, one by one."""
    raw = pedal[~pedal["calibrated"].astype(bool)].sort_values("seed")
    shares = (100 * raw["acc_10ms"]).map("{:.1f}".format).groupby(raw["reading"])
    return {str(reading): " and ".join(values) for reading, values in shares}


def span(tried: pd.DataFrame | None, question: str) -> str:
    """Return how many other readings a question has, and the accuracies that they give."""
    if tried is None:
        return "on maps: table 5c"
    method = "dtw" if question == "dtw" else "crnn"
    mine = tried[(tried["question"] == question) & (tried["method"] == method)]
    percent = 100 * mine.loc[~mine["is_ours"], "acc_10ms"]
    ours = 100 * mine.loc[mine["is_ours"], "acc_10ms"].iloc[0]
    values = f"{percent.min():.1f} to {percent.max():.1f} %, ours {ours:.1f} %"
    return f"{len(percent)} others, {method_label(method)} within 10 ms: {values} (table 5c)"
