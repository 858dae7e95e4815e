"""MIDI ↔ note table ↔ piano roll.

A note table is a DataFrame with the columns ``note_id, pitch, velocity, onset_s, offset_s``, one
row per note, sorted by onset, then pitch. The ``note_id`` is given on reading and never changes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..common.files import atomic_path
from .midi_score import HIGHEST_PITCH, LOWEST_PITCH, NOTE_ON, read_midi_score
from .midi_writing import serialize

N_PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1
COLUMNS = ["note_id", "pitch", "velocity", "onset_s", "offset_s"]
# What `write_midi` writes: 120 beats per minute, as files without a tempo have, and 960 ticks each.
DIVISION, TICKS_PER_S = 960, 1920


def note_table(pitch, velocity, onset_s, offset_s) -> pd.DataFrame:
    """Return a sorted note table with fresh ids from four sequences of equal length."""
    notes = pd.DataFrame(
        {
            "pitch": np.asarray(pitch, dtype=np.int64),
            "velocity": np.asarray(velocity, dtype=np.int64),
            "onset_s": np.asarray(onset_s, dtype=np.float64),
            "offset_s": np.asarray(offset_s, dtype=np.float64),
        }
    )
    notes = notes.sort_values(["onset_s", "pitch"], kind="stable", ignore_index=True)
    notes.insert(0, "note_id", np.arange(len(notes), dtype=np.int64))
    return notes


def read_midi(path: str | Path, *, pedal: bool = True) -> pd.DataFrame:
    """Read the piano notes of a MIDI file.

    Parameters
    ----------
    path
        A Standard MIDI File.
    pedal
        Extend each offset to the release of the sustain pedal (:func:`apply_pedal`). In either case
        a note ends no later than the next onset of its pitch.

    Returns
    -------
    pandas.DataFrame
        The note table. Drums, notes outside the 88 keys and notes that never end are left out.

    Raises
    ------
    InputError
        If the file is missing, is no MIDI file, or holds no piano notes.
    """
    score = read_midi_score(path, ends_all=True)
    rows = score.notes.iloc[score.piano_rows()]
    notes = note_table(rows["pitch"], rows["velocity"], rows["onset_s"], rows["offset_s"])
    return apply_pedal(notes, score.pedal_changes() if pedal else [])


def apply_pedal(notes: pd.DataFrame, changes: list[tuple[float, int]]) -> pd.DataFrame:
    """Extend each offset that falls while the sustain pedal is down to the pedal's release.

    Parameters
    ----------
    notes
        Note table.
    changes
        Time in seconds and value (0 to 127; 64 and above is down) of each pedal message.

    Returns
    -------
    pandas.DataFrame
        A copy; no note sounds beyond the next onset of its own pitch.
    """
    notes = notes.copy()
    offset_s = notes["offset_s"].to_numpy(copy=True)
    if changes:
        times_s, values = (np.array(column) for column in zip(*sorted(changes), strict=True))
        down = values >= 64
        releases_s = np.append(times_s[~down], np.inf)
        state = np.searchsorted(times_s, offset_s, side="right") - 1
        held = (state >= 0) & down[np.maximum(state, 0)]
        index = np.searchsorted(releases_s, offset_s, side="right")
        release_s = releases_s[np.minimum(index, len(releases_s) - 1)]
        last_s = max(offset_s.max(), times_s[-1])
        offset_s = np.where(held, np.minimum(release_s, last_s), offset_s)
    notes["offset_s"] = offset_s
    next_s = notes.groupby("pitch")["onset_s"].shift(-1).fillna(np.inf)
    # Two notes of one pitch can start together in a MIDI file: keep the first as it was.
    next_s = next_s.where(next_s > notes["onset_s"], np.inf)
    notes["offset_s"] = np.minimum(notes["offset_s"], next_s)
    return notes


def piano_roll(notes: pd.DataFrame, n_frames: int, fps: int, *, start_s: float = 0.0) -> np.ndarray:
    """Return the binary piano roll of a note table.

    A frame is 1 where the pitch sounds. The frame before each onset is 0, so that repeated notes
    stay apart (paper, input representation).

    Parameters
    ----------
    notes
        Note table.
    n_frames
        Number of frames; frame k is centred on ``start_s + k / fps``.
    fps
        Frames per second.
    start_s
        Time of the first frame.

    Returns
    -------
    np.ndarray [shape=(n_frames, 88), dtype=float32]
    """
    roll = np.zeros((n_frames, N_PITCHES), dtype=np.float32)
    onset = np.rint((notes["onset_s"].to_numpy() - start_s) * fps).astype(np.int64)
    offset = np.rint((notes["offset_s"].to_numpy() - start_s) * fps).astype(np.int64)
    offset = np.maximum(offset, onset + 1)
    key = notes["pitch"].to_numpy() - LOWEST_PITCH
    inside = (offset > 0) & (onset < n_frames)
    onset, offset, key = onset[inside], offset[inside], key[inside]
    for first, last, column in zip(np.maximum(onset, 0), offset, key, strict=True):
        roll[first:last, column] = 1.0
    gap = onset >= 1
    roll[onset[gap] - 1, key[gap]] = 0.0
    # A gap must never erase the onset frame of a one-frame note just before it.
    seen = onset >= 0
    roll[onset[seen], key[seen]] = 1.0
    return roll


def write_midi(notes: pd.DataFrame, path: str | Path) -> None:
    """Write a note table as a one-track piano MIDI file, atomically."""
    columns = ("onset_s", "offset_s", "pitch", "velocity")
    events = []
    for onset_s, offset_s, pitch, velocity in zip(*(notes[each] for each in columns), strict=True):
        events.append((round(onset_s * TICKS_PER_S), pitch, velocity))
        events.append((round(offset_s * TICKS_PER_S), pitch, 0))
    events.sort()  # at one tick the note-off (velocity 0) of a pitch comes before its note-on
    messages = [bytes((NOTE_ON, pitch, velocity)) for _, pitch, velocity in events]
    ticks = np.array([tick for tick, *_ in events], dtype=np.int64)
    with atomic_path(path) as temporary:
        temporary.write_bytes(serialize(0, DIVISION, [(ticks, messages, 0)]))
