"""A map from the time of a MIDI file to the time of a recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Warp:
    """A piecewise linear map that always rises; beyond its ends it goes on at its last pace.

    Attributes
    ----------
    midi_s, audio_s : np.ndarray [shape=(n,), n >= 2]
        Times of the knots in the MIDI file and in the recording, both strictly increasing.
    score : float
        How much more the notes fit the recording along the warp than beside it; what it says is
        up to the method that found the warp. NaN if it says nothing.

    Raises
    ------
    ValueError
        If there are fewer than two knots, or they do not rise.
    """

    midi_s: np.ndarray
    audio_s: np.ndarray
    score: float = float("nan")

    def __post_init__(self) -> None:
        if len(self.midi_s) < 2 or len(self.midi_s) != len(self.audio_s):
            raise ValueError("a warp needs two or more knots, each with both times")
        if not (np.all(np.diff(self.midi_s) > 0) and np.all(np.diff(self.audio_s) > 0)):
            raise ValueError("the knots of a warp must rise in both times")

    def __call__(self, time_s: np.ndarray) -> np.ndarray:
        """Return the times in the recording of times in the MIDI file, of the same shape."""
        time_s = np.asarray(time_s, dtype=np.float64)
        # Everything up to the second knot belongs to the first piece, and likewise at the end.
        piece = np.clip(np.searchsorted(self.midi_s, time_s, "right") - 1, 0, len(self.midi_s) - 2)
        pace = np.diff(self.audio_s) / np.diff(self.midi_s)
        return self.audio_s[piece] + pace[piece] * (time_s - self.midi_s[piece])
