"""From what a transcriber heard to the notes of a MIDI, which were warped to the recording before.

The notes of each pitch are assigned to the notes heard of that pitch, in order, at the least total
distance (:func:`pianoalign_lib.crnn.decoding.match_notes`). A note without a counterpart keeps the
warp's position and counts as not heard.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from pianoalign_lib.crnn.decoding import match_notes
from pianoalign_lib.io.placement import Placement, placed

# Errors of ±100 ms per note, of the warp and of the transcriber together stay below.
MAX_SHIFT_S = 0.25


def place_on(heard: pd.DataFrame) -> Callable[[pd.DataFrame], Placement]:
    """Return a function that places warped notes on those `heard` (columns pitch, onset_s)."""
    return lambda notes: placed(
        *match_heard(notes["onset_s"].to_numpy(), notes["pitch"].to_numpy(), heard)
    )


def match_heard(
    onset_s: np.ndarray, pitch: np.ndarray, heard: pd.DataFrame, max_shift_s: float = MAX_SHIFT_S
) -> tuple[np.ndarray, np.ndarray]:
    """Match notes to those heard, pitch by pitch and in order.

    Parameters
    ----------
    onset_s, pitch : np.ndarray [shape=(n_notes,)]
        Roughly aligned notes, in any order.
    heard
        Columns pitch and onset_s, in any order.
    max_shift_s
        Largest distance, and the cost of a note without a counterpart.

    Returns
    -------
    onset_s : np.ndarray [shape=(n_notes,)]
        That of the counterpart, or unchanged.
    matched : np.ndarray [shape=(n_notes,), dtype=bool]
    """
    found_s, matched = onset_s.astype(np.float64, copy=True), np.zeros(len(onset_s), bool)
    heard = heard.sort_values("onset_s")
    heard_s, heard_pitch = heard["onset_s"].to_numpy(np.float64), heard["pitch"].to_numpy()
    order = np.argsort(onset_s, kind="stable")
    for value in np.unique(pitch):
        rows = order[pitch[order] == value]
        candidates_s = heard_s[heard_pitch == value]
        index = match_notes(onset_s[rows], candidates_s, max_shift_s)
        found = index >= 0
        found_s[rows[found]] = candidates_s[index[found]]
        matched[rows[found]] = True
    return found_s, matched
