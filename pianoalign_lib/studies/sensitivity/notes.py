"""What the sensitivity study says, in sentences written by its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...common.labels import method_label
from ...tables.paper import PAPER_PERCENT
from .readings import QUESTIONS
from .scoring import TOLERANCES_MS

NEAR_POINTS = 5.0
SHOWN = 3  # readings named in a list of the nearest
LEAD_POINTS = 20.0  # the paper's largest lead of the CRNN over DTW (C6)


class Study:
    """The frame of ``sensitivity.csv``, in percent, and the names of its readings.

    Attributes
    ----------
    percent : DataFrame
        Notes within 10 ms; rows (question, reading) in the file's order, columns methods.
    ours : tuple of str
        A row that is our own procedure.
    labels : dict
        Row → what to print.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self.percent = self.within(10)
        is_ours = frame.set_index(["question", "reading"])["is_ours"].astype(bool)
        self.ours = is_ours.index[is_ours][0]
        self.changed = self.percent[~self.percent.index.isin(is_ours.index[is_ours])]
        self.labels = frame.set_index(["question", "reading"])["label"].to_dict()

    def within(self, tolerance_ms: int) -> pd.DataFrame:
        """Return the share of notes within a tolerance, laid out as `percent`."""
        keys = ["question", "reading"]
        wide = self._frame.pivot(index=keys, columns="method", values=f"acc_{tolerance_ms}ms")
        return 100 * wide.reindex(pd.MultiIndex.from_frame(self._frame[keys].drop_duplicates()))

    def own(self, method: str) -> float:
        """Return a method's value under our own procedure."""
        rows = self._frame[self._frame["is_ours"].astype(bool) & (self._frame["method"] == method)]
        return 100 * float(rows["acc_10ms"].iloc[0])

    def holding(self, method: str, percent: float) -> list[tuple[str, str]]:
        """Return the readings whose interval holds a value."""
        rows = self._frame[self._frame["method"] == method]
        inside = (100 * rows["acc_10ms_lo"] <= percent) & (percent <= 100 * rows["acc_10ms_hi"])
        return list(rows.loc[inside, ["question", "reading"]].itertuples(index=False, name=None))

    def name(self, key: Any) -> str:
        """Return a reading's label and its question."""
        question, _ = key
        return f"“{self.labels[key]}” ({QUESTIONS.get(question, question).lower()})"

    def names(self, keys: Iterable[Any]) -> str:
        return ", ".join(self.name(key) for key in keys)


def reading_notes(frame: pd.DataFrame) -> list[str]:
    """Return the sentences below the table; those whose methods were not run are left out.

    Parameters
    ----------
    frame
        ``sensitivity.csv``.
    """
    study = Study(frame)
    known = [method for method in PAPER_PERCENT if method in study.percent]
    notes = [_nearest(study, method) for method in known]
    if len(known) == len(PAPER_PERCENT):
        notes.append(_near_together(study))
    notes += [_spread(study, method) for method in known]
    if {"crnn", "dtw"} <= set(study.percent):
        notes.append(_lead_over_dtw(study))
    if {"none", "dtw"} <= set(study.percent):
        notes.append(_gain_of_dtw(study))
    if ("errors", "again") in study.percent.index:
        draws = [("errors", "independent"), ("errors", "again")]
        moved = np.abs(np.diff(study.percent.loc[draws].to_numpy(), axis=0))
        notes.append(
            f"Chance: errors drawn once more move no method by more than {np.nanmax(moved):.1f} "
            "points."
        )
    return notes


def training_note(logs: Mapping[str, pd.DataFrame]) -> str:
    """Say when in training each network passed the paper's value on the validation recordings.

    Parameters
    ----------
    logs : mapping of variant → DataFrame
        Training logs (columns step, val_acc_10ms).
    """
    parts = []
    for method in [name for name in PAPER_PERCENT if name in logs]:
        paper, steps = PAPER_PERCENT[method], logs[method]["step"]
        percent = 100 * logs[method]["val_acc_10ms"]
        passed = percent > paper
        when = (
            f"is first above the paper's {paper} % after {steps[passed].iloc[0]:,} updates "
            f"({percent[passed].iloc[0]:.1f} %)"
            if passed.any()
            else f"is never above the paper's {paper} %"
        )
        last = f"{percent.iloc[-1]:.1f} % after all {steps.iloc[-1]:,}"
        parts.append(f"{method_label(method)} {when} and has {last}")
    return (
        "Training, notes within 10 ms on the validation recordings after each epoch: "
        f"{'; '.join(parts)}."
    )


