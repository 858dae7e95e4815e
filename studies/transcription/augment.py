"""Other pianos, made of an excerpt: on other keys, with another tone, at another level.

A transcriber that has heard five pianos knows these five. On a constant-Q grid with a bin per key,
spectrum and labels are moved by whole keys (the smear of an onset, which is longer for low keys, is
not); an equaliser adds to log magnitudes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pianoalign_lib.crnn.features import DYNAMIC_RANGE_DB

_BENDS = 6  # points of an equaliser's curve, evenly spaced over the keys


@dataclass(frozen=True)
class Augmentation:
    """How far an excerpt may be changed, evenly drawn up to these limits; 0 leaves it as it is."""

    semitones: int
    equaliser_db: float
    level_db: float


def augmented(
    spectrum: np.ndarray, target: np.ndarray, limits: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return an excerpt as it might sound on another piano, and its target.

    Parameters
    ----------
    spectrum : np.ndarray [shape=(n_frames, 88)]
        Log-CQT, 0 (nothing) to 1.
    target : np.ndarray [shape=(n_frames, 88)]
        Of the same keys.
    limits
        How far it may be changed.
    rng
        What decides.

    Returns
    -------
    tuple of np.ndarray
        New arrays of the same shapes. What moves beyond the last key is lost.
    """
    n_keys = spectrum.shape[1]
    keys = int(rng.integers(-limits.semitones, limits.semitones + 1))
    bends = rng.uniform(-limits.equaliser_db, limits.equaliser_db, _BENDS)
    curve_db = np.interp(np.arange(n_keys), np.linspace(0, n_keys - 1, _BENDS), bends)
    gain_db = curve_db + rng.uniform(-limits.level_db, limits.level_db)
    louder = np.clip(spectrum + gain_db / DYNAMIC_RANGE_DB, 0.0, 1.0)
    # Silence stays silent.
    heard = np.where(spectrum > 0, louder, 0.0).astype(spectrum.dtype)
    return moved(heard, keys), moved(target, keys)


def moved(image: np.ndarray, keys: int) -> np.ndarray:
    """Return an image [shape=(n_frames, 88)] so many keys higher; what comes in is empty."""
    found = np.zeros_like(image)
    if keys >= 0:
        found[:, keys:] = image[:, : image.shape[1] - keys]
    else:
        found[:, :keys] = image[:, -keys:]
    return found
