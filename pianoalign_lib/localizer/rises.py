"""What the rises of a note's own rows say of its onset, before the network is asked."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .events import LAG_S
from .rolls import HARMONICS, onset_strength
from .spectra import LONG_FPS, LOWEST_ROW, N_ROWS

HOP = round(LAG_S * LONG_FPS)
APART = 3  # spectral frames to each side of a rise
REACH = 30  # lags to each side
RISE_LEAD_S = 0.012  # by which a rise, through the long window, comes before its onset
JITTER_S = 0.02
NOISE_SHARE = 0.4  # of the notes whose rise says nothing
BLOCK = 512  # notes at a time


def rise_evidence(
    levels: np.ndarray, reference: float, expected_s: np.ndarray, pitch: np.ndarray
) -> np.ndarray:
    """Return log likelihood ratios of each note's lags against chance.

    Parameters
    ----------
    levels : np.ndarray [shape=(n, 99), dtype=uint8]
        At 100 frames per second.
    reference
        The recording's level, in bytes.
    expected_s, pitch : np.ndarray [shape=(n_notes,)]

    Returns
    -------
    np.ndarray [shape=(n_notes, 2 * REACH + 1), dtype=float32]
        `LAG_S` apart.
    """
    total = np.empty((len(expected_s), 2 * REACH + 1), np.float32)
    order = np.argsort(expected_s, kind="stable")
    for start in range(0, len(order), BLOCK):
        part = order[start : start + BLOCK]
        total[part] = _profiles(levels, reference, expected_s[part] - RISE_LEAD_S, pitch[part])
    likely = gaussian_filter1d(total, JITTER_S / LAG_S, axis=1, mode="nearest", truncate=3.0)
    likely /= likely.mean(axis=1, keepdims=True) + 1e-6
    return np.log((1.0 - NOISE_SHARE) * likely + NOISE_SHARE)


def _profiles(levels, reference, expected_s, pitch) -> np.ndarray:
    """Return the rise of each note's rows at each lag; notes ascending."""
    frame = np.rint(expected_s * LONG_FPS / HOP).astype(np.int64)
    lags = np.arange(-REACH, REACH + 1)
    # A row of zeros stands for everything outside the recording.
    margin = -(-APART // HOP)
    low = max(int(frame[0]) + lags[0] - margin, 0)
    part = levels[low * HOP : max(int(frame[-1]) + lags[-1] + margin + 1, 0) * HOP]
    total = np.zeros((len(frame), len(lags)), np.float32)
    if not len(part):
        return total
    rises = onset_strength(part, HOP, APART, reference)
    rises = np.concatenate([rises, np.zeros((1, N_ROWS), np.uint8)])
    index = frame[:, None] + lags - low
    index[(index < 0) | (index >= len(rises))] = len(rises) - 1
    index *= N_ROWS
    for semitones, share in HARMONICS:
        row = np.minimum(pitch - LOWEST_ROW + semitones, N_ROWS - 1)
        total += np.float32(share) * rises.ravel()[index + row[:, None]]
    return total
