"""From what a method says of the piano notes to the alignment of a whole file."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..io.midi_score import MidiScore
from ..io.placement import OUTSIDE, Placement
from ..io.retiming import EARLY_S, Warp, new_offsets, note_warp


def moved_notes(score: MidiScore, placed: Placement) -> tuple[pd.DataFrame, Warp]:
    """Return the notes of a whole file from what a method says of its piano notes, and the warp.

    The other notes move with them.
    """
    rows = score.piano_rows()
    given = score.notes
    old_s = given["onset_s"].to_numpy()
    file_s = given.get("onset_in_s", given["onset_s"]).to_numpy()  # other times if unfolded
    placed_s = _with_early(old_s[rows], placed)
    warp = note_warp(old_s[rows], placed_s)
    moved_s = warp(old_s)
    onset_s = np.where(moved_s < -EARLY_S, moved_s, np.maximum(moved_s, 0.0))
    confidence = np.full(len(given), np.nan)
    status = np.full(len(given), OUTSIDE, dtype=object)
    onset_s[rows] = placed_s
    confidence[rows], status[rows] = placed.confidence, placed.status
    notes = pd.DataFrame(
        {
            "note_id": given["note_id"],
            "pitch": given["pitch"],
            "velocity": given["velocity"],
            "onset_in_s": file_s,
            "onset_s": onset_s,
            "offset_s": new_offsets(given, onset_s, warp),
            "shift_s": onset_s - file_s,
            "confidence": confidence,
            "status": status,
        }
    )
    return notes, warp


def _with_early(old_s: np.ndarray, placed: Placement) -> np.ndarray:
    """Return onsets, those of notes from before the recording as far before it as they were.

    A method can only put them at its beginning, all at once.
    """
    onset_s = np.maximum(placed.onset_s, 0.0)
    early = ~placed.heard & (onset_s == 0)
    if early.any() and not early.all():
        moved_s = note_warp(old_s[~early], onset_s[~early])(old_s)
        onset_s = np.where(early & (moved_s < -EARLY_S), moved_s, onset_s)
    return onset_s
