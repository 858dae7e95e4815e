"""Cut out what the network sees of each note: the sound at its harmonics and the notes around it.

A patch is 64 steps of 10 ms around the note's expected onset. Finer frames stand side by side as
channels, so the network runs at 100 steps per second and still sees 2.5 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .spectra import BANDS_FPS, LONG_FPS, LOWEST_ROW, N_BANDS, N_ROWS, SHORT_FPS, Spectra

N_STEPS = 64
CENTRE = 32  # the step of the expected onset
STEP_S = 1.0 / LONG_FPS
# Semitones of a tone's harmonics 1 to 8; beside them the neighbours of the first three, and an
# octave below, where a lower note would show.
HARMONICS = (0, 12, 19, 24, 28, 31, 34, 36)
LONG_ROWS = (*HARMONICS, -1, 1, 11, 13, 18, 20, -12)
# Harmonics 9, 10, 12, 14 and 16: where low notes are told apart and their rise is sharp.
UPPER_HARMONICS = (38, 40, 43, 46, 48)
CONTEXT_PITCHES = (-24, -19, -12, -2, -1, 0, 1, 2, 12, 19, 24)
PER_STEP_SHORT = SHORT_FPS // LONG_FPS
PER_STEP_BANDS = BANDS_FPS // LONG_FPS
GROUPS = {  # channels of each kind, in their order
    "long": len(LONG_ROWS),
    "short": len(HARMONICS) * PER_STEP_SHORT,
    "bands": N_BANDS * PER_STEP_BANDS,
    "context": len(CONTEXT_PITCHES) + 1,
    "long_upper": len(UPPER_HARMONICS),
    "short_upper": len(UPPER_HARMONICS) * PER_STEP_SHORT,
}
N_CHANNELS = sum(GROUPS.values())
N_SCALARS = 3  # pitch, velocity, the recording's level


@dataclass(frozen=True)
class Expected:
    """The notes as they are expected, sorted by onset.

    Attributes
    ----------
    onset_s, pitch, velocity : np.ndarray [shape=(n_notes,)]
    """

    onset_s: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray


def grid_steps(onset_s: np.ndarray) -> np.ndarray:
    """Return the step on which each note's patch is centred [dtype=int64]."""
    return np.rint(onset_s * LONG_FPS).astype(np.int64)


