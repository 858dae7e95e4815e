"""MAPS's labels: TSV (mirror), MIDI or TXT (official), all to one note table.

The offsets of the mirror and of the TXT files include the sustain pedal, so the pedal of MIDI files
is applied here too: the three agree.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ...common.errors import CorpusError
from ...io.notes import HIGHEST_PITCH, LOWEST_PITCH, note_table, read_midi

NO_VELOCITY = 64  # MAPS's TXT files do not give it


def read_labels(path: Path) -> pd.DataFrame:
    """Return a recording's true note table.

    Raises
    ------
    CorpusError
        If the file is unreadable or empty, or a note is impossible.
    InputError
        If it is a MIDI file that cannot be read.
    """
    if path.suffix.lower() == ".mid":
        return read_midi(path)
    columns = 4 if path.suffix.lower() == ".tsv" else 3
    table = _read_table(path, columns)
    onset_s, offset_s, pitch = table[:, 0], table[:, 1], table[:, 2]
    velocity = table[:, 3] if columns == 4 else np.full(len(table), NO_VELOCITY)
    for wrong, words in (
        (~np.isfinite(table).all(axis=1), "is not all numbers"),
        (onset_s < 0, "starts before the recording"),
        (offset_s < onset_s, "ends before it starts"),
        ((pitch < LOWEST_PITCH) | (pitch > HIGHEST_PITCH), "is outside the 88 keys of a piano"),
        (pitch != np.rint(pitch), "has a pitch between two keys"),
        ((velocity < 0) | (velocity > 127), "has a velocity outside 0 to 127"),
    ):
        if wrong.any():
            raise CorpusError(f"{path}: note {np.argmax(wrong) + 1} {words}; get it again")
    return note_table(pitch, velocity, onset_s, np.maximum(offset_s, onset_s + 1e-3))


def _read_table(path: Path, columns: int) -> np.ndarray:
    """Return the first columns of a table; its first line may be a header.

    Returns
    -------
    np.ndarray [shape=(n_notes, columns), dtype=float64]
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise CorpusError(f"{path}: cannot be read ({reason}); get it again") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        cells = line.split()[:columns]
        if not cells or (number == 1 and not cells[0].lstrip("+-.")[:1].isdigit()):
            continue
        try:
            row = [float(cell) for cell in cells]
        except ValueError:
            row = []
        if len(row) < columns:
            raise CorpusError(
                f"{path}: line {number} is no note of {columns} numbers; get it again"
            )
        rows.append(row)
    if not rows:
        raise CorpusError(f"{path}: holds no notes; get it again")
    return np.array(rows)
