"""Tables 11 and 11b: what labels are worth as training data. Loads no torch."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pianoalign_lib.common.config import digest, topic
from pianoalign_lib.tables.model import Cell, Column, Missing, Number, Percent, Table

from .plan import EXACT, KEEP, TOPIC, TRUE, Labels, midi_label, placed_by, planned
from .summary import SET_LABELS, SETS, Summary

NOT_RUN = Missing("not run", "no training on these labels: python -m studies.transcription train")
NOT_MADE = Missing("not run", "no labels: python -m studies.transcription labels")
TRUE_NOT_RUN = Missing("not run", "no training on true or on loose labels to compare with")
NO_LOSS = Missing("–", "loose labels cost nothing that could be told from chance")
_HEAD = [
    Column("recordings", "Tested on"),
    Column("midi", "Errors of the MIDI"),
    Column("labels", "Labels placed by"),
]
_WON_BACK_MS = (10, 50)


def table11_transcription(summary: Summary, quality: pd.DataFrame, params: dict[str, Any]) -> Table:
    """Return onset F1 by training labels, and the share of the loss that a method wins back.

    Parameters
    ----------
    summary
        Of ``transcription.csv``.
    quality
        ``transcription_labels.csv``: how right the labels are.
    params
        All of ``params.yaml``; kinds of labels without a training are "not run".
    """
    tolerances_ms = topic(params, TOPIC)["tolerances_ms"]
    columns = [*_HEAD, Column("seeds", "Seeds"), Column("labels_10ms", "Labels within 10 ms")]
    for group, prefix in (("F1 of onsets", "f1"), ("Calibrated F1", "f1_calibrated")):
        columns += [
            Column(f"{prefix}_{ms:g}ms", f"{ms:g} ms", group, interval=True) for ms in tolerances_ms
        ]
    columns += [
        Column(f"won_back_{ms:g}ms", f"{ms:g} ms", "Loss won back", interval=True)
        for ms in _WON_BACK_MS
    ]
    right = dict(zip(quality["labels"], quality.get("acc_10ms", []), strict=True))
    rows: list[list[Cell]] = []
    for where in SETS:
        for kind in planned(params):
            share = right.get(kind.name)
            label: Cell = NOT_MADE if share is None else Percent(share)
            seeds = Number(len(summary.seeds(kind, where)))
            cells = [
                _f1(summary, kind, where, ms, calibrated)
                for calibrated in (False, True)
                for ms in tolerances_ms
            ]
            won = [_won_back(summary, kind, where, ms) for ms in _WON_BACK_MS]
            rows.append([*_names(kind, where), seeds, label, *cells, *won])
    caption = (
        "Table 11. Transcription by training labels: F1 of note onsets (%), and the share (%) of "
        "the loss by loose labels that a method wins back"
    )
    return Table("table11_transcription", caption, columns, rows, _notes(summary, params))


def table11b_precision_recall(summary: Summary, params: dict[str, Any]) -> Table:
    """Return precision and recall behind table 11, raw and calibrated, as means over seeds."""
    tolerances_ms = topic(params, TOPIC)["tolerances_ms"]
    columns = list(_HEAD)
    for calibrated in (False, True):
        for ms in tolerances_ms:
            group = f"{ms:g} ms" + ", calibrated" * calibrated
            name = f"{ms:g}ms" + "_calibrated" * calibrated
            columns += [Column(f"{kind}_{name}", kind, group) for kind in ("precision", "recall")]
    rows: list[list[Cell]] = []
    for where in SETS:
        for kind in planned(params):
            row: list[Cell] = _names(kind, where)
            for calibrated in (False, True):
                for ms in tolerances_ms:
                    found = summary.precision_recall(kind, where, ms, calibrated)
                    row += [NOT_RUN] * 2 if found is None else [Percent(each) for each in found]
            rows.append(row)
    caption = "Table 11b. Transcription by training labels: precision and recall of onsets (%)"
    return Table("table11b_precision_recall", caption, columns, rows, _notes(summary, params)[:2])


def _names(kind: Labels, where: str) -> list[Cell]:
    return [SET_LABELS[where], midi_label(kind), placed_by(kind)]


def _f1(summary: Summary, kind: Labels, where: str, ms: float, calibrated: bool) -> Cell:
    found = summary.f1(kind, where, ms, calibrated)
    return NOT_RUN if found is None else Percent(found.value, *found.interval)


def _won_back(summary: Summary, kind: Labels, where: str, ms: float) -> Cell:
    if kind == TRUE or kind.method == KEEP and kind.timing != EXACT:
        return ""  # one and zero by definition
    if summary.f1(kind, where, ms) is None:
        return NOT_RUN
    if kind.timing == EXACT:  # what flaws alone cost
        return ""
    if any(summary.f1(each, where, ms) is None for each in (kind.loose, TRUE)):
        return TRUE_NOT_RUN
    found = summary.won_back(kind, where, ms)
    return NO_LOSS if found is None else Percent(found.value, *found.interval)


def _notes(summary: Summary, params: dict[str, Any]) -> list[str]:
    settings = topic(params, TOPIC)
    flaws = settings["flaws"]
    one = summary.counts[~summary.counts["calibrated"].astype(bool)]
    one = one.drop_duplicates(["test_set", "recording"])
    sizes = [
        f"{SET_LABELS[where]}: {len(rows)} recordings of {rows['performance'].nunique()} "
        f"performances, {rows['n_true'].sum():,} notes"
        for where, sets in SETS.items()
        if len(rows := one[one["test_set"].isin(sets)])
    ]
    counts = "; ".join(sizes) + ". " if sizes else ""
    return [
        f"{counts}Notes match if the key is the same and the onset within the tolerance "
        "(mir_eval); their ends do not count. Counts are pooled over recordings; values are means "
        "over seeds.",
        f"Calibrated: after the median error of each recording's notes that match within "
        f"{settings['calibration_ms']:g} ms has been removed, which a user cannot know.",
        "Intervals: 95 %, bootstrap over performances and seeds, drawn alike for all labels. "
        f"{len(settings['seeds'])} seeds tell little about the chance of training.",
        "Won back: (method − loose) / (true − loose), where loose is the same MIDI as it is. It "
        "can be below 0 and above 100.",
        f"Notes missing and wrong: {100 * flaws['missing_share']:g} % of the notes are left out, "
        f"{100 * flaws['wrong_share']:g} % are wrong (half of them on another key, half added). "
        "What the localizer calls not heard is then left out of its labels.",
        "The localizer's weights have heard these training recordings with true labels, since no "
        "released weights have not: its rows are an upper bound. The CRNN behind the rows of CRNN "
        "and DTW + CRNN is that of demo, which has heard none of them.",
        "Epoch, threshold and least gap between onsets are the best on validation recordings with "
        "true labels, for all alike.",
        f"Settings: topic transcription of params.yaml, digest {digest(settings)}.",
    ]
