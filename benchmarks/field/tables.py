"""Tables 7b and 7c: every tool under all kinds of timing errors, of ``field_measured.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pandas as pd

from companion.tables.columns import cell_of
from companion.tables.model import Cell, Column, Missing, Number, Percent, Table

from .table import (
    CONDITIONS,
    MAIN,
    MISSING_EXTRA,
    NAMES,
    TOOLS,
    field_condition_label,
    field_names,
    percent_of,
    scores_of,
    sorted_sets,
)  # fmt: skip


def table7_conditions(
    field: pd.DataFrame, *, tolerances_ms: Sequence[int] = (10, 50), notes: Sequence[str] = ()
) -> Table:
    """Return the accuracy of every tool under each kind of timing error."""
    scores, test_sets = scores_of(field), sorted_sets(field)
    columns = [Column("test_set", "Recordings"), Column("tolerance_ms", "Within (ms)")]
    columns += [NAMES[1], *(Column(name, field_condition_label(name)) for name in CONDITIONS)]
    rows: list[list[Cell]] = []
    for test_set, ms, method in product(test_sets, tolerances_ms, _tools(field)):
        recordings, name = field_names(test_set, method)
        cells = [
            cell_of(scores.find(test_set, method, condition), percent_of(f"acc_{ms}ms"))
            for condition in CONDITIONS
        ]
        rows.append([recordings, Number(ms), name, *cells])
    caption = "Table 7b. The field by timing errors of the input: notes within a tolerance (%)"
    own = [
        "An offset of 2 s is a whole number of frames of every tool that warps (Sync Toolbox: 20 "
        "ms), which flatters them within 10 ms. Table 5 has offsets drawn at random.",
    ]
    return Table("table7_conditions", caption, columns, rows, [*own, *notes])


def table7_extra(field: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return what every tool makes of a MIDI that lacks notes and has others never played."""
    scores, test_sets = scores_of(field), sorted_sets(field)
    columns = [
        *NAMES, Column("acc_10ms", "10 ms", "notes that were played"),
        Column("acc_50ms", "50 ms", "notes that were played"),
        Column("lost_10ms", "Points lost at 10 ms", "notes that were played"),
        Column("played_flagged", "Flagged (%)", "notes that were played"),
        Column("extra_flagged", "Flagged (%)", "notes never played"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for test_set, method in product(test_sets, _tools(field)):
        row = scores.find(test_set, method, MISSING_EXTRA)
        whole = scores.find(test_set, method, MAIN)
        names = field_names(test_set, method)
        if isinstance(row, Missing):
            rows.append([*names, *[row] * 5])
            continue
        if isinstance(whole, Missing):
            rows.append([*names, *[whole] * 5])
            continue
        lost = round(100 * (whole["acc_10ms"] - row["acc_10ms"]), 1) + 0.0  # never -0.0
        rows.append([
            *names, Percent(row["acc_10ms"]), Percent(row["acc_50ms"]),
            Number(lost, 1), _flagged(row, "played_flagged"), _flagged(row, "extra_flagged"),
        ])  # fmt: skip
    own = [
        "±100 ms per note; 5 % of the notes that were played are missing in the MIDI, and as many "
        "were never played: at random pitches of the piece, near other notes. Points lost: against "
        "the MIDI with all notes and no others. Flagged: any status but “aligned”.",
    ]
    caption = "Table 7c. The field with a MIDI that differs from what was played"
    return Table("table7_extra", caption, columns, rows, [*own, *notes])


def _flagged(row: dict, name: str) -> Cell:
    return Percent(row[name]) if pd.notna(row[name]) else Missing("–", "cannot tell such notes")


def _tools(field: pd.DataFrame) -> list[str]:
    """Return the tools that were measured, or were to be."""
    return [name for name in TOOLS if (field["method"] == name).any()]
