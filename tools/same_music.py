"""Which performances play the same music, told by what they hold and not by their names.

Two performances of one piece agree in long runs of pitches, whatever their timing; two pieces agree
in scales and trills at most. A performance is read as two voices, all notes and the highest note of
each chord, each as steps from one pitch to the next, so that a transposed piece counts too. What is
compared is the share of its distinct runs that the other one has. Two people's performances of one
piece have 20 % and more, those of two pieces 5 % at most (over all pairs of MAPS, the demo corpus,
ASAP and the Saarland Music Data).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

RUN = 12  # notes of a run
CHORD_S = 0.035  # onsets closer than this to the one before belong to one chord
MIN_STEPS = 4  # distinct steps in a run: scales, trills and repeated notes are nobody's own
THRESHOLD = 0.1
Runs = tuple[set[bytes], set[bytes]]


def runs(notes: pd.DataFrame) -> Runs:
    """Return the distinct runs of both voices of a note table (columns onset_s and pitch)."""
    notes = notes.sort_values(["onset_s", "pitch"])
    onset_s, pitch = notes["onset_s"].to_numpy(), notes["pitch"].to_numpy()
    chord = np.cumsum(np.diff(onset_s, prepend=onset_s[:1]) > CHORD_S)
    order = np.lexsort((pitch, chord))
    pitch, chord = pitch[order], chord[order]
    highest = pitch[np.append(np.flatnonzero(np.diff(chord)), len(chord) - 1)]
    return _runs(pitch), _runs(highest)


def shared(one: Runs, other: Runs) -> float:
    """Return the share of distinct runs in common: the largest of both voices and both ways."""
    return max(len(a & b) / max(1, min(len(a), len(b))) for a, b in zip(one, other, strict=True))


def _runs(pitch: np.ndarray) -> set[bytes]:
    if len(pitch) < RUN:
        return set()
    steps = np.diff(pitch).astype(np.int8)
    windows = np.lib.stride_tricks.sliding_window_view(steps, RUN - 1)
    ordered = np.sort(windows, axis=1)
    distinct = 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)
    return {row.tobytes() for row in windows[distinct >= MIN_STEPS]}
