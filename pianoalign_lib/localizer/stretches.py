"""A part of a MIDI file that a recording plays from its beginning to its end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SLOWEST, FASTEST = 0.3, 3.5  # pace of a recording, its seconds per second of the MIDI file


@dataclass(frozen=True)
class Stretch:
    """A part of a MIDI file that is played from its beginning to its end.

    Attributes
    ----------
    midi_s, audio_s : np.ndarray [shape=(n,)]
        Knots; the first strictly rises, the second never falls.
    """

    midi_s: np.ndarray
    audio_s: np.ndarray

    def __call__(self, midi_s: np.ndarray) -> np.ndarray:
        """Return times in the recording; beyond the ends at the mean pace of the stretch."""
        inside_s = np.clip(midi_s, self.midi_s[0], self.midi_s[-1])
        pace = (self.audio_s[-1] - self.audio_s[0]) / (self.midi_s[-1] - self.midi_s[0])
        pace = min(max(pace, SLOWEST), FASTEST)
        return np.interp(inside_s, self.midi_s, self.audio_s) + pace * (midi_s - inside_s)
