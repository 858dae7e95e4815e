"""The keys that are struck for a MIDI file's notes: two tracks may have the same note."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..io.midi_score import MidiScore

UNISON_S = 0.03  # the same note of two tracks within this time is one key struck


def struck_keys(score: MidiScore) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the piano notes as the keys that are struck, and which of these each note is.

    Where two tracks have the same note within 30 ms, one key is struck.
    """
    notes = score.notes.iloc[score.piano_rows()]
    order = np.lexsort((notes["onset_s"], notes["pitch"]))
    onset_s, pitch, track = (
        notes[name].to_numpy()[order] for name in ("onset_s", "pitch", "track")
    )
    near = (np.diff(onset_s) <= UNISON_S) & (np.diff(track) != 0) | (np.diff(onset_s) == 0)
    is_new = np.append(True, (np.diff(pitch) != 0) | ~near)
    # A third note belongs to the first's key only if it is as near to that one.
    first = np.flatnonzero(is_new)
    late = onset_s - onset_s[first][np.cumsum(is_new) - 1] > UNISON_S
    first = np.flatnonzero(is_new | late)
    key = np.cumsum(is_new | late) - 1
    keys = pd.DataFrame(
        {
            "pitch": pitch[first],
            "velocity": np.maximum.reduceat(notes["velocity"].to_numpy()[order], first),
            "onset_s": onset_s[first],
            "offset_s": np.maximum.reduceat(notes["offset_s"].to_numpy()[order], first),
        }
    )
    by_onset = np.lexsort((keys["pitch"], keys["onset_s"]))
    place = np.empty_like(by_onset)
    place[by_onset] = np.arange(len(by_onset))
    copies = np.empty_like(key)
    copies[order] = place[key]
    keys = keys.iloc[by_onset].reset_index(drop=True)
    keys.insert(0, "note_id", np.arange(len(keys)))
    return keys, copies
