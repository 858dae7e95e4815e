"""Made studies of what is hard to tell apart: repeated chords, trills, ostinati, over a bass."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pianoalign_lib.io.notes import HIGHEST_PITCH, LOWEST_PITCH, note_table

TOGETHER_S = 0.012  # spread of the notes of a chord
UNEVEN = 0.08  # of the time between two strokes
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 3, 6, 9), (0, 4, 7, 10), (0, 7), (0, 12), (0,), (0, 5, 9))
Note = tuple[float, float, int, float]  # onset_s, length_s, pitch, velocity


def make_study(seconds: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return a note table of one figure after the other, about as long as asked for."""
    notes: list[Note] = []
    now_s = 0.5
    while now_s < seconds:
        figure = (_repeated_chord, _trill, _ostinato)[rng.integers(3)]
        length_s, middle = rng.uniform(3.0, 8.0), rng.uniform(35.0, 80.0)
        swell = rng.uniform(-15.0, 15.0)
        start, key = len(notes), int(rng.integers(36, 85))
        notes += [(now_s + at, long, p, middle) for at, long, p in figure(key, length_s, rng)]
        if rng.uniform() < 0.7:  # a melody or a bass in longer notes, louder than the figure
            notes += _voice(now_s, length_s, middle + rng.uniform(0.0, 30.0), rng)
        notes[start:] = [
            (at, long, p, v + swell * (at - now_s) / length_s + rng.normal(0.0, 5.0))
            for at, long, p, v in notes[start:]
        ]
        now_s += length_s + rng.uniform(0.0, 1.0)
    return _table(notes)


def _strokes(length_s: float, per_s: float, rng: np.random.Generator) -> np.ndarray:
    """Return about evenly spaced times from 0 to `length_s`."""
    step_s = 1.0 / per_s
    times_s = np.arange(0.0, length_s, step_s)
    return np.sort(times_s + rng.normal(0.0, UNEVEN * step_s, len(times_s)).clip(-0.3, 0.3))


def _repeated_chord(key: int, length_s: float, rng: np.random.Generator):
    """Yield (time, length, pitch) of a chord struck again and again."""
    chord = CHORDS[rng.integers(len(CHORDS))]
    per_s = rng.uniform(2.0, 9.0)
    for at in _strokes(length_s, per_s, rng):
        for step in chord:
            yield at + rng.uniform(0.0, TOGETHER_S), rng.uniform(0.3, 0.95) / per_s, key + step


def _trill(key: int, length_s: float, rng: np.random.Generator):
    """Yield (time, length, pitch) of two keys in turn, a trill or a tremolo."""
    other, per_s = int(rng.choice([1, 2, 2, 3, 4, 7, 12])), rng.uniform(7.0, 15.0)
    for index, at in enumerate(_strokes(length_s, per_s, rng)):
        yield at, rng.uniform(0.6, 1.3) / per_s, key + other * (index % 2)


def _ostinato(key: int, length_s: float, rng: np.random.Generator):
    """Yield (time, length, pitch) of a short figure over and over."""
    figure = rng.integers(0, 13, rng.integers(2, 8))
    per_s = rng.uniform(3.0, 10.0)
    for index, at in enumerate(_strokes(length_s, per_s, rng)):
        yield at, rng.uniform(0.5, 1.5) / per_s, key + int(figure[index % len(figure)])


def _voice(start_s: float, length_s: float, velocity: float, rng: np.random.Generator):
    """Return a slow voice, in the bass or above."""
    key = int(rng.choice([rng.integers(24, 45), rng.integers(67, 96)]))
    return [
        (start_s + at, rng.uniform(0.5, 1.5), key + int(rng.integers(0, 12)), velocity)
        for at in _strokes(length_s, rng.uniform(0.7, 2.0), rng)
    ]


def _table(notes: list[Note]) -> pd.DataFrame:
    """Return the note table; a key struck while it is down ends its note before."""
    onset_s, length_s, pitch, velocity = (np.array(column) for column in zip(*notes, strict=True))
    onset_s = np.maximum(onset_s, 0.0)
    pitch = np.clip(pitch, LOWEST_PITCH, HIGHEST_PITCH)
    table = note_table(pitch, np.clip(velocity, 6, 120), onset_s, onset_s + length_s)
    gap_s = table.groupby("pitch")["onset_s"].diff()
    table = table[~(gap_s < 0.04)].reset_index(drop=True)  # no finger is so fast
    next_s = table.groupby("pitch")["onset_s"].shift(-1).fillna(np.inf) - 0.005
    return table.assign(offset_s=np.minimum(table["offset_s"], next_s))
