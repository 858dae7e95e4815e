"""Tables of what a corpus holds, across its pianos, and across corpora.

As in :mod:`.paper`, nothing is computed but pooling: hits over notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import pandas as pd

from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.labels import method_label, set_label
from pianoalign_lib.scoring.scores import Scores

from .columns import CONDITION, SET, SIZE, cell_of, score_cells, score_columns, size_cells
from .model import Cell, Column, Missing, Number, Percent, Table
from .paper import METHODS

TOLERANCES_MS = (10, 25, 50)
_PARTS = ("train", "validation", "test")  # the first rows of table 1a


def table1_corpus(recordings: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return what a corpus holds, given all its ``recordings.csv``: a row per part or test set."""
    test_sets = recordings["test_set"].fillna("")
    part = test_sets.where(test_sets != "", recordings["split"])
    rows: list[list[Cell]] = []
    for name in [*_PARTS, *sorted(set(part) - set(_PARTS))]:
        chosen = recordings[part == name]
        if not chosen.empty:
            rows.append([
                name, ", ".join(sorted(chosen["piano"].astype(str).unique())),
                Number(chosen["performance"].nunique()), Number(len(chosen)),
                Number(chosen["duration_s"].sum() / 60, 1), Number(chosen["n_notes"].sum()),
            ])  # fmt: skip
    columns = [
        Column("part", "Part", label=set_label), Column("pianos", "Pianos"),
        Column("performances", "Performances"), Column("recordings", "Recordings"),
        Column("minutes", "Minutes"), Column("notes", "Notes"),
    ]  # fmt: skip
    return Table("table1_corpus", "Table 1a. The corpus", columns, rows, notes)


def table5_pianos(
    per_recording: pd.DataFrame,
    recordings: pd.DataFrame,
    *,
    methods: Sequence[str] = METHODS,
    conditions: Sequence[str] = ("note100", "tempo+5", "drift10_note30", "offset1-3"),
    notes: Sequence[str] = (),
) -> Table:
    """Return the share of notes within 10 and 50 ms per piano, pooled over its recordings.

    Parameters
    ----------
    per_recording : DataFrame
        ``metrics_per_recording.csv``; of its test sets, ``test`` and ``pieces`` are shown.
    recordings : DataFrame
        ``recordings.csv``, which says what each was played on.

    Raises
    ------
    PianoAlignError
        If a recording of the metrics is not in `recordings`.
    """
    rows = per_recording.query("test_set in ('test', 'pieces') and not calibrated")
    piano = rows["recording"].map(recordings.set_index("recording")["piano"])
    if piano.isna().any():
        raise PianoAlignError(
            f"{rows['recording'][piano.isna()].iloc[0]}: not in recordings.csv; run 'dvc repro'"
        )
    shown = list(product(methods, (10, 50)))
    columns = [
        Column("piano", "Piano"),
        Column("test_set", "Heard in training", label={"test": "no", "pieces": "yes"}.__getitem__),
        *SIZE, CONDITION,
        *(Column(f"{name}_acc_{ms}ms", f"{ms} ms", method_label(name)) for name, ms in shown),
    ]  # fmt: skip
    cells: list[list[Cell]] = []
    for test_set in ("test", "pieces"):  # what no training has heard comes first
        for name, own in rows[rows["test_set"] == test_set].groupby(piano):
            sizes = own.drop_duplicates("recording")["n_notes"]
            for condition in conditions:
                chosen = own[own["condition"] == condition]
                cells.append([
                    str(name), test_set, Number(len(sizes)), Number(sizes.sum()), condition,
                    *(_pooled(chosen, *each) for each in shown),
                ])  # fmt: skip
    own_notes = ["The pieces of every row are heard in no training.", *notes]
    caption = "Table 5b. DTW, CRNN and DTW + CRNN by piano: notes within a tolerance (%)"
    return Table("table5_pianos", caption, columns, cells, own_notes)


def table_cross_corpus(metrics: Mapping[str, pd.DataFrame], *, notes: Sequence[str] = ()) -> Table:
    """Return the full CRNN trained on each corpus and tested on each, by their ``metrics.csv``."""
    columns = [
        Column("trained_on", "Trained on"), Column("tested_on", "Tested on"), SET, *SIZE,
        *score_columns("raw_", "raw", TOLERANCES_MS), Column("raw_bias_ms", "Bias (ms)", "raw"),
        Column("calibrated_acc_10ms", "10 ms", "offset-calibrated"),
    ]  # fmt: skip
    cells: list[list[Cell]] = []
    for tested_on, frame in metrics.items():
        scores = Scores(frame)
        found = set(frame["test_set"]) - {"room", "pieces"}
        for test_set, trained_on in product(sorted(found, reverse=True), metrics):
            method = "crnn" if trained_on == tested_on else f"crnn_of_{trained_on}"
            row = scores.find(test_set, method, "note100")
            calibrated = scores.find(test_set, method, "note100", calibrated=True)
            cells.append([
                trained_on, tested_on, test_set, *size_cells(row),
                *score_cells(row, TOLERANCES_MS),
                cell_of(row, lambda row: Number(1000 * row["bias_s"], 1)),
                cell_of(calibrated, lambda row: Percent(row["acc_10ms"])),
            ])  # fmt: skip
    own = [
        "±100 ms per note. An onset is where the sound begins in demo, and what the label says in "
        "maps, so a constant bias between the two is expected; offset-calibrated values are "
        "without it.",
        "The numbering of the paper's tables has none like this one.",
    ]
    caption = "Cross-corpus check of the full CRNN: notes within a tolerance (%)"
    return Table("cross_corpus", caption, columns, cells, [*own, *notes])


def _pooled(rows: pd.DataFrame, method: str, tolerance_ms: int) -> Cell:
    chosen = rows[rows["method"] == method]
    if chosen.empty:
        return Missing("not run", f"no results of {method_label(method)} here")
    hits = (chosen[f"acc_{tolerance_ms}ms"] * chosen["n_notes"]).sum()
    return Percent(float(hits / chosen["n_notes"].sum()))
