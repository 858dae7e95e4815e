"""The grid of displacements that the network's output stands for."""

from __future__ import annotations

import numpy as np

from .patches import CENTRE, STEP_S

BINS_PER_STEP = 4
REACH_STEPS = 15
FIRST_STEP, LAST_STEP = CENTRE - REACH_STEPS, CENTRE + REACH_STEPS
N_BINS = (LAST_STEP - FIRST_STEP) * BINS_PER_STEP
BIN_S = STEP_S / BINS_PER_STEP
REACH_S = REACH_STEPS * STEP_S
ABSENT = N_BINS  # index of the class "not heard"
SHIFT_S = np.arange(N_BINS) * BIN_S - REACH_S  # of each bin, from the patch's centre


def soft_targets(shift_s: np.ndarray, absent: np.ndarray, sigma_s: float) -> np.ndarray:
    """Return a Gaussian around each true displacement, or the class "not heard".

    Parameters
    ----------
    shift_s : np.ndarray [shape=(n,)]
        True onset minus the patch's centre; beyond ±150 ms a note counts as not heard.
    absent : np.ndarray [shape=(n,), dtype=bool]
    sigma_s
        Width of the Gaussian.

    Returns
    -------
    np.ndarray [shape=(n, 121), dtype=float32]
    """
    absent = absent | (shift_s < SHIFT_S[0]) | (shift_s > SHIFT_S[-1])
    target = np.zeros((len(shift_s), N_BINS + 1), np.float32)
    target[:, :N_BINS] = np.exp(-0.5 * ((SHIFT_S - shift_s[:, None]) / sigma_s) ** 2)
    target[absent, :N_BINS] = 0.0
    target[:, ABSENT] = absent
    return target / target.sum(axis=1, keepdims=True)
