"""The tables of the study, built from ``metrics.csv``.

Every function returns a :class:`.model.Table`; nothing is computed here beyond
looking up and grouping, so a number in a table is a number in the metrics file. Accuracy is the
pooled share of notes within a tolerance, in percent; brackets hold its 95 % bootstrap interval over
recordings. A result that is not there becomes "not run" with its reason, which `reasons` (method →
text) can give. `notes` are printed below the table. The numbering of the tables is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TypedDict, Unpack

import pandas as pd

from ..common.labels import STAND_INS, condition_label, method_label, set_label
from ..scoring.scores import Scores
from .columns import score_cells, score_columns, seeds_note, size_note
from .model import Cell, Column, Missing, Name, Number, Table

TOLERANCES_MS = (5, 10, 25, 50, 100)
NOT_IN_SOURCE = Missing("not in our source")
PAPER_PERCENT = {"crnn": 47.41, "cnn": 22.06}  # the paper's Table 2, 10 ms, ±100 ms per note
_ACCURACY = "notes within a tolerance (%)"
_NO_PAPER_VALUES = "The paper's values of this table are not in our source."
_STAND_IN = (
    "This corpus has no real recordings. The rows are the test performances on the unseen piano, "
    "in simulated rooms with noise; nothing follows about the microphones, mechanics or labels of "
    "real recordings."
)


class Options(TypedDict, total=False):
    """Keywords of tables 2 to 4; test set ``test`` and condition ``note100`` unless given."""

    test_set: str
    condition: str
    reasons: Mapping[str, str] | None
    notes: Sequence[str]


def table1_error_size(
    metrics: pd.DataFrame,
    *,
    test_set: str = "test",
    sizes_ms: Sequence[int] = (20, 50, 100, 150, 200),
    methods: Sequence[str] = ("none", "crnn"),
    reasons: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return the accuracy against the size of the random timing errors of the input."""
    scores, tolerances = Scores(metrics, reasons), (10, 25, 50)
    columns = [Column("note_error_ms", "Error per note (± ms)")]
    for method in methods:
        columns += score_columns(f"{method}_", method_label(method), tolerances, lost=False)
    rows: list[list[Cell]] = []
    found = []
    for size in sizes_ms:
        cells: list[Cell] = [Number(size)]
        for method in methods:
            row = scores.find(test_set, method, f"note{size}")
            found.append(row)
            cells += score_cells(row, tolerances, lost=False)
        rows.append(cells)
    caption = f"Table 1b. Size of the timing errors: {_ACCURACY}; {set_label(test_set)}"
    notes = [size_note(found), _NO_PAPER_VALUES, *notes]
    return Table("table1_error_size", caption, columns, rows, notes)


def table2_architecture(metrics: pd.DataFrame, **options: Unpack[Options]) -> Table:
    """Return the variants of the recurrent layer (see :class:`Options`) and the paper's values."""
    names = {
        "cnn": "none (CNN only)",
        "gru": "GRU, both directions",
        "lstm_uni": "LSTM, one direction",
        "crnn": "LSTM, both directions (full CRNN)",
    }
    again = sorted(name for name in metrics["method"].unique() if name.startswith("crnn_seed"))
    names |= {name: f"the same, {method_label(name).split(', ')[-1]}" for name in again}
    title = "Table 2. Recurrent layer of the network"
    if again:
        chosen = (options.get("test_set", "test"), options.get("condition", "note100"))
        note = seeds_note([Scores(metrics).find(chosen[0], m, chosen[1]) for m in ("crnn", *again)])
        options["notes"] = [note, *options.get("notes", ())]
    return _method_table(
        "table2_architecture", title, "Recurrent layer", names, metrics, PAPER_PERCENT, **options
    )


def table3_representation(metrics: pd.DataFrame, **options: Unpack[Options]) -> Table:
    """Return the full network on each input representation (see :class:`Options`)."""
    names = {"crnn": "log-CQT", "crnn_cqt": "CQT", "crnn_logmel": "log-Mel", "crnn_mel": "Mel"}
    title = "Table 3. Input representation of the full CRNN"
    return _method_table(
        "table3_representation", title, "Representation", names, metrics, **options
    )


def table4_frame_rate(metrics: pd.DataFrame, **options: Unpack[Options]) -> Table:
    """Return the full network at each frame rate (see :class:`Options`)."""
    names = {"crnn_50fps": "50", "crnn": "100", "crnn_200fps": "200"}
    title = "Table 4. Frame rate of the full CRNN"
    table = _method_table(
        "table4_frame_rate", title, "Frames per second", names, metrics, **options
    )
    paper = (
        "The paper reports no significant gain of 200 over 100 frames per second; "
        "its numbers are not in our source."
    )
    notes = [paper if note == _NO_PAPER_VALUES else note for note in table.notes]
    return Table(table.name, table.caption, table.columns, table.rows, notes)