def _nearest(study: Study, method: str) -> str:
    paper, values = PAPER_PERCENT[method], study.changed[method].dropna()
    keys = (values - paper).abs().sort_values(kind="stable").index[:SHOWN]
    near = ", ".join(f"{study.name(key)} {values[key]:.1f} %" for key in keys)
    holding = study.holding(method, paper)
    inside = study.names(holding) if holding else "no reading"
    return (
        f"{method_label(method)}: {study.own(method):.1f} % here, {paper} % in the paper. "
        f"Nearest to the paper: {near}. Interval with the paper's value in it: {inside}."
    )


def _near_together(study: Study) -> str:
    values = study.changed[list(PAPER_PERCENT)].dropna()
    worst = (values - pd.Series(PAPER_PERCENT)).abs().max(axis=1).sort_values(kind="stable")
    near = [
        f"{study.name(key)} with "
        + " and ".join(f"{values.loc[key, method]:.1f}" for method in PAPER_PERCENT)
        + " %"
        for key in worst.index[: max(1, int((worst <= NEAR_POINTS).sum()))]
    ]
    none = "" if (worst <= NEAR_POINTS).any() else "no reading; nearest "
    gaps = (study.changed["crnn"] - study.changed["cnn"]).dropna()
    paper = PAPER_PERCENT["crnn"] - PAPER_PERCENT["cnn"]
    like = study.name((gaps - paper).abs().idxmin())
    both = " and ".join(method_label(method) for method in PAPER_PERCENT)
    return (
        f"Within {NEAR_POINTS:g} points of the paper for both {both}: {none}{', '.join(near)}. "
        f"CRNN − CNN is {paper:.2f} points in the paper and "
        f"{study.own('crnn') - study.own('cnn'):.1f} here; {gaps.min():.1f} to {gaps.max():.1f} "
        f"under other readings, most like the paper with {like}."
    )


def _spread(study: Study, method: str) -> str:
    grouped = study.percent[method].dropna().groupby(level="question", sort=False)
    spans = grouped.agg(["min", "max"])
    order = (spans["max"] - spans["min"]).sort_values(ascending=False, kind="stable").index
    parts = [
        f"{QUESTIONS.get(question, question).lower()} {spans.loc[question, 'min']:.1f} to "
        f"{spans.loc[question, 'max']:.1f} %"
        for question in order
    ]
    return f"What moves {method_label(method)} most: {'; '.join(parts)}."


def _lead_over_dtw(study: Study) -> str:
    most = pd.concat([_lead(study, ms) for ms in TOLERANCES_MS], axis=1).dropna().max(axis=1)
    within = most.index[most <= LEAD_POINTS]
    least = f"none; the least, {most.min():.1f} points, with {study.name(most.idxmin())}"
    return (
        f"CRNN − DTW, the most over the tolerances: {most[study.ours]:.1f} points here, up to "
        f"{LEAD_POINTS:g} in the paper (C6). Readings that stay within that: "
        f"{study.names(within) or least}."
    )


def _lead(study: Study, tolerance_ms: int) -> pd.Series:
    """Return CRNN − DTW; a method that a reading does not concern stays as it is."""
    both = study.within(tolerance_ms)[["crnn", "dtw"]]
    # Another score of the one is not to be compared with our score of the other.
    alike = both.index.get_level_values("question") != "scoring"
    both = both.where(both.notna() | ~alike[:, None], both.loc[study.ours], axis=1)
    return both["crnn"] - both["dtw"]


def _gain_of_dtw(study: Study) -> str:
    gain = (study.percent["dtw"] - study.percent["none"]).dropna().loc[["errors"]]
    parts = [f"“{study.labels[key]}” {value:+.1f}".replace("-", "−") for key, value in gain.items()]
    return (
        "What DTW gains on the untouched input within 10 ms, in points, by the errors it is given "
        f"(C9): {', '.join(parts)}."
    )
