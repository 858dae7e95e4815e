"""How far the notes lag behind a rough warp: the lag and its pace, tracked through the recording.

Every note tells, from the rise of its own rows, how likely each lag is; a note alone is often
wrong, but those of a few seconds share their lag. The lag is tracked with its pace as a second
state, which changes slowly (Viterbi), so that a trill or an ostinato cannot pull the warp to the
next beat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .coarse_path import HARMONICS, onset_strength
from .spectra import LONG_FPS, LOWEST_ROW, N_ROWS

NOISE_SHARE = 0.4  # of the notes whose rise says nothing
BLOCK_S = 60.0  # of the recording at a time


@dataclass(frozen=True)
class Search:
    """How lags are looked for.

    Attributes
    ----------
    hop
        Spectral frames (10 ms) from one lag to the next.
    apart
        Spectral frames to each side of a rise.
    reach_s
        Lags up to this much to both sides.
    node_s
        Time over which the lag counts as constant.
    jitter_s
        Width of the notes' own timing errors.
    paces
        Paces of up to this many lags per node, to both sides.
    pace_cost
        Cost of a pace's change by one lag per node, in nats.
    """

    hop: int
    apart: int
    reach_s: float
    node_s: float
    jitter_s: float
    paces: int
    pace_cost: float

    @property
    def n_reach(self) -> int:
        return round(self.reach_s * LONG_FPS / self.hop)


def track_lags(
    levels: np.ndarray, reference: float, expected_s: np.ndarray, pitch: np.ndarray, search: Search
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return how much later than expected the notes are, along the recording.

    Parameters
    ----------
    levels : np.ndarray [shape=(n, 99), dtype=uint8]
        At 100 frames per second.
    reference
        The recording's level, in bytes.
    expected_s, pitch : np.ndarray [shape=(n_notes,)]
        Expected onsets, ascending.
    search
        How to look.

    Returns
    -------
    time_s, lag_s : np.ndarray [shape=(n_nodes,)]
    score : float
        Mean gain over chance per note along the track, in nats.
    """
    node = ((expected_s - expected_s[0]) / search.node_s).astype(np.int64)
    evidence = np.zeros((node[-1] + 1, 2 * search.n_reach + 1), np.float32)
    block = ((expected_s - expected_s[0]) / BLOCK_S).astype(np.int64)
    ends = np.flatnonzero(np.diff(block, append=block[-1] + 1)) + 1
    for first, stop in zip(np.r_[0, ends[:-1]], ends, strict=True):
        part = slice(first, stop)
        gains = _gains(_profiles(levels, reference, expected_s[part], pitch[part], search), search)
        nodes, starts = np.unique(node[part], return_index=True)
        evidence[nodes] += np.add.reduceat(gains, starts, axis=0)
    lag, score = _best_track(evidence, search)
    time_s = expected_s[0] + (np.arange(len(lag)) + 0.5) * search.node_s
    lag_s = (lag - search.n_reach) * search.hop / LONG_FPS
    return time_s, lag_s, score / len(expected_s)


def _profiles(levels, reference, expected_s, pitch, search: Search) -> np.ndarray:
    """Return the rise of each note's rows at each lag [shape=(n_notes, n_lags)]."""
    frame = np.rint(expected_s * LONG_FPS / search.hop).astype(np.int64)
    lags = np.arange(-search.n_reach, search.n_reach + 1)
    first, last = frame[0] + lags[0], frame[-1] + lags[-1]
    # A row of zeros stands for everything outside the recording.
    margin = -(-search.apart // search.hop)
    low = max(first - margin, 0)
    part = levels[low * search.hop : max(last + margin + 1, 0) * search.hop]
    if not len(part):
        return np.zeros((len(frame), len(lags)), np.float32)
    rises = onset_strength(part, search.hop, search.apart, reference)
    rises = np.concatenate([rises, np.zeros((1, N_ROWS), np.uint8)])
    index = frame[:, None] + lags - low
    index[(index < 0) | (index >= len(rises))] = len(rises) - 1
    index *= N_ROWS
    total = np.zeros(index.shape, np.float32)
    for semitones, share in HARMONICS:
        row = np.minimum(pitch - LOWEST_ROW + semitones, N_ROWS - 1)
        total += np.float32(share) * rises.ravel()[index + row[:, None]]
    return total


def _gains(profiles: np.ndarray, search: Search) -> np.ndarray:
    """Return log likelihood ratios of the lags against chance, of the same shape.

    A note's profile is its likelihood of the lag; a share of the notes tells nothing.
    """
    sigma = search.jitter_s * LONG_FPS / search.hop
    likely = gaussian_filter1d(profiles, sigma, axis=1, mode="nearest", truncate=3.0)
    likely /= likely.mean(axis=1, keepdims=True) + 1e-6
    return np.log((1.0 - NOISE_SHARE) * likely + NOISE_SHARE)


def _best_track(evidence: np.ndarray, search: Search) -> tuple[np.ndarray, float]:
    """Return the lag of each node on the track that gains most, and its gain.

    States are (pace, lag); from node to node the lag grows by the pace, and the pace changes by at
    most one, at a cost.
    """
    n_nodes, n_lags = evidence.shape
    pace = np.arange(-search.paces, search.paces + 1)[:, None]
    n_paces = len(pace)
    source = np.arange(n_lags) - pace
    outside = (source < 0) | (source >= n_lags)
    source = source.clip(0, n_lags - 1) + (pace + search.paces) * n_lags
    change = np.empty((n_nodes, n_paces, n_lags), np.int8)
    padded = np.full((n_paces + 2, n_lags), -np.inf, np.float32)
    total = np.repeat(evidence[:1], n_paces, axis=0)
    for node in range(1, n_nodes):
        padded[1:-1] = total
        came = np.zeros((n_paces, n_lags), np.int8)
        for step in (-1, 1):
            candidate = padded[1 + step : 1 + step + n_paces] - np.float32(search.pace_cost)
            better = candidate > total
            np.copyto(total, candidate, where=better)
            np.copyto(came, np.int8(step), where=better)
        np.take(came, source, out=change[node])
        total = np.take(total, source)
        total[outside] = -np.inf
        total += evidence[node]
    row, lag = np.unravel_index(int(total.argmax()), total.shape)
    score, lags = float(total[row, lag]), np.empty(n_nodes, np.int64)
    for node in range(n_nodes - 1, -1, -1):
        lags[node] = lag
        step = change[node, row, lag] if node else 0
        lag, row = lag - (row - search.paces), row + step
    return lags, score
