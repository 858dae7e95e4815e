"""Training examples: consecutive notes of a recording, made loose as a user's MIDI would be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pianoalign_lib.localizer.patches import Expected, grid_steps, make_patches
from pianoalign_lib.localizer.posterior import soft_targets
from pianoalign_lib.localizer.runner import CHUNK
from pianoalign_lib.localizer.spectra import Spectra

AROUND = 48  # notes before and after a chunk that may be heard in its patches
TARGET_SIGMA_S = 0.003
EXTRA_CLEAR_S = 0.35  # an extra note of the MIDI is this far from a played one of its pitch
EXTRA_STEPS = np.array([-12, 12, -24, 19, -1, 1, -2, 2, 7, -7, 3, -3, 4, -4, 5, -5])


@dataclass(frozen=True)
class Source:
    """A training recording in memory, its notes in the order of their onsets."""

    name: str
    spectra: Spectra
    onset_s: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray


def draw_chunk(
    source: Source, rng: np.random.Generator, scattered: float = 0.0
) -> tuple[np.ndarray, ...]:
    """Return patches, scalars, targets and weights of 32 consecutive notes of a source.

    Attention must not rely on neighbours where only some notes are asked: `scattered` is the
    share of chunks whose notes lie apart.

    Raises
    ------
    ValueError
        If the source has fewer than 32 notes.
    """
    n_notes = len(source.onset_s)
    start = int(rng.integers(0, n_notes - CHUNK + 1))
    rows = np.arange(max(0, start - AROUND), min(n_notes, start + CHUNK + AROUND))
    rows = rows[rng.uniform(size=len(rows)) >= rng.choice([0.0, 0.05])]  # missing in the MIDI
    n_played = len(rows)
    near, time_s, extra_pitch = _extras(source, rows, rng)
    true_s = np.append(source.onset_s[rows], time_s)
    pitch = np.append(source.pitch[rows].astype(np.int64), extra_pitch)
    velocity = source.velocity[np.append(rows, near)].astype(np.float64)
    extra = np.arange(len(true_s)) >= n_played
    given_s = true_s + _errors(true_s, rng)
    # Users' velocities are as played, rendered from a score, or all the same.
    if rng.uniform() < 0.3:
        velocity = np.clip(velocity * 0 + rng.uniform(50, 100), 1, 127)
    order = np.argsort(given_s, kind="stable")
    notes = Expected(given_s[order], pitch[order], velocity[order])
    asked = _asked(len(order), rng, scattered)
    patches, scalars = make_patches(source.spectra, notes, asked, source.spectra.reference)
    shift_s = true_s[order][asked] - grid_steps(notes.onset_s[asked]) / 100.0
    targets = soft_targets(shift_s, extra[order][asked], TARGET_SIGMA_S)
    scalars[:, 2] += rng.normal(0, 3)  # the level of the recording, in half decibels
    return _padded(patches, scalars, targets, np.ones(len(asked), np.float32))


def _errors(true_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the timing errors of a stretch of notes: each its own, and what a warp leaves."""
    reach_s = rng.choice([0.1, 0.1, 0.1, 0.05, 0.02, 0.13])
    errors = rng.uniform(-reach_s, reach_s, len(true_s))
    if rng.uniform() < 0.4:
        time = (true_s - true_s[0]) / max(true_s[-1] - true_s[0], 1e-3)
        begin, end = rng.normal(0, 0.03, 2)
        errors += begin + (end - begin) * time
    return errors


def _extras(
    source: Source, rows: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return notes that were not played: the row each resembles, its time and its pitch."""
    count = rng.binomial(len(rows), rng.choice([0.0, 0.05, 0.15]))
    near = rows[rng.integers(0, len(rows), count)]
    time_s = source.onset_s[near] + rng.uniform(-0.3, 0.3, count)
    moved = np.where(rng.uniform(size=count) < 0.15, 0, rng.choice(EXTRA_STEPS, count))
    pitch = source.pitch[near].astype(np.int64) + moved
    apart_s = np.abs(source.onset_s[None, :] - time_s[:, None])
    same = source.pitch[None, :] == pitch[:, None]
    clear = np.where(same, apart_s, np.inf).min(axis=1) > EXTRA_CLEAR_S
    keep = clear & (pitch >= 21) & (pitch <= 108)
    return near[keep], time_s[keep], pitch[keep]


def _asked(n_notes: int, rng: np.random.Generator, scattered: float) -> np.ndarray:
    """Return 32 rows, mostly consecutive, away from the ends, where context is lacking."""
    if scattered and rng.uniform() < scattered:
        return np.sort(rng.choice(n_notes, min(CHUNK, n_notes), replace=False))
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