def make_patches(
    spectra: Spectra, notes: Expected, index: np.ndarray, reference: float, context: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the patches and scalars of some notes.

    Parameters
    ----------
    spectra
        Of the recording.
    notes
        All notes that may be heard near those asked for.
    index : np.ndarray [shape=(n,)]
        Rows of `notes`, ascending.
    reference
        `spectra.reference`, computed once.
    context
        False leaves the channels of the other notes at zero, for a network that does not see them.

    Returns
    -------
    patches : np.ndarray [shape=(n, 64, N_CHANNELS), dtype=uint8]
    scalars : np.ndarray [shape=(n, 3), dtype=float32]
    """
    centre = grid_steps(notes.onset_s[index])
    pitch = notes.pitch[index].astype(np.int64)
    steps = centre[:, None] + np.arange(-CENTRE, N_STEPS - CENTRE)
    row = pitch - LOWEST_ROW
    parts = [
        _rows(spectra.long, steps, row, LONG_ROWS, 1),
        _rows(spectra.short, steps, row, HARMONICS, PER_STEP_SHORT),
        _bands(spectra.bands, steps),
        _context(notes, centre, pitch)
        if context
        else np.zeros((*steps.shape, GROUPS["context"]), np.uint8),
        _rows(spectra.long, steps, row, UPPER_HARMONICS, 1),
        _rows(spectra.short, steps, row, UPPER_HARMONICS, PER_STEP_SHORT),
    ]
    patches = np.concatenate(parts, axis=2)
    scalars = np.stack(
        [pitch / 64.0 - 1.0, notes.velocity[index] / 64.0 - 1.0, np.full(len(index), reference)],
        axis=1,
    )
    return patches, scalars.astype(np.float32)


def _rows(
    levels: np.ndarray, steps: np.ndarray, row: np.ndarray, offsets: tuple[int, ...], per_step: int
) -> np.ndarray:
    """Gather rows of a spectrogram [shape=(n, 64, per_step * len(offsets))]; silence outside."""
    n_steps = len(levels) // per_step
    rows = np.clip(row[:, None] + np.array(offsets), 0, N_ROWS - 1)
    place = np.clip(steps, 0, n_steps - 1) * (per_step * N_ROWS)
    inner = (np.arange(per_step)[:, None] * N_ROWS + rows[:, None, :]).reshape(len(rows), -1)
    found = levels.ravel().take((place[:, :, None] + inner[:, None, :]).astype(np.int64))
    found[(steps < 0) | (steps >= n_steps)] = 0
    return found


def _bands(levels: np.ndarray, steps: np.ndarray) -> np.ndarray:
    by_step = levels.reshape(-1, PER_STEP_BANDS * N_BANDS)
    found = by_step.take(np.clip(steps, 0, len(by_step) - 1), axis=0)
    found[(steps < 0) | (steps >= len(by_step))] = 0
    return found


def _context(notes: Expected, centre: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Expected onsets at related pitches and, last, at all.

    An onset between two steps is shared out between them, so that its exact time is not lost.
    """
    steps = centre[:, None] + np.arange(-CENTRE, N_STEPS - CENTRE)
    # Only the steps that some patch shows: there may be hours between two notes.
    shown, place = np.unique(steps, return_inverse=True)
    begin, end = np.searchsorted(notes.onset_s, [(shown[0] - 1) * STEP_S, (shown[-1] + 1) * STEP_S])
    margin = max(CONTEXT_PITCHES)
    every = 128 + 2 * margin  # the column of all pitches
    roll = np.zeros((len(shown), every + 1), np.float32)
    time = notes.onset_s[begin:end] * LONG_FPS
    step = np.floor(time).astype(np.int64)
    later = time - step
    column = notes.pitch[begin:end].astype(np.int64) + margin
    for shift, weight in ((0, 1.0 - later), (1, later)):
        row = np.searchsorted(shown, step + shift).clip(max=len(shown) - 1)
        seen = shown[row] == step + shift
        np.add.at(roll, (row[seen], column[seen]), weight[seen])
        np.add.at(roll, (row[seen], every), 0.25 * weight[seen])
    roll = np.minimum(roll * 128.0, 255.0).astype(np.uint8)
    related = pitch[:, None] + margin + np.array(CONTEXT_PITCHES)
    columns = np.pad(related, ((0, 0), (0, 1)), constant_values=every)[:, None, :]
    return roll[place.reshape(steps.shape)[:, :, None], columns]


def patch_panels(spectra: Spectra, notes: pd.DataFrame, row: int) -> dict[str, np.ndarray]:
    """Return the three spectrograms of one note's patch, by name.

    Parameters
    ----------
    spectra
        Of the recording.
    notes
        The loose notes.
    row
        Place in `notes` of the note that is asked for.

    Returns
    -------
    dict of np.ndarray [shape=(n_rows, n_frames), dtype=uint8]
        ``long``, ``short`` and ``bands``, rows in the order of the patch (from the fundamental up).
    """
    order = np.lexsort((notes["pitch"], notes["onset_s"]))
    columns = (notes[name].to_numpy()[order] for name in ("onset_s", "pitch", "velocity"))
    index = np.flatnonzero(order == row)
    found, _ = make_patches(spectra, Expected(*columns), index, spectra.reference)
    ends = np.cumsum(list(GROUPS.values()))
    parts = dict(zip(GROUPS, np.split(found[0], ends[:-1], axis=1), strict=True))
    n_short, n_bands = (N_STEPS * per_step for per_step in (PER_STEP_SHORT, PER_STEP_BANDS))
    short = [parts[name].reshape(n_short, -1) for name in ("short", "short_upper")]
    return {
        "long": np.hstack([parts["long"], parts["long_upper"]]).T,
        "short": np.hstack(short).T,
        "bands": parts["bands"].reshape(n_bands, N_BANDS).T,
    }
