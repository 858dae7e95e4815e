"""Tables of what a corpus holds, across its pianos, and across corpora.

As in :mod:`pianoalign_lib.tables.paper`, nothing is computed but pooling: hits over notes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import pandas as pd

from ..common.errors import PianoAlignError
from ..common.labels import condition_label, method_label, set_label
from ..scoring.scores import Scores
from .columns import score_cells, score_columns
from .model import Cell, Column, Missing, Name, Number, Percent, Table

TOLERANCES_MS = (10, 25, 50)
_CORPUS_COLUMNS = [
    "recording", "split", "test_set", "performance", "piano", "duration_s", "n_notes",
]  # fmt: skip


def table1_corpus(recordings: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return what the corpus holds: one row per part and test set.

    Parameters
    ----------
    recordings : DataFrame
        All ``recordings.csv`` of the corpus, one below the other.

    Raises
    ------
    PianoAlignError
        If a column is missing.
    """
    missing = [column for column in _CORPUS_COLUMNS if column not in recordings.columns]
    if missing:
        raise PianoAlignError(f"recordings.csv lacks {', '.join(missing)}; render the corpus again")
    part = recordings["test_set"].where(recordings["test_set"].notna(), recordings["split"])
    part = part.where(part != "", recordings["split"])
    order = {name: place for place, name in enumerate(("train", "validation", "test"))}
    rows: list[list[Cell]] = []
    for name in sorted(part.unique(), key=lambda name: (order.get(name, len(order)), name)):
        chosen = recordings[part == name]
        rows.append(
            [
                Name(name, set_label(name)),
                ", ".join(sorted(chosen["piano"].astype(str).unique())),
                Number(chosen["performance"].nunique()),
                Number(len(chosen)),
                Number(chosen["duration_s"].sum() / 60, 1),
                Number(chosen["n_notes"].sum()),
            ]
        )
    columns = [
        Column("part", "Part"), Column("pianos", "Pianos"), Column("performances", "Performances"),
        Column("recordings", "Recordings"), Column("minutes", "Minutes"), Column("notes", "Notes"),
    ]  # fmt: skip
    return Table("table1_corpus", "Table 1a. The corpus", columns, rows, list(notes))


def table5_pianos(
    per_recording: pd.DataFrame,
    recordings: pd.DataFrame,
    *,
    test_sets: Sequence[str] = ("test", "pieces"),
    methods: Sequence[str] = ("none", "dtw", "crnn", "hybrid"),
    conditions: Sequence[str] = ("note100", "tempo+5", "drift10_note30", "offset2"),
    notes: Sequence[str] = (),
) -> Table:
    """Return the share of notes within 10 and 50 ms per piano, pooled over its recordings.

    Parameters
    ----------
    per_recording : DataFrame
        ``metrics_per_recording.csv``.
    recordings : DataFrame
        ``recordings.csv``, which says what each was played on.

    Raises
    ------
    PianoAlignError
        If a recording of the metrics is not in `recordings`.
    """
    rows = per_recording[
        per_recording["test_set"].isin(test_sets) & ~per_recording["calibrated"].astype(bool)
    ]
    piano = rows["recording"].map(recordings.set_index("recording")["piano"])
    if piano.isna().any():
        raise PianoAlignError(
            f"{rows['recording'][piano.isna()].iloc[0]}: not in recordings.csv; run 'dvc repro'"
        )
    rows = rows.assign(piano=piano)
    columns = [
        Column("piano", "Piano"), Column("test_set", "Heard in training"),
        Column("n_recordings", "Rec."), Column("n_notes", "Notes"),
        Column("condition", "Timing errors of the input"),
        *(
            Column(f"{method}_acc_{ms}ms", f"{ms} ms", method_label(method))
            for method, ms in product(methods, (10, 50))
        ),
    ]  # fmt: skip
    cells: list[list[Cell]] = []
    for (test_set, name), own in rows.groupby(["test_set", "piano"], sort=True):
        for condition in conditions:
            chosen = own[own["condition"] == condition]
            cells.append([
                str(name), Name(str(test_set), "no" if test_set == "test" else "yes"),
                Number(own["recording"].nunique()), Number(_notes(own)),
                Name(condition, condition_label(condition)),
                *(_pooled(chosen, method, ms) for method, ms in product(methods, (10, 50))),
            ])  # fmt: skip
    cells.sort(key=lambda row: row[1].key != "test")  # type: ignore[union-attr]
    own_notes = ["The pieces of every row are heard in no training.", *notes]
    caption = "Table 5b. DTW, CRNN and DTW + CRNN by piano: notes within a tolerance (%)"
    return Table("table5_pianos", caption, columns, cells, own_notes)


def table_cross_corpus(metrics: Mapping[str, pd.DataFrame], *, notes: Sequence[str] = ()) -> Table:
    """Return the full CRNN trained on each corpus and tested on each, ±100 ms per note.

    Parameters
    ----------
    metrics : mapping of corpus → DataFrame
        The corpora's ``metrics.csv``.
    """
    columns = [
        Column("trained_on", "Trained on"), Column("tested_on", "Tested on"),
        Column("test_set", "Recordings"), Column("n_recordings", "Rec."),
        Column("n_notes", "Notes"), *score_columns("raw_", "raw", TOLERANCES_MS),
        Column("raw_bias_ms", "Bias (ms)", "raw"),
        Column("calibrated_acc_10ms", "10 ms", "offset-calibrated"),
    ]  # fmt: skip
    cells: list[list[Cell]] = []
    for tested_on, frame in metrics.items():
        scores = Scores(frame)
        found = [name for name in frame["test_set"].unique() if name not in ("room", "pieces")]
        for test_set, trained_on in product(sorted(found, reverse=True), metrics):
            method = "crnn" if trained_on == tested_on else f"crnn_of_{trained_on}"
            row = scores.find(test_set, method, "note100")
            calibrated = scores.find(test_set, method, "note100", calibrated=True)
            cells.append([
                trained_on, tested_on, Name(test_set, set_label(test_set)),
                _cell(row, lambda row: Number(row["n_recordings"])),
                _cell(row, lambda row: Number(row["n_notes"])),
                *score_cells(row, TOLERANCES_MS),
                _cell(row, lambda row: Number(1000 * row["bias_s"], 1)),
                _cell(calibrated, lambda row: Percent(row["acc_10ms"])),
            ])  # fmt: skip
    own = [
        "±100 ms per note. An onset is where the sound begins in demo, and what the label says in "
        "maps, so a constant bias between the two is expected; offset-calibrated values are "
        "without it.",
        "The numbering of the paper's tables has none like this one.",
    ]
    caption = "Cross-corpus check of the full CRNN: notes within a tolerance (%)"
    return Table("cross_corpus", caption, columns, cells, [*own, *notes])


def _cell(row: dict | Missing, read: Callable[[dict], Cell]) -> Cell:
    return row if isinstance(row, Missing) else read(row)


def _notes(rows: pd.DataFrame) -> int:
    return int(rows.drop_duplicates("recording")["n_notes"].sum())


def _pooled(rows: pd.DataFrame, method: str, tolerance_ms: int) -> Cell:
    chosen = rows[rows["method"] == method]
    if chosen.empty:
        return Missing("not run", f"no results of {method_label(method)} here")
    hits = (chosen[f"acc_{tolerance_ms}ms"] * chosen["n_notes"]).sum()
    return Percent(float(hits / chosen["n_notes"].sum()))
