"""Tables 11, 11b and 11c: what labels are worth as training data. Loads no torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from companion.tables.model import Cell, Column, Missing, Number, Percent, Table
from pianoalign_lib.common.config import digest, topic

from .plan import (
    EXACT,
    KEEP,
    TOPIC,
    Labels,
    midi_label,
    placed_by,
    planned,
    planned_stronger,
)
from .summary import SET_LABELS, SETS, Summary

NOT_RUN = Missing("not run", "no training on these labels: python -m studies.transcription train")
NOT_MADE = Missing("not run", "no labels: python -m studies.transcription labels")
TRUE_NOT_RUN = Missing("not run", "no training of the same seeds to compare with")
NO_LOSS = Missing("–", "loose labels cost nothing that could be told from chance")
_HEAD = [
    Column("recordings", "Tested on"),
    Column("midi", "Errors of the MIDI"),
    Column("labels", "Labels placed by"),
]
_COMPARED_MS = (10, 50)


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
    caption = (
        "Table 11. Transcription by training labels: F1 of note onsets (%), how far it is below "
        "that of true times (points), and the share (%) of the loss by loose labels that a method "
        "wins back"
    )
    columns, rows = _scored(summary, quality, params, planned(params))
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


def table11c_stronger(summary: Summary, quality: pd.DataFrame, params: dict[str, Any]) -> Table:
    """Return table 11 of the stronger transcriber; parameters are those of table 11."""
    own, base = (topic(params, TOPIC)[key] for key in ("stronger", "training"))
    limits, length = own["augmentation"], own["training"]
    caption = "Table 11c. As table 11, by a stronger transcriber that hears other pianos, too"
    columns, rows = _scored(summary, quality, params, planned_stronger(params))
    notes = [
        "The network of table 11. Its excerpts are moved by up to "
        f"{limits['semitones']} keys, equalised by up to {limits['equaliser_db']:g} dB and made "
        f"louder or softer by up to {limits['level_db']:g} dB, and it is trained for "
        f"{length['epochs']} epochs instead of {base['epochs']}, at a learning rate of "
        f"{length['learning_rate']:g} instead of {base['learning_rate']:g}. That was chosen by its "
        "F1 with true labels on a piano kept out of the training (AkPnBcht).",
        "Where there is one training, the chance of training is that of table 11's transcriber.",
        "All else as in table 11.",
    ]
    return Table("table11c_stronger", caption, columns, rows, notes)


def _scored(
    summary: Summary, quality: pd.DataFrame, params: dict[str, Any], kinds: list[Labels]
) -> tuple[list[Column], list[list[Cell]]]:
    """Return columns and rows of table 11, for those kinds of labels."""
    tolerances_ms = topic(params, TOPIC)["tolerances_ms"]
    columns = [*_HEAD, Column("seeds", "Seeds"), Column("labels_10ms", "Labels within 10 ms")]
    for group, prefix in (("F1 of onsets", "f1"), ("Calibrated F1", "f1_calibrated")):
        columns += [
            Column(f"{prefix}_{ms:g}ms", f"{ms:g} ms", group, interval=True) for ms in tolerances_ms
        ]
    for group, prefix in (
        ("Points below true times, calibrated", "below"),
        ("Loss won back, calibrated", "won_back"),
    ):
        columns += [
            Column(f"{prefix}_{ms:g}ms", f"{ms:g} ms", group, interval=True) for ms in _COMPARED_MS
        ]
    right = dict(zip(quality["labels"], quality.get("acc_10ms", []), strict=True))
    rows: list[list[Cell]] = []
    for where in SETS:
        for kind in kinds:
            share = right.get(replace(kind, stronger=False).name)
            label: Cell = NOT_MADE if share is None else Percent(share)
            seeds = Number(len(summary.seeds(kind, where)))
            cells = [
                _f1(summary, kind, where, ms, calibrated)
                for calibrated in (False, True)
                for ms in tolerances_ms
            ]
            compared = [
                cell(summary, kind, where, ms)
                for cell in (_below_ideal, _won_back)
                for ms in _COMPARED_MS
            ]
            rows.append([*_names(kind, where), seeds, label, *cells, *compared])
    return columns, rows


def _names(kind: Labels, where: str) -> list[Cell]:
    return [SET_LABELS[where], midi_label(kind), placed_by(kind)]


def _f1(summary: Summary, kind: Labels, where: str, ms: float, calibrated: bool) -> Cell:
    found = summary.f1(kind, where, ms, calibrated)
    return NOT_RUN if found is None else Percent(found.value, *found.interval)


def _below_ideal(summary: Summary, kind: Labels, where: str, ms: float) -> Cell:
    if kind == kind.ideal:
        return ""  # zero by definition
    found = summary.below_ideal(kind, where, ms, calibrated=True)
    if found is None:
        return NOT_RUN if summary.f1(kind, where, ms) is None else TRUE_NOT_RUN
    return Percent(found.value, *found.interval)


def _won_back(summary: Summary, kind: Labels, where: str, ms: float) -> Cell:
    if kind.timing == EXACT or kind.method == KEEP:
        return ""  # there is no loss by times; nothing is won by definition
    if summary.f1(kind, where, ms) is None:
        return NOT_RUN
    if not summary.alike(where, kind, kind.loose, kind.ideal):
        return TRUE_NOT_RUN
    found = summary.won_back(kind, where, ms, calibrated=True)
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
        "Intervals: 95 %; bootstrap over performances, drawn alike for all labels, with the "
        "chance of training added: the standard deviation between seeds, pooled over all labels.",
        "True times: labels of the same notes with true onsets. Where notes are missing and wrong, "
        "they are so there, too; the row of those alone is compared with no error at all.",
        "Won back: (method − loose) / (true − loose), where loose is the same MIDI as it is. It "
        "can be below 0 and above 100, and is high wherever loose labels teach almost nothing: "
        "the points below true times say what is left.",
        f"Notes missing and wrong: {100 * flaws['missing_share']:g} % of the notes, drawn at "
        f"random, are left out, {100 * flaws['wrong_share']:g} % are wrong (half of them on "
        "another key, half added): a stand-in for files from the web. What a method calls not "
        "heard is then left out of its labels; DTW says of no note that it is not there.",
        "The localizer's weights have heard these training recordings with true labels, since no "
        "released weights have not: its rows are an upper bound. How well it does on recordings "
        "that it has not heard, table 6 says. The CRNN behind the rows of CRNN and DTW + CRNN is "
        "that of demo, which has heard none of them.",
        "Chosen on validation recordings with true labels, for all alike: the epoch of the least "
        "loss, and the threshold and the least gap between onsets of the best F1 at 50 ms. "
        "Learning rate, width of the target and length of training were chosen with true labels.",
        "The unseen software piano is one piano (AkPnStgb).",
        f"Settings: topic transcription of params.yaml, digest {digest(settings)}.",
    ]
