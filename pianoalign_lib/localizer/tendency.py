"""What the notes that are settled tell of the others: how often notes are off, and by how much."""

from __future__ import annotations

import numpy as np

from .decode import Decoded
from .posterior import ABSENT, REACH_S, SHIFT_S

TRAINED_RATE = 0.065  # of notes not heard in training, where it is drawn
LOWEST_RATE = 0.002
RATE_STEPS = 8
NEIGHBOURS = 24  # settled notes that tell where a note is to be expected


def with_rate(posterior: np.ndarray) -> np.ndarray:
    """Adapt "not heard" to how often it occurs in this piece, in place.

    Training has more extra notes than most MIDI files. Expectation-maximization of the rate
    (Saerens, Latinne, Decaestecker 2002).
    """
    absent = posterior[:, ABSENT].astype(np.float64)
    rate = TRAINED_RATE
    for _ in range(RATE_STEPS):
        odds = _odds_against_training(rate)
        rate = float(np.mean(absent * odds / (absent * odds + 1 - absent)))
        rate = min(max(rate, LOWEST_RATE), 0.9)
    posterior[:, ABSENT] *= _odds_against_training(rate)
    posterior /= posterior.sum(axis=1, keepdims=True)
    return posterior


def _odds_against_training(rate: float) -> float:
    return rate / (1 - rate) * (1 - TRAINED_RATE) / TRAINED_RATE


def find_tendency(
    found: Decoded, expected_s: np.ndarray, settled: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return by how much notes near each note are off (median), and how much that varies."""
    rows = np.flatnonzero(settled)
    if len(rows) < NEIGHBOURS:
        return np.zeros(len(expected_s)), REACH_S
    shift_s = found.onset_s[rows] - expected_s[rows]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(shift_s, NEIGHBOURS // 2, mode="reflect"), NEIGHBOURS + 1
    )
    middle_s = np.median(windows, axis=1)
    width_s = float(np.median(np.abs(shift_s - middle_s))) * 1.4826
    return np.interp(expected_s, expected_s[rows], middle_s), width_s


def prior(grid_s: np.ndarray, centre_s: np.ndarray, width_s: float) -> np.ndarray:
    """Return the weight of each bin and of "not heard": near the tendency, with heavy tails.

    Relative to the even distribution over the bins that the network was trained with.
    """
    distance_s = grid_s[:, None] + SHIFT_S - centre_s[:, None]
    scale_s = width_s + 0.005
    weight = 1.0 / (1.0 + (distance_s / (2.0 * scale_s)) ** 2)
    weight /= weight.mean(axis=1, keepdims=True)
    return np.hstack([weight, np.ones((len(grid_s), 1))]).astype(np.float32)
