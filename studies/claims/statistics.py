"""Estimates with the chance of performances and of trainings in them, and Holm's correction.

A value is uncertain for two reasons: other performances could have been recorded, and another seed
would have trained another network. Their variances add up; degrees of freedom are those of Welch
and Satterthwaite. Shares lie between 0 and 1, errors are in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pianoalign_lib.scoring import bootstrap

LEVEL = 0.05  # of the intervals


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error, and the degrees of freedom behind that."""

    value: float
    error: float
    freedom: float

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the 95 % interval, by Student's t."""
        reach = self.error * stats.t.ppf(1 - LEVEL / 2, self.freedom) if self.error else 0.0
        return float(self.value - reach), float(self.value + reach)

    def holds(self, value: float) -> bool:
        """Say whether a value lies within the interval."""
        lo, hi = self.interval
        return lo <= value <= hi

    def p_value(self, against: float = 0.0) -> float:
        """Return the two-sided p-value of the true value being the one given."""
        if not self.error:
            return 1.0 if self.value == against else 0.0
        return float(2 * stats.t.sf(abs(self.value - against) / self.error, self.freedom))

    def plus(self, error: float, freedom: float) -> Estimate:
        """Return the estimate with another, independent source of error."""
        parts = [(self.error, self.freedom), (error, freedom)]
        variance = sum(size**2 for size, _ in parts)
        weight = sum(size**4 / degrees for size, degrees in parts)
        return Estimate(
            self.value, math.sqrt(variance), variance**2 / weight if weight else self.freedom
        )


def of_performances(
    sums: NDArray[np.number],
    notes: NDArray[np.number],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
) -> Estimate:
    """Return a statistic of pooled means, with its standard error by bootstrap over performances.

    Parameters
    ----------
    sums : array, shape (performances, k)
        Per performance, the sum over its notes (hits, or errors) of k methods.
    notes : array, shape (performances,)
        Number of notes, at least two performances.
    statistic : callable
        From means, shape (draws, k), to one value per draw.
    """
    n = len(notes)
    drawn = statistic(bootstrap.resampled_shares(sums, notes, samples, seed))
    value = statistic((np.sum(sums, axis=0) / np.sum(notes))[None])[0]
    # Draws of n from n vary by (n - 1) / n of what samples of n vary by.
    return Estimate(float(value), float(np.std(drawn)) * math.sqrt(n / (n - 1)), n - 1)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values corrected for their number (Holm 1979), by the same keys."""
    corrected, largest = {}, 0.0
    for place, key in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[key]))
        corrected[key] = largest
    return corrected
