"""Bootstrap intervals over performances.

Notes of one performance share its piano, room and player and are not independent, nor are excerpts
of it, so performances, not notes, are drawn with replacement. The value of a draw is the *pooled*
share: hits of all drawn performances divided by their notes. Intervals are 95 % percentile
intervals. Equal seeds and equally many performances give equal draws: this is what pairs two
methods evaluated on the same recordings.
(``scipy.stats.bootstrap`` agrees, as a test shows; it draws otherwise, so that every published
interval would change, and it does not hand out its draws for a second statistic.)

The intervals describe the choice of performances. They say nothing about another training run of
the same network, another piano, or another corpus.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

SAMPLES = 2000
SEED = 7
_TAIL = 100 * (1 - 0.95) / 2  # percent of the draws on either side of an interval


def by_performance(counts: ArrayLike, performances: ArrayLike) -> NDArray[np.float64]:
    """Sum counts over the recordings of each performance.

    Parameters
    ----------
    counts : array, shape (recordings,) or (recordings, k)
    performances : array, shape (recordings,)
        The name of each recording's performance.

    Returns
    -------
    array, shape (performances,) or (performances, k)
        In the order in which the performances first appear.
    """
    table = pd.DataFrame(np.asarray(counts, dtype=float))
    sums = table.groupby(np.asarray(performances), sort=False).sum().to_numpy()
    return sums[:, 0] if np.ndim(counts) == 1 else sums


def resampled_shares(
    hits: NDArray[np.number], notes: NDArray[np.number], samples: int = SAMPLES, seed: int = SEED
) -> NDArray[np.float64]:
    """Draw performances with replacement and return the pooled share of hits of each draw.

    Parameters
    ----------
    hits : array, shape (performances,) or (performances, k)
        Number of hits in each performance (k columns: k tolerances at once).
    notes : array, shape (performances,)
        Number of notes in each performance, each at least 1.

    Returns
    -------
    array, shape (samples,) or (samples, k)
    """
    weights = _draws(len(notes), samples, seed)
    pooled_notes = weights @ np.asarray(notes, dtype=float)
    pooled_hits = weights @ np.asarray(hits, dtype=float)
    return (pooled_hits.T / pooled_notes).T


def interval(
    hits: NDArray[np.number], notes: NDArray[np.number], samples: int = SAMPLES, seed: int = SEED
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and the upper bound of the pooled share, each of shape () or (k,).

    With fewer than two performances both are NaN: one tells nothing about others.
    """
    if len(notes) < 2:
        unknown = np.full(np.shape(hits)[1:], np.nan)
        return unknown, unknown.copy()
    return bounds(resampled_shares(hits, notes, samples, seed))


def bounds(
    draws: NDArray[np.float64], method: Literal["linear", "nearest"] = "linear"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 2.5th and the 97.5th percentile of draws, over their first axis."""
    lo, hi = np.percentile(draws, [_TAIL, 100 - _TAIL], axis=0, method=method)
    return lo, hi


@lru_cache(maxsize=16)
def _draws(performances: int, samples: int, seed: int) -> NDArray[np.float64]:
    """How often each performance occurs in each draw, shape (samples, performances)."""
    rng = np.random.default_rng(seed)
    shares = np.full(performances, 1 / performances)
    counts = rng.multinomial(performances, shares, size=samples).astype(np.float64)
    counts.flags.writeable = False  # shared by every caller through the cache
    return counts
