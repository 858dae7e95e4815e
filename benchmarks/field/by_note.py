"""Table 8e: where the tools that hear single notes lose them, on the excerpts of table 7.

What they stored is scored by velocity and repetition as the project's own methods are
(:mod:`studies.by_note.scores`); no tool is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path

import pandas as pd

from companion.tables.columns import cell_of
from companion.tables.model import Cell, Column, Missing, Number, Percent, Table
from pianoalign_lib.scoring.scores import read_scores
from studies.by_note.classes import KINDS, class_label
from studies.by_note.scores import COLUMNS, scores_by_note
from studies.by_note.tables import INTERVALS, percent_within, scores_finder

from .table import MAIN, NAMES, ORDER, VALIDATION, field_names

BY_NOTE = "field_by_note.csv"
HEARING = ("localizer", "localizer_best", "transkun", "basic_pitch", "basic_pitch_score")
_SHOWN = {"velocity": "velocity", "previous": "since the note before on the key"}


def field_by_note(found: Mapping[str, pd.DataFrame], bootstrap: Mapping[str, int]) -> pd.DataFrame:
    """Return the scores by class of notes of those tools that hear single notes.

    Parameters
    ----------
    found
        The stored predictions by tool, of whole test sets (:func:`.summary.whole_sets`).
    bootstrap
        samples and seed.

    Returns
    -------
    DataFrame
        As :func:`studies.by_note.scores.scores_by_note`; empty if none of them was run.
    """
    heard = [found[name] for name in HEARING if name in found]
    parts = [
        notes[notes["test_set"].ne(VALIDATION) & notes["condition"].eq(MAIN)] for notes in heard
    ]
    if not any(map(len, parts)):
        return pd.DataFrame(columns=list(COLUMNS))
    times = dict.fromkeys(["onset_true_s", "onset_in_s", "onset_s"], float)
    return scores_by_note(pd.concat(parts, ignore_index=True).astype(times), **bootstrap)


def read_field_by_note(path: str | Path) -> pd.DataFrame:
    """Read ``field_by_note.csv``; PianoAlignError if it is missing or another."""
    return read_scores(path, COLUMNS, "field_scores")


def table8e_tools(by_note: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return the tools' accuracy by velocity and repetition, calibrated, on every test set."""
    columns = [
        NAMES[0], Column("class", "Notes"), NAMES[1], Column("n_notes", "Number"),
        Column("raw_10ms", "10 ms"), Column("calibrated_10ms", "10 ms, calibrated", interval=True),
        Column("calibrated_50ms", "50 ms, calibrated"), Column("spread_ms", "Spread (ms)"),
    ]  # fmt: skip
    find = scores_finder(by_note, "this tool was not run on these recordings")
    rows: list[list[Cell]] = []
    test_sets = [name for name in ORDER if (by_note["test_set"] == name).any()]
    for test_set, (kind, words) in product(test_sets, _SHOWN.items()):
        for (lower, upper), method in product(pairwise(KINDS[kind]), HEARING):
            recordings, tool = field_names(test_set, method)
            key = test_set, method, MAIN
            raw, calibrated = (find(*key, each, kind, lower) for each in (False, True))
            label = f"{words}: {class_label(kind, lower, upper)}"
            rows.append([recordings, label, tool, *_cells(raw, calibrated)])
    caption = (
        "Table 8e. Where tools that hear single notes lose them, by velocity and by repetition of "
        "a key: notes within a tolerance (%); ±100 ms per note"
    )
    own = [
        "On the excerpts of table 7, so that ours differs from tables 8b and 8c. Calibrated: after "
        "removing each recording's median error, over all its notes. Spread: between the quartiles "
        "of those errors.",
        INTERVALS,
    ]
    return Table("table8e_tools", caption, columns, rows, [*own, *notes])


def _cells(raw: dict | Missing, calibrated: dict | Missing) -> list[Cell]:
    return [
        cell_of(raw, lambda row: Number(row["n_notes"])),
        cell_of(raw, lambda row: Percent(row["acc_10ms"])),
        cell_of(calibrated, percent_within(10)),
        cell_of(calibrated, lambda row: Percent(row["acc_50ms"])),
        cell_of(calibrated, lambda row: Number(1000 * row["spread_s"], 1)),
    ]
