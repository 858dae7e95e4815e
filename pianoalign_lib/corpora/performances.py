"""Excerpts of performances to be rendered: what is played, and how long it sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..io.notes import read_midi

LEAD_S = 1.0  # silence before the first onset, so that an early input onset is still in the file
TAIL_S = 2.0


def read_performance(midi: Path) -> pd.DataFrame:
    """Return a performance's note table, with the end of each note's sound in ``sound_end_s``.

    ``offset_s`` is where the key is released, as in the piano roll of any MIDI file; the pedal only
    makes the sound longer.
    """
    notes = read_midi(midi, pedal=False)
    return notes.assign(sound_end_s=read_midi(midi, pedal=True)["offset_s"])


def cut_excerpt(notes: pd.DataFrame, start_s: float, end_s: float) -> pd.DataFrame:
    """Return the notes that start in an excerpt, from `LEAD_S` on, with ids of their own."""
    inside = notes["onset_s"].between(start_s, end_s, inclusive="left")
    excerpt = notes[inside].reset_index(drop=True)
    excerpt["note_id"] = np.arange(len(excerpt), dtype=np.int64)
    shift_s = LEAD_S - float(excerpt["onset_s"].min())
    excerpt["onset_s"] += shift_s
    for column in ("offset_s", "sound_end_s"):
        excerpt[column] = (excerpt[column] + shift_s).clip(upper=end_s + shift_s + TAIL_S)
    return excerpt


def attacked(notes: pd.DataFrame, attack_s: np.ndarray) -> pd.DataFrame:
    """Return the notes with their onsets where the sound begins, sorted anew."""
    notes = notes.assign(onset_s=notes["onset_s"] + attack_s)
    notes["offset_s"] = np.maximum(notes["offset_s"], notes["onset_s"] + 1e-3)
    return notes.sort_values(["onset_s", "pitch"], kind="stable", ignore_index=True)
