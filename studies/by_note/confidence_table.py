"""Table 8d: what the localizer's confidence is worth by velocity, by labels and by the sound."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from companion.tables.columns import SET, cell_of
from companion.tables.model import Cell, Column, Missing, Number, Percent, Table
from pianoalign_lib.common.labels import condition_label

from .classes import VELOCITIES, class_label
from .confidence import ALL, REFERENCES
from .scores import CONDITION
from .tables import INTERVALS, enough_notes, sorted_sets

_SOUND = (
    "The confidence is the chance of being within 10 ms of where a note sounds, of notes that were "
    "placed (not those called “not heard”). A label of the Disklavier lies before its sound, by a "
    "time that differs from note to note (table 6c). Measured: notes whose sound could be measured "
    "one by one (table 6b), in recordings with at least 20 of them; their sound begins when it was "
    "measured, less the software pianos' median. Calibration error: mean distance between "
    "confidence and share right over ten bins, weighted by their notes."
)


def table8d_confidence(found: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return what the confidence is worth by velocity, of ``confidence_by_velocity.csv``."""
    key = ["test_set", "reference", "lower", "upper"]
    rows_by = {tuple(row[name] for name in key): row for row in found.to_dict("records")}
    placed, heard = "placed", "placed and measured"
    columns = [
        SET, Column("velocity", "Velocity"),
        Column("n_notes", "Notes", placed), Column("confidence", "Confidence (mean, %)", placed),
        Column("label", "Right, of the label (%)", placed, interval=True),
        Column("label_error", "Calibration error (points)", placed),
        Column("label_calibrated", "Right, offset-calibrated (%)", placed, interval=True),
        Column("n_measured", "Notes", heard),
        Column("confidence_measured", "Confidence (mean, %)", heard),
        Column("measured_label", "Right, of the label (%)", heard, interval=True),
        Column("sound", "Right, of the sound (%)", heard, interval=True),
        Column("sound_error", "Calibration error, sound (points)", heard),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for test_set in sorted_sets(found):
        of_sound = found["test_set"].eq(test_set) & found["reference"].eq("sound")
        for lower, upper in (ALL, *pairwise(VELOCITIES)):
            label, centred, measured, sound = (
                enough_notes(rows_by.get((test_set, name, lower, upper))) for name in REFERENCES
            )
            if not of_sound.any():
                measured = sound = Missing("–")
            name = "all" if (lower, upper) == ALL else class_label("velocity", lower, upper)
            rows.append([
                test_set, name, cell_of(label, _notes), cell_of(label, _confidence),
                cell_of(label, _right), cell_of(label, _error), cell_of(centred, _right),
                cell_of(sound, _notes), cell_of(sound, _confidence), cell_of(measured, _right),
                cell_of(sound, _right), cell_of(sound, _error),
            ])  # fmt: skip
    caption = (
        "Table 8d. The localizer's confidence, and the notes right within 10 ms, by velocity; "
        f"{condition_label(CONDITION)}"
    )
    return Table("table8d_confidence", caption, columns, rows, [_SOUND, INTERVALS, *notes])


def _notes(row: dict) -> Cell:
    return Number(row["n_notes"])


def _confidence(row: dict) -> Cell:
    return Percent(row["confidence"])


def _right(row: dict) -> Cell:
    return Percent(row["right"], row["right_lo"], row["right_hi"])


def _error(row: dict) -> Cell:
    return Number(100 * row["calibration_error"], 1)
