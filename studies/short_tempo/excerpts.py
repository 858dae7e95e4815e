"""Short excerpts of a recording, and their notes at a wrong tempo from the first onset on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pianoalign_lib.io.audio import SAMPLE_RATE


def draw_starts(
    onset_s: np.ndarray,
    duration_s: float,
    length_s: float,
    count: int,
    rng: np.random.Generator,
    *,
    margin_s: float,
    least_notes: int,
) -> np.ndarray:
    """Draw the first onsets of excerpts, without repetition.

    Parameters
    ----------
    onset_s : array, shape (n_notes,)
        All onsets of the recording, in seconds.
    duration_s : float
        Of the recording, which must hold the excerpt and a margin on both sides.
    length_s : float
        Of an excerpt, from its first onset on.
    count : int
        How many; fewer if the recording has fewer onsets to begin at.
    least_notes : int
        That begin within an excerpt.

    Returns
    -------
    array, shape (<= count,)
        In rising order.
    """
    ordered = np.sort(onset_s)
    first_s = np.unique(ordered)
    begun = np.searchsorted(ordered, first_s + length_s) - np.searchsorted(ordered, first_s)
    fits = (first_s >= margin_s) & (first_s + length_s + margin_s <= duration_s)
    possible = first_s[fits & (begun >= least_notes)]
    return np.sort(rng.choice(possible, min(count, len(possible)), replace=False))


def cut(
    audio: np.ndarray, notes: pd.DataFrame, start_s: float, length_s: float, margin_s: float
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return sound and notes of an excerpt, times counted from the beginning of its sound.

    The sound begins a margin before the first onset and ends a margin after the excerpt; what rings
    on from before is heard, but has no note. Notes end with the sound at the latest.
    """
    begin_s = start_s - margin_s
    first, last = (
        round(time_s * SAMPLE_RATE) for time_s in (begin_s, start_s + length_s + margin_s)
    )
    inside = notes[(notes["onset_s"] >= start_s) & (notes["onset_s"] < start_s + length_s)]
    end_s = (last - first) / SAMPLE_RATE
    begin_s = first / SAMPLE_RATE  # a whole sample
    onset_s, offset_s = inside["onset_s"] - begin_s, inside["offset_s"] - begin_s
    inside = inside.assign(onset_s=onset_s, offset_s=offset_s.clip(upper=end_s))
    return audio[first:last], inside.reset_index(drop=True)


def at_tempo(notes: pd.DataFrame, percent: float) -> pd.DataFrame:
    """Return notes that play so much too fast (positive) or slow, from the first onset on."""
    first_s, factor = notes["onset_s"].min(), 1.0 + percent / 100.0
    times = {name: first_s + (notes[name] - first_s) / factor for name in ("onset_s", "offset_s")}
    return notes.assign(**times)
