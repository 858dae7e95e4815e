"""Training examples: consecutive notes of a recording, made loose as a user's MIDI would be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..localizer.patches import Expected, grid_steps, make_patches
from ..localizer.posterior import soft_targets
from ..localizer.runner import CHUNK
from ..localizer.spectra import Spectra

AROUND = 48  # notes before and after a chunk that may be heard in its patches
TARGET_SIGMA_S = 0.003
EXTRA_CLEAR_S = 0.2  # an extra note of the MIDI is this far from a played one of its pitch


@dataclass(frozen=True)
class Source:
    """A training recording in memory."""

    name: str
    spectra: Spectra
    reference: float
    onset_s: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray


def make_source(name: str, spectra: Spectra, notes: pd.DataFrame) -> Source:
    """Return a source from a recording's spectra and true note table."""
    notes = notes.sort_values("onset_s", kind="stable")
    onset_s, pitch, velocity = (notes[key].to_numpy() for key in ("onset_s", "pitch", "velocity"))
    return Source(name, spectra, spectra.reference, onset_s, pitch, velocity)


def draw_chunk(source: Source, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return patches, scalars, targets and weights of 32 consecutive notes of a source.

    Raises
    ------
    ValueError
        If the source has fewer than 32 notes.
    """
    n_notes = len(source.onset_s)
    start = int(rng.integers(0, n_notes - CHUNK + 1))
    first, last = max(0, start - AROUND), min(n_notes, start + CHUNK + AROUND)
    rows = np.arange(first, last)
    rows = rows[rng.uniform(size=len(rows)) >= rng.choice([0.0, 0.05])]  # missing in the MIDI
    true_s, pitch = source.onset_s[rows], source.pitch[rows].astype(np.int64)
    velocity = source.velocity[rows].astype(np.float64)
    extra = np.zeros(len(rows), bool)
    true_s, pitch, velocity, extra = _with_extras(source, true_s, pitch, velocity, extra, rng)
    given_s = true_s + _errors(true_s, rng)
    # Users' velocities are as played, rendered from a score, or all the same.
    if rng.uniform() < 0.3:
        velocity = np.clip(velocity * 0 + rng.uniform(50, 100), 1, 127)
    order = np.argsort(given_s, kind="stable")
    notes = Expected(given_s[order], pitch[order], velocity[order])
    true_s, extra = true_s[order], extra[order]
    asked = _asked(len(order), rng)
    patches, scalars = make_patches(source.spectra, notes, asked, source.reference)
    shift_s = true_s[asked] - grid_steps(notes.onset_s[asked]) / 100.0
    targets = soft_targets(shift_s, extra[asked], TARGET_SIGMA_S)
    weights = np.ones(len(asked), np.float32)
    scalars[:, 2] += rng.normal(0, 3)  # the level of the recording, in half decibels
    return _padded(patches, scalars, targets, weights)


def _errors(true_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the timing errors of a stretch of notes: each its own, and what a warp leaves."""
    reach_s = rng.choice([0.1, 0.1, 0.1, 0.05, 0.02, 0.13])
    errors = rng.uniform(-reach_s, reach_s, len(true_s))
    if rng.uniform() < 0.4:
        time = (true_s - true_s[0]) / max(true_s[-1] - true_s[0], 1e-3)
        begin, end = rng.normal(0, 0.03, 2)
        errors += begin + (end - begin) * time
    return errors


def _with_extras(source, true_s, pitch, velocity, extra, rng):
    """Add notes that were not played, near notes that were."""
    count = rng.binomial(len(true_s), rng.choice([0.0, 0.05, 0.15]))
    near = rng.integers(0, len(true_s), count)
    time_s = true_s[near] + rng.uniform(-0.3, 0.3, count)
    moves = np.array([-12, 12, -24, 19, -1, 1, -2, 2, 7, -7, 3, -3, 4, -4, 5, -5])
    new = pitch[near] + np.where(rng.uniform(size=count) < 0.15, 0, rng.choice(moves, count))
    apart_s = np.abs(source.onset_s[None, :] - time_s[:, None])
    same = source.pitch[None, :] == new[:, None]
    clear = np.where(same, apart_s, np.inf).min(axis=1) > EXTRA_CLEAR_S + 0.15
    keep = clear & (new >= 21) & (new <= 108)
    return (
        np.append(true_s, time_s[keep]),
        np.append(pitch, new[keep]),
        np.append(velocity, velocity[near][keep]),
        np.append(extra, np.ones(keep.sum(), bool)),
    )


def _asked(n_notes: int, rng: np.random.Generator) -> np.ndarray:
    """Return 32 consecutive rows, away from the ends, where context is lacking."""
    spare = max(0, n_notes - CHUNK)
    start = int(rng.integers(spare // 4, spare - spare // 4 + 1))
    return np.arange(start, min(start + CHUNK, n_notes))


def _padded(*parts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Fill up to 32 notes by repeating the last, whose weight is 0."""
    missing = CHUNK - len(parts[0])
    if missing == 0:
        return parts
    filled = [np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) for part in parts]
    filled[-1][-missing:] = 0.0
    return tuple(filled)
