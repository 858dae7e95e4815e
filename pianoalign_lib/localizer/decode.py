"""From each note's posterior to onsets: all notes of a pitch together, in their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .patches import LONG_FPS, grid_steps
from .posterior import BIN_S

N_CANDIDATES = 6  # local peaks of a posterior that are considered
PEAK_REACH = 3  # bins to each side that make up a peak (7.5 ms)
SMALLEST_GAP_S = 0.02  # two notes of a pitch are at least this far apart
LEAST = 1e-9
BLOCK = 4096  # notes whose posteriors are searched at a time


@dataclass(frozen=True)
class Decoded:
    """One onset for each note.

    Attributes
    ----------
    onset_s : np.ndarray [shape=(n,)]
        NaN where the note is not heard.
    probability : np.ndarray [shape=(n,)]
        The network's, for an onset within about ±7.5 ms of the one chosen, or for "not heard".
    absent : np.ndarray [shape=(n,)]
        The network's, for "not heard".
    """

    onset_s: np.ndarray
    probability: np.ndarray
    absent: np.ndarray


def decode(
    onset_s: np.ndarray, pitch: np.ndarray, probability: np.ndarray, *, joint: bool = True
) -> Decoded:
    """Choose an onset for each note.

    The notes of a pitch keep their order and stay apart: dynamic programming over the local peaks
    of each note's posterior, all pitches at once. A note far from its neighbours is a chain of one.

    Parameters
    ----------
    onset_s, pitch : np.ndarray [shape=(n,)]
        Expected onsets, which the patches were centred on, and pitches.
    probability : np.ndarray [shape=(n, n_bins + 1)]
        Posterior of each note: displacements `BIN_S` apart around the expected onset (120 bins of
        one patch, or more), and last "not heard"; need not sum to 1.
    joint
        False: each note takes its own best peak (the ablation).
    """
    if len(onset_s) == 0:
        return Decoded(np.zeros(0), np.zeros(0), np.zeros(0))
    blocks = [slice(start, start + BLOCK) for start in range(0, len(onset_s), BLOCK)]
    parts = [_candidates(onset_s[block], probability[block]) for block in blocks]
    time_s, score = (np.concatenate(part) for part in zip(*parts, strict=True))
    if joint:
        reach_s = (probability.shape[1] - 1) / 2 * BIN_S
        chosen = _viterbi(onset_s, pitch, time_s, np.log(score + LEAST), reach_s)
    else:
        chosen = score.argmax(axis=1)
    rows = np.arange(len(onset_s))
    return Decoded(time_s[rows, chosen], score[rows, chosen], score[:, -1])


def _candidates(onset_s: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return times and scores of the peaks and, last, of "not heard" [shape=(n, 7)]."""
    bins = probability[:, :-1]
    n_bins = bins.shape[1]
    padded = np.pad(bins, ((0, 0), (PEAK_REACH, PEAK_REACH)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * PEAK_REACH + 1, axis=1)
    mass = windows.sum(axis=2)
    left, right = (
        padded[:, PEAK_REACH - 1 : -PEAK_REACH - 1],
        padded[:, PEAK_REACH + 1 :][:, :n_bins],
    )
    peak = np.where((bins >= left) & (bins > right), mass, 0.0)
    best = np.argpartition(-peak, N_CANDIDATES, axis=1)[:, :N_CANDIDATES]
    rows = np.arange(len(bins))[:, None]
    offsets = np.arange(-PEAK_REACH, PEAK_REACH + 1) * BIN_S
    around = windows[rows, best]
    shift_s = (best - n_bins / 2) * BIN_S + (around * offsets).sum(axis=2) / (
        around.sum(axis=2) + LEAST
    )
    time_s = grid_steps(onset_s)[:, None] / LONG_FPS + shift_s
    score = peak[rows, best]
    absent = probability[:, -1:]
    return np.hstack([time_s, np.full_like(absent, np.nan)]), np.hstack([score, absent])


def _viterbi(
    onset_s: np.ndarray, pitch: np.ndarray, time_s: np.ndarray, score: np.ndarray, reach_s: float
) -> np.ndarray:
    """Return the best candidate of each note; the loop runs over the places in a chain only."""
    order = np.lexsort((onset_s, pitch))
    onset_s, pitch, time_s, score = onset_s[order], pitch[order], time_s[order], score[order]
    apart = np.diff(onset_s) > 2 * (reach_s + SMALLEST_GAP_S)
    starts = np.flatnonzero(np.append(True, apart | (np.diff(pitch) != 0)))
    length = np.diff(np.append(starts, len(order)))
    best = score.copy()
    back = np.zeros(score.shape, np.int64)
    for place in range(1, int(length.max())):
        note = starts[length > place] + place
        before = note - 1
        # NaN, "not heard", is no hindrance in either place.
        crosses = time_s[note][:, :, None] < time_s[before][:, None, :] + SMALLEST_GAP_S
        total = np.where(crosses, -np.inf, best[before][:, None, :])
        back[note] = total.argmax(axis=2)
        best[note] += np.take_along_axis(total, back[note][:, :, None], axis=2)[:, :, 0]
    chosen = np.zeros(len(order), np.int64)
    ends = starts + length - 1
    chosen[ends] = best[ends].argmax(axis=1)
    for place in range(int(length.max()) - 1, 0, -1):
        note = starts[length > place] + place
        chosen[note - 1] = back[note, chosen[note]]
    result = np.empty_like(chosen)
    result[order] = chosen
    return result