def table5_dtw(
    metrics: pd.DataFrame,
    *,
    test_set: str = "test",
    methods: Sequence[str] = ("none", "dtw", "crnn", "hybrid"),
    conditions: Sequence[str] = ("note100", "tempo+5", "drift10_note30", "offset2"),
    optional: Sequence[str] = ("tempo-5", "tempo+20", "drift10", "drift10_note100"),
    reasons: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return DTW, CRNN and both in turn, under each kind of timing error.

    `conditions` are always shown, `optional` ones where the metrics have them.
    """
    scores = Scores(metrics, reasons)
    columns = [
        Column("condition", "Timing errors of the input"), Column("method", "Method"),
        *score_columns("", "", TOLERANCES_MS),
    ]  # fmt: skip
    offered = scores.conditions(test_set)
    rows: list[list[Cell]] = []
    found = []
    for condition in [*conditions, *(name for name in optional if name in offered)]:
        for method in methods:
            row = scores.find(test_set, method, condition)
            found.append(row)
            labels = _names(condition, method)
            rows.append([*labels, *score_cells(row, TOLERANCES_MS)])
    caption = f"Table 5. DTW, CRNN and DTW + CRNN: {_ACCURACY}; {set_label(test_set)}"
    notes = [size_note(found), _NO_PAPER_VALUES, *notes]
    return Table("table5_dtw", caption, columns, rows, notes)


def table6_real(
    metrics: pd.DataFrame,
    *,
    real_sets: Sequence[str] = ("room",),
    methods: Sequence[str] = ("none", "dtw", "crnn", "hybrid"),
    conditions: Sequence[str] = ("note100", "drift10", "drift10_note100"),
    reasons: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return the same methods on real recordings, raw and offset-calibrated side by side."""
    scores, tolerances = Scores(metrics, reasons), (10, 25, 50)
    columns = [
        Column("test_set", "Recordings"), Column("condition", "Timing errors of the input"),
        Column("method", "Method"), Column("n_recordings", "Rec."), Column("n_notes", "Notes"),
        *score_columns("raw_", "raw", tolerances, lost=False),
        *score_columns("calibrated_", "offset-calibrated", tolerances, lost=False),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for test_set, condition, method in product(real_sets, conditions, methods):
        raw = scores.find(test_set, method, condition)
        calibrated = scores.find(test_set, method, condition, calibrated=True)
        labels = [Name(test_set, set_label(test_set)), *_names(condition, method)]
        size: list[Cell] = [raw, raw] if isinstance(raw, Missing) else _size(raw)
        raw_cells = score_cells(raw, tolerances, lost=False)
        calibrated_cells = score_cells(calibrated, tolerances, lost=False)
        rows.append([*labels, *size, *raw_cells, *calibrated_cells])
    stand_in = bool(STAND_INS & set(real_sets))
    subject = "a stand-in for real recordings" if stand_in else "real recordings"
    own = ["Offset-calibrated: after removing each recording's median error.", _NO_PAPER_VALUES]
    if stand_in:
        own.insert(0, _STAND_IN)
    caption = f"Table 6. The methods on {subject}: {_ACCURACY}"
    return Table("table6_real", caption, columns, rows, [*own, *notes])


def _method_table(
    name: str,
    title: str,
    header: str,
    names: Mapping[str, str],
    metrics: pd.DataFrame,
    paper: Mapping[str, float] | None = None,
    *,
    test_set: str = "test",
    condition: str = "note100",
    reasons: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return one row per method of `names` (method → text of its first column)."""
    scores = Scores(metrics, reasons)
    columns = [Column("method", header), *score_columns("", "", TOLERANCES_MS)]
    if paper is not None:
        columns.append(Column("paper_10ms", "Paper, 10 ms"))
    rows: list[list[Cell]] = []
    found = []
    for method, text in names.items():
        row = scores.find(test_set, method, condition)
        found.append(row)
        cells: list[Cell] = [Name(method, text), *score_cells(row, TOLERANCES_MS)]
        if paper is not None:
            none = Missing("–") if "_seed" in method else NOT_IN_SOURCE
            cells.append(Number(paper[method], 2) if method in paper else none)
        rows.append(cells)
    caption = f"{title}: {_ACCURACY}; {condition_label(condition)}; {set_label(test_set)}"
    own = [size_note(found)] + ([_NO_PAPER_VALUES] if paper is None else [])
    return Table(name, caption, columns, rows, [*own, *notes])


def _names(condition: str, method: str) -> list[Cell]:
    return [Name(condition, condition_label(condition)), Name(method, method_label(method))]


def _size(row: dict) -> list[Cell]:
    return [Number(row["n_recordings"]), Number(row["n_notes"])]
