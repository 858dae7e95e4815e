"""The tables of the paper's study, built from ``metrics.csv``.

Nothing is computed here beyond looking up and grouping, so a number in a table is a number in the
metrics file. Accuracy is the pooled share of notes within a tolerance, in percent; brackets hold
its 95 % bootstrap interval over performances. A result that is not there becomes "not run" with its
reason. `notes` are printed below the table. The numbering of the tables is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from statistics import mean, stdev

import pandas as pd

from pianoalign_lib.common.labels import (
    STAND_INS,
    condition_label,
    first_training,
    method_label,
    set_label,
)
from pianoalign_lib.scoring.scores import Scores

from .columns import (
    CONDITION,
    METHOD,
    SET,
    SIZE,
    score_cells,
    score_columns,
    score_table,
    size_cells,
    size_note,
)
from .model import Cell, Column, Missing, Number, Percent, Table

TOLERANCES_MS = (5, 10, 25, 50, 100)
METHODS = ("none", "dtw", "crnn", "hybrid")
PAPER_PERCENT = {"crnn": 47.41, "cnn": 22.06}  # the paper's Table 2, 10 ms, ±100 ms per note
_TRAININGS = [
    Column("mean_10ms", "mean", "All trainings, 10 ms"),
    Column("deviation_10ms", "± points", "All trainings, 10 ms"),
    Column("trainings", "number", "All trainings, 10 ms"),
]
_TRAININGS_NOTE = (
    "All trainings: the network was trained with other seeds, too; mean and standard deviation of "
    "the trainings' accuracies at 10 ms. The other columns are the first training's."
)
OPEN_CHOICES = {
    "crnn": "1 s, four in a batch, strides (ours)",
    "excerpt_2s": "2 s, two in a batch, strides",
    "excerpt_5s": "5 s, one in a batch, strides",
    "excerpt_10s": "10 s, one in a batch, strides",
    "pooling": "1 s, four in a batch, max-pooling",
    "one_rate": "1 s, four in a batch, strides; one learning rate for all layers",
}
_ACCURACY = "notes within a tolerance (%)"
_NO_PAPER_VALUES = "The paper's values of this table are not in our source."
_STAND_IN = (
    "This corpus has no real recordings. The rows are the test performances on the unseen piano, "
    "in simulated rooms with noise; nothing follows about the microphones, mechanics or labels of "
    "real recordings."
)


def table1_error_size(metrics: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return the accuracy against the size of the random timing errors of the input."""
    scores, methods, tolerances = Scores(metrics), ("none", "crnn"), (10, 25, 50)
    columns = [Column("note_error_ms", "Error per note (± ms)")]
    for method in methods:
        columns += score_columns(f"{method}_", method_label(method), tolerances, lost=False)
    rows: list[list[Cell]] = []
    found = []
    for size_ms in (20, 50, 100, 150, 200):
        own = [scores.find("test", method, f"note{size_ms}") for method in methods]
        cells = [cell for row in own for cell in score_cells(row, tolerances, lost=False)]
        rows.append([Number(size_ms), *cells])
        found += own
    caption = f"Table 1b. Size of the timing errors: {_ACCURACY}; {set_label('test')}"
    notes = [size_note(found), _NO_PAPER_VALUES, *notes]
    return Table("table1_error_size", caption, columns, rows, notes)


