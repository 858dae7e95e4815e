"""Where the rest goes when notes move: ends of notes, pedals, texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

Warp = Callable[[np.ndarray], np.ndarray]
GROUP_S = 0.05  # notes of one chord
EARLY_S = 0.1  # what is so little before the recording's beginning is put on it
SHORTEST_NOTE_S = 0.001
TEMPO_SPAN_S = 1.0  # to each side of a note: how far its local tempo is looked for
LOCAL_TEMPO = (0.25, 4.0)  # a note's length changes by no other factors


@dataclass(frozen=True)
class _Knots:
    """A map through points, at the old pace beyond the ends; a function could not be pickled."""

    old_s: np.ndarray
    new_s: np.ndarray

    def __call__(self, time_s: np.ndarray) -> np.ndarray:
        inside_s = np.clip(time_s, self.old_s[0], self.old_s[-1])
        return np.interp(inside_s, self.old_s, self.new_s) + (time_s - inside_s)


def note_warp(old_s: np.ndarray, new_s: np.ndarray) -> Warp:
    """Return a map from old to new times that never goes back, through the moves of notes.

    Through the median move of each group of notes within 50 ms, made monotonic by the mean of the
    smallest rising sequence above and the largest below; at the old pace beyond the ends.
    """
    frame = pd.DataFrame({"old": old_s, "new": new_s})
    knots = frame.groupby((frame["old"] // GROUP_S).astype(np.int64)).median()
    old, new = knots["old"].to_numpy(), knots["new"].to_numpy()
    above = np.maximum.accumulate(new)
    below = np.minimum.accumulate(new[::-1])[::-1]
    return _Knots(old, (above + below) / 2)


def new_offsets(notes: pd.DataFrame, onset_s: np.ndarray, warp: Warp) -> np.ndarray:
    """Return where notes end once they begin at `onset_s`.

    A note keeps its length, scaled by the local tempo, and ends no later than the next onset of its
    channel and pitch; it lasts at least 1 ms.

    Parameters
    ----------
    notes
        Columns onset_s and offset_s (old times), channel and pitch.
    onset_s : np.ndarray [shape=(n_notes,)]
        New onsets, in the same order.
    warp
        From old to new times.
    """
    old_s, end_s = notes["onset_s"].to_numpy(), notes["offset_s"].to_numpy()
    first_s, last_s = old_s - TEMPO_SPAN_S, end_s + TEMPO_SPAN_S
    tempo = np.clip((warp(last_s) - warp(first_s)) / (last_s - first_s), *LOCAL_TEMPO)
    offset_s = onset_s + (end_s - old_s) * tempo
    keys = notes["channel"].to_numpy() * 128 + notes["pitch"].to_numpy()
    return np.maximum(np.minimum(offset_s, next_start(keys, onset_s)), onset_s + SHORTEST_NOTE_S)


def next_start(keys: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return for each note the first later start of a note with the same key, else infinity."""
    order = np.lexsort((starts, keys))
    ordered_keys, ordered = keys[order], starts[order]
    new_run = (np.diff(ordered_keys, prepend=-1) != 0) | (np.diff(ordered, prepend=np.nan) != 0)
    runs = np.flatnonzero(new_run)
    following = np.append(ordered[runs], np.inf)[1:]
    following[np.flatnonzero(np.diff(ordered_keys[runs]) != 0)] = np.inf
    result = np.empty(len(starts))
    result[order] = following[np.cumsum(new_run) - 1]
    return result
