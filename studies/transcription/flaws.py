"""Missing and wrong notes, drawn at random: a stand-in for MIDI files from the web."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.corpora.timing_errors import shifted
from pianoalign_lib.io.midi_score import HIGHEST_PITCH, LOWEST_PITCH


def with_flaws(
    notes: pd.DataFrame, settings: dict[str, Any], rng: np.random.Generator
) -> pd.DataFrame:
    """Return a note table in which notes are missing, on another key, or added.

    Parameters
    ----------
    notes
        Note table with the column ``onset_true_s``.
    settings
        Topic ``transcription.flaws`` of ``params.yaml``. Shares are of the notes given, rounded;
        of an odd number of wrong notes one more is added than moved.
    rng
        The only source of randomness.

    Returns
    -------
    pd.DataFrame
        Sorted by onset and pitch, with fresh ids; ``onset_true_s`` is NaN for a wrong note.
    """
    missing, wrong = (
        round(settings[f"{kind}_share"] * len(notes)) for kind in ("missing", "wrong")
    )
    order = rng.permutation(len(notes))
    kept = notes.drop(index=notes.index[order[:missing]])
    moved = np.sort(order[missing : missing + wrong // 2])
    copied = rng.choice(np.sort(order[missing:]), wrong - wrong // 2, replace=False)
    kept = kept.astype({"onset_true_s": float})
    rows = notes.index[moved]
    kept.loc[rows, "pitch"] = _other_keys(kept.loc[rows, "pitch"], settings["within_keys"], rng)
    kept.loc[rows, "onset_true_s"] = np.nan
    added = notes.iloc[copied]
    pitch = _other_keys(added["pitch"], settings["within_keys"], rng)
    shift_s = settings["within_s"] * rng.uniform(-1.0, 1.0, len(added))
    added = shifted(added.assign(pitch=pitch, onset_true_s=np.nan), shift_s)
    table = pd.concat([kept, added]).sort_values(["onset_s", "pitch"], ignore_index=True)
    return table.assign(note_id=np.arange(len(table)))


def _other_keys(pitch: pd.Series, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return other pitches, each at most so many keys away; at the keyboard's ends, inwards."""
    steps = rng.integers(1, most + 1, len(pitch)) * rng.choice([-1, 1], len(pitch))
    other = pitch.to_numpy() + steps
    outside = (other < LOWEST_PITCH) | (other > HIGHEST_PITCH)
    return np.where(outside, pitch.to_numpy() - steps, other)