def table2_architecture(metrics: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return the variants of the recurrent layer, transformers where run, and the paper."""
    names = {
        "cnn": "none (CNN only)",
        "gru": "GRU, both directions",
        "lstm_uni": "LSTM, one direction",
        "crnn": "LSTM, both directions (full CRNN)",
    }
    ours = {
        "transformer": "transformer (not in the paper)",
        "transformer_long": "the same, three times as long",
    }
    names |= {name: ours[name] for name in ours if name in set(metrics["method"])}
    title = "Table 2. Recurrent layer of the network"
    table = _variants("table2_architecture", title, "Recurrent layer", names, metrics, notes)
    paper: list[Cell] = [
        Number(PAPER_PERCENT[name], 2)
        if name in PAPER_PERCENT
        else Missing("–" if name in ours else "not in our source")
        for name in names
    ]
    rows = [[*row, cell] for row, cell in zip(table.rows, paper, strict=True)]
    return replace(table, columns=[*table.columns, Column("paper_10ms", "Paper, 10 ms")], rows=rows)


def table2c_open_choices(metrics: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return the full network with other choices where our source of the paper is silent."""
    title = "Table 2c. The full CRNN with other choices where our source is silent"
    notes = [_NO_PAPER_VALUES, *notes]
    return _variants(
        "table2c_open_choices", title, "Excerpts, narrowing, rates", OPEN_CHOICES, metrics, notes
    )


def table3_representation(metrics: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return the full network on each input representation."""
    names = {"crnn": "log-CQT", "crnn_cqt": "CQT", "crnn_logmel": "log-Mel", "crnn_mel": "Mel"}
    title = "Table 3. Input representation of the full CRNN"
    notes = [_NO_PAPER_VALUES, *notes]
    return _variants("table3_representation", title, "Representation", names, metrics, notes)


def table4_frame_rate(metrics: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return the full network at each frame rate."""
    names = {"crnn_50fps": "50", "crnn": "100", "crnn_200fps": "200"}
    title = "Table 4. Frame rate of the full CRNN"
    paper = (
        "The paper reports no significant gain of 200 over 100 frames per second; "
        "its numbers are not in our source."
    )
    notes = [paper, *notes]
    return _variants("table4_frame_rate", title, "Frames per second", names, metrics, notes)


def table5_dtw(
    metrics: pd.DataFrame, *, methods: Sequence[str] = METHODS, notes: Sequence[str] = ()
) -> Table:
    """Return DTW, CRNN and both in turn (or `methods`), under each kind of timing error.

    Four conditions are always shown, others where the metrics have them.
    """
    scores = Scores(metrics)
    offered = scores.conditions("test")
    conditions = ["note100", "tempo+5", "drift10_note30", "offset1-3"]
    conditions += [c for c in ("tempo-5", "tempo+20", "drift10", "drift10_note100") if c in offered]
    keys = [("test", method, condition) for condition, method in product(conditions, methods)]
    caption = f"Table 5. DTW, CRNN and DTW + CRNN: {_ACCURACY}; {set_label('test')}"
    columns, notes = [CONDITION, METHOD], [_NO_PAPER_VALUES, *notes]
    return score_table("table5_dtw", caption, columns, scores, keys, TOLERANCES_MS, notes=notes)


def table6_real(
    metrics: pd.DataFrame,
    *,
    real_sets: Sequence[str] = ("room",),
    methods: Sequence[str] = METHODS,
    conditions: Sequence[str] = ("note100", "drift10", "drift10_note100"),
    notes: Sequence[str] = (),
) -> Table:
    """Return the same methods on real recordings, raw and offset-calibrated side by side."""
    scores, tolerances = Scores(metrics), (10, 25, 50)
    columns = [
        SET, CONDITION, METHOD, *SIZE,
        *score_columns("raw_", "raw", tolerances, lost=False),
        *score_columns("calibrated_", "offset-calibrated", tolerances, lost=False),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for test_set, condition, method in product(real_sets, conditions, methods):
        raw = scores.find(test_set, method, condition)
        calibrated = scores.find(test_set, method, condition, calibrated=True)
        cells = [score_cells(row, tolerances, lost=False) for row in (raw, calibrated)]
        rows.append([test_set, condition, method, *size_cells(raw), *cells[0], *cells[1]])
    stand_in = bool(STAND_INS & set(real_sets))
    subject = "a stand-in for real recordings" if stand_in else "real recordings"
    own = [_STAND_IN] if stand_in else []
    own += ["Offset-calibrated: after removing each recording's median error.", _NO_PAPER_VALUES]
    caption = f"Table 6. The methods on {subject}: {_ACCURACY}"
    return Table("table6_real", caption, columns, rows, [*own, *notes])


def _variants(
    name: str,
    title: str,
    header: str,
    names: Mapping[str, str],
    metrics: pd.DataFrame,
    notes: Sequence[str],
) -> Table:
    """Return a table of one row per variant of `names` (method → text of its first column).

    Where a variant was trained more than once, three columns say what all its trainings have.
    """
    caption = f"{title}: {_ACCURACY}; {condition_label('note100')}; {set_label('test')}"
    columns = [Column("method", header, label=names.__getitem__)]
    keys = [("test", method, "note100") for method in names]
    scores, again = Scores(metrics), any("_seed" in method for method in metrics["method"].unique())
    notes = [_TRAININGS_NOTE, *notes] if again else notes
    table = score_table(name, caption, columns, scores, keys, TOLERANCES_MS, notes=notes)
    if not again:
        return table
    rows = [
        [*row, *_trainings(metrics, method)] for method, row in zip(names, table.rows, strict=True)
    ]
    return replace(table, columns=[*table.columns, *_TRAININGS], rows=rows)


def _trainings(metrics: pd.DataFrame, method: str) -> list[Cell]:
    """Return mean, standard deviation and number of a network's trainings."""
    own = metrics[(metrics["test_set"] == "test") & (metrics["condition"] == "note100")]
    own = own[~own["calibrated"].astype(bool) & (own["method"].map(first_training) == method)]
    shares = own["acc_10ms"].tolist()
    if not shares:
        return [Missing("–")] * len(_TRAININGS)
    spread = Number(100 * stdev(shares), 1) if len(shares) > 1 else Missing("–")
    return [Percent(mean(shares)), spread, Number(len(shares))]
