"""Table 5c, from ``sensitivity.csv``, and what it says in sentences written by its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.tables.columns import size_note
from companion.tables.model import Cell, Column, Missing, Name, Number, Percent, Table
from companion.tables.paper import PAPER_PERCENT
from pianoalign_lib.common.labels import condition_label, method_label, set_label
from pianoalign_lib.scoring.scores import read_scores

from .readings import ALL, QUESTIONS, TOLERANCES_MS

NEAR_POINTS = 5.0
SHOWN = 3  # readings named in a list of the nearest
LEAD_POINTS = 20.0  # the paper's largest lead of the CRNN over DTW (C6)
_READING = ["question", "label"]
_COLUMNS = [*_READING, "reading", "method", "is_ours"]


def read_sensitivity(path: str | Path) -> pd.DataFrame:
    """Read ``sensitivity.csv``, or refuse it (:func:`.read_scores`)."""
    return read_scores(path, [*_COLUMNS, "acc_10ms_lo", "acc_10ms_hi"], "sensitivity")


def table_sensitivity(
    frame: pd.DataFrame, *, methods: Sequence[str] = ALL, notes: Sequence[str] = ()
) -> Table:
    """Return the accuracy at 10 ms under every reading, from ``sensitivity.csv``, one row each.

    Methods have one column each; those the paper has a value of a second, the difference from it.
    `notes` are printed below the sentences that the numbers give.
    """
    shown = [method for method in methods if (frame["method"] == method).any()]
    columns = [Column("question", "Question"), Column("reading", "Reading")]
    for method in shown:
        paper, group = method in PAPER_PERCENT, method_label(method)
        columns.append(Column(f"{method}_acc_10ms", "10 ms", group, interval=paper))
        columns += [Column(f"{method}_minus_paper", "− paper", group)] * paper
    rows: list[list[Cell]] = []
    above = ""
    for _, part in frame.groupby(["question", "reading"], sort=False):
        scores = {row["method"]: row for row in part.to_dict("records")}
        first = part.iloc[0].to_dict()
        # For people a question stands in its first row only.
        title = "" if first["question"] == above else QUESTIONS[first["question"]]
        above, label = first["question"], first["label"] + " (ours)" * bool(first["is_ours"])
        cells: list[Cell] = [Name(above, title), Name(first["reading"], label)]
        rows.append(cells + [cell for name in shown for cell in _cells(scores.get(name), name)])
    values = ", ".join(f"{method_label(name)} {value} %" for name, value in PAPER_PERCENT.items())
    own = [
        size_note(frame.to_dict("records")),
        f"Each reading changes one thing of ours. “− paper”: points above the paper's Table 2 "
        f"({values}); its other values are not in our source. –: the reading does "
        "not concern the method. Nothing was trained anew.",
        *_sentences(frame.assign(percent=100 * frame["acc_10ms"])),
    ]
    condition, test_set = frame.iloc[0][["condition", "test_set"]]
    caption = (
        "Table 5c. Other readings of the paper: notes within 10 ms (%); "
        f"{condition_label(condition)}; {set_label(test_set)}"
    )
    return Table("sensitivity", caption, columns, rows, [*own, *notes])


def _cells(row: dict | None, method: str) -> list[Cell]:
    with_paper = method in PAPER_PERCENT
    if row is None:
        return [Missing("–")] * (1 + with_paper)
    if not with_paper:
        return [Percent(row["acc_10ms"])]
    share = Percent(row["acc_10ms"], row["acc_10ms_lo"], row["acc_10ms_hi"])
    return [share, Number(100 * row["acc_10ms"] - PAPER_PERCENT[method], 1)]


def training_note(logs: Mapping[str, pd.DataFrame]) -> str:
    """Say when in training each network passed the paper's value on the validation recordings.

    `logs` maps variants to training logs (columns step, val_acc_10ms).
    """
    parts = []
    for method in [name for name in PAPER_PERCENT if name in logs]:
        paper, steps = PAPER_PERCENT[method], logs[method]["step"]
        percent = 100 * logs[method]["val_acc_10ms"]
        when = f"is never above the paper's {paper} %"
        if (passed := percent > paper).any():
            when = (
                f"is first above the paper's {paper} % after {steps[passed].iloc[0]:,} updates "
                f"({percent[passed].iloc[0]:.1f} %)"
            )
        last = f"{percent.iloc[-1]:.1f} % after all {steps.iloc[-1]:,}"
        parts.append(f"{method_label(method)} {when} and has {last}")
    return (
        "Training, notes within 10 ms on the validation recordings after each epoch: "
        f"{'; '.join(parts)}."
    )


def _sentences(rows: pd.DataFrame) -> list[str]:
    """Return the notes by the numbers; those whose methods were not run are left out."""
    run = set(rows["method"])
    known = [method for method in PAPER_PERCENT if method in run]
    notes = [_nearest(rows[rows["method"] == method], method) for method in known]
    if len(known) == len(PAPER_PERCENT):
        notes.append(_near_together(rows))
    notes += [_spread(rows[rows["method"] == method], method) for method in known]
    if {"crnn", "dtw"} <= run:
        notes.append(_lead_over_dtw(rows))
    errors = rows[rows["question"] == "errors"]
    if {"none", "dtw"} <= run:
        by_label = _wide(errors).droplevel("question")
        gain = (by_label["dtw"] - by_label["none"]).items()
        parts = ", ".join(f"“{label}” {value:+.1f}" for label, value in gain).replace("-", "−")
        notes.append(
            "What DTW gains on the untouched input within 10 ms, in points, by the errors it is "
            f"given (C9): {parts}."
        )
    twice = _wide(errors[errors["reading"].isin(["independent", "again"])])
    if len(twice) == 2:
        moved = np.nanmax(np.abs(np.diff(twice.to_numpy(), axis=0)))
        notes.append(
            f"Chance: errors drawn once more move no method by more than {moved:.1f} points."
        )
    return notes


def _wide(rows: pd.DataFrame, values: str = "percent") -> pd.DataFrame:
    """Return one row per reading (question, label), in the order of `rows`, a column per method."""
    order = pd.MultiIndex.from_frame(rows[_READING].drop_duplicates())
    return rows.pivot(index=_READING, columns="method", values=values).reindex(order)


def _names(*readings: Any) -> str:
    return ", ".join(f"“{label}” ({QUESTIONS[question].lower()})" for question, label in readings)


def _nearest(rows: pd.DataFrame, method: str) -> str:
    paper = PAPER_PERCENT[method]
    inside = (100 * rows["acc_10ms_lo"] <= paper) & (paper <= 100 * rows["acc_10ms_hi"])
    rows = rows.set_index(_READING)
    values = rows.loc[~rows["is_ours"], "percent"]
    near = (values - paper).abs().sort_values(kind="stable").index[:SHOWN]
    shown = ", ".join(f"{_names(key)} {values[key]:.1f} %" for key in near)
    return (
        f"{method_label(method)}: {rows['percent'][rows['is_ours']].iloc[0]:.1f} % here, "
        f"{paper} % in the paper. Nearest to the paper: {shown}. Interval with the paper's value "
        f"in it: {_names(*rows.index[inside]) or 'no reading'}."
    )


def _near_together(rows: pd.DataFrame) -> str:
    methods = list(PAPER_PERCENT)
    ours = _wide(rows[rows["is_ours"]])[methods].iloc[0]
    values = _wide(rows[~rows["is_ours"]])[methods].dropna()
    worst = (values - pd.Series(PAPER_PERCENT)).abs().max(axis=1).sort_values(kind="stable")
    n_near = int((worst <= NEAR_POINTS).sum())
    near = ", ".join(
        f"{_names(key)} with {' and '.join(f'{value:.1f}' for value in values.loc[key])} %"
        for key in worst.index[: max(1, n_near)]
    )
    gaps, paper = values["crnn"] - values["cnn"], PAPER_PERCENT["crnn"] - PAPER_PERCENT["cnn"]
    return (
        f"Within {NEAR_POINTS:g} points of the paper for both "
        f"{' and '.join(map(method_label, methods))}: "
        f"{'' if n_near else 'no reading; nearest '}{near}. "
        f"CRNN − CNN is {paper:.2f} points in the paper and {ours['crnn'] - ours['cnn']:.1f} here; "
        f"{gaps.min():.1f} to {gaps.max():.1f} under other readings, most like the paper with "
        f"{_names((gaps - paper).abs().idxmin())}."
    )


def _spread(rows: pd.DataFrame, method: str) -> str:
    spans = rows.groupby("question", sort=False)["percent"].agg(["min", "max"])
    order = (spans["max"] - spans["min"]).sort_values(ascending=False, kind="stable").index
    parts = "; ".join(
        f"{QUESTIONS[str(name)].lower()} {low:.1f} to {high:.1f} %"
        for name, low, high in spans.loc[order].itertuples()
    )
    return f"What moves {method_label(method)} most: {parts}."


def _lead_over_dtw(rows: pd.DataFrame) -> str:
    leads = []
    for ms in TOLERANCES_MS:
        both = 100 * _wide(rows, f"acc_{ms}ms")[["crnn", "dtw"]]
        # A method that a reading does not concern stays as it is; but another score of the one is
        # not to be compared with our score of the other.
        scored = both.index.get_level_values("question") == "scoring"
        both = both[both.notna().all(axis=1) | ~scored].fillna(both.iloc[0])
        leads.append(both["crnn"] - both["dtw"])
    most = pd.concat(leads, axis=1).max(axis=1)
    least = f"none; the least, {most.min():.1f} points, with {_names(most.idxmin())}"
    return (
        f"CRNN − DTW, the most over the tolerances: {most.iloc[0]:.1f} points here, up to "
        f"{LEAD_POINTS:g} in the paper (C6). Readings that stay within that: "
        f"{_names(*most.index[most <= LEAD_POINTS]) or least}."
    )
