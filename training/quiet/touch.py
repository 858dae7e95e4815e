"""From a performance to a quiet one: softer as a whole, flatter, and longer under the pedal.

Loudness on a piano rises faster with velocity than on the SoundFonts, whose amplitude is
proportional to it: between velocities 25 and 80 a real one rises by about 20 dB, these by 10. A
soft note beside a loud one is therefore drowned less in renders than in life. A steeper touch
repairs that: the piano is played with other velocities than the note table says.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pianoalign_lib.corpora.pianos import N_VELOCITIES, Piano

SOFTEST, LOUDEST = 6, 120  # velocities of the note table
MIDDLE = (14.0, 46.0)  # median velocity of a quiet performance
SPREAD = (0.35, 1.1)  # of the velocities around it, relative to the pianist's
STEEPNESS = (1.0, 2.2)  # amplitude over velocity, as an exponent
AS_PLAYED = 0.2  # share of excerpts that keep their velocities
LONG_PEDAL = 0.5  # share under a pedal that is changed only every few seconds
PEDAL_S = (1.5, 8.0)  # between two changes


class TouchedPiano(Piano):
    """A piano whose loudness rises with a power of the velocity that is asked for."""

    def __init__(self, piano: Piano, steepness: float) -> None:
        self._piano, self._steepness = piano, steepness
        self.RATE = piano.RATE

    def played(self, velocity: np.ndarray) -> np.ndarray:
        """Return the velocity that the piano is played with, 1 to 127."""
        share = np.asarray(velocity) / N_VELOCITIES
        return np.clip(np.rint(N_VELOCITIES * share**self._steepness), 1, N_VELOCITIES).astype(int)

    def play(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at the piano's own rate, `duration_s` long."""
        return self._piano.play(
            notes.assign(velocity=self.played(notes["velocity"].to_numpy())), duration_s
        )

    def attack_s(self, pitch: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return the time from note-on to onset of each note, in seconds."""
        return self._piano.attack_s(pitch, self.played(velocity))


def quieten(notes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return a performance as played softly, its sound's ends (``offset_s``) under a long pedal.

    Parameters
    ----------
    notes
        Note table, ``offset_s`` where the sound ends.
    rng
        The only source of randomness; some performances keep their velocities or their pedal.
    """
    velocity = notes["velocity"].to_numpy(float)
    middle, spread = rng.uniform(*MIDDLE), rng.uniform(*SPREAD)
    if rng.uniform() >= AS_PLAYED:
        velocity = middle + spread * (velocity - np.median(velocity))
    velocity = np.clip(np.rint(velocity), SOFTEST, LOUDEST).astype(int)
    offset_s = notes["offset_s"].to_numpy(float)
    if rng.uniform() < LONG_PEDAL:
        offset_s = _long_pedal(notes, offset_s, rng)
    return notes.assign(velocity=velocity, offset_s=offset_s)


def _long_pedal(notes: pd.DataFrame, offset_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the ends of the sounds with the pedal changed now and then; a key's next note cuts."""
    last_s = float(offset_s.max())
    changes_s = np.cumsum(rng.uniform(*PEDAL_S, size=int(last_s / PEDAL_S[0]) + 2))
    held_s = changes_s[np.searchsorted(changes_s, offset_s)]
    next_s = notes.groupby("pitch")["onset_s"].shift(-1).fillna(np.inf).to_numpy()
    return np.maximum(np.minimum(held_s, next_s), offset_s.clip(max=next_s))
