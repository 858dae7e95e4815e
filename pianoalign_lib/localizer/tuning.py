"""How far a recording's tuning is from A = 440 Hz: a fraction of a semitone, by its partials."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..io.audio import SAMPLE_RATE

A4_HZ = 440.0
WINDOW = 16384  # samples: 1 s, so that partials are known to a cent or two
PARTIALS_HZ = (150.0, 2000.0)  # higher ones of a string are sharp
WEAKEST = 0.03  # of the strongest partial of a window
LEAST_CLEAR = 0.2  # of 1, which is all partials in tune with each other; noise: below 0.1


def turns(block: np.ndarray) -> Iterator[tuple[complex, float]]:
    """Yield, of the middle of each half of a block, its partials' mean place and their strength.

    A place between two semitones is a turn of the unit circle. Nothing comes of halves too short.
    """
    window = np.hanning(WINDOW).astype(np.float32)
    for half in np.array_split(block, 2):
        first = (len(half) - WINDOW) // 2
        if first >= 0:
            level = np.abs(np.fft.rfft(half[first : first + WINDOW] * window)) + 1e-9
            low, high = (round(hz * WINDOW / SAMPLE_RATE) for hz in PARTIALS_HZ)
            before, here, after = (np.log(level[low + k : high + k]) for k in (-1, 0, 1))
            peak = (here > before) & (here >= after) & (here > here.max() + np.log(WEAKEST))
            before, here, after = before[peak], here[peak], after[peak]
            bins = low + np.flatnonzero(peak)
            bins = bins + 0.5 * (before - after) / (before - 2.0 * here + after)
            semitones = 12.0 * np.log2(bins * SAMPLE_RATE / WINDOW / A4_HZ)
            strength = np.exp(here)
            yield complex(strength @ np.exp(2j * np.pi * semitones)), float(strength.sum())


def fraction(found: list[tuple[complex, float]]) -> float:
    """Return the tuning in semitones above A = 440 Hz, -0.5 to 0.5; 0 where it is not clear."""
    place, strength = (sum(column) for column in zip((0.0j, 1e-9), *found, strict=True))
    clear = abs(place) > LEAST_CLEAR * strength.real
    return float(np.angle(place)) / (2.0 * np.pi) if clear else 0.0
