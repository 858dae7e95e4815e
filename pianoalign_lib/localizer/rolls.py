"""What the notes of a MIDI file and a recording have in common: onsets and held pitches, in rows.

Both sides become two matrices of 99 semitone rows at some frame rate: by how much each row rises,
and how loud it is. A frame of the one is compared with a frame of the other by its direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .spectra import LONG_FPS, LOWEST_ROW, N_ROWS, STEPS_PER_DB

HARMONICS = ((0, 1.0), (12, 0.6), (19, 0.4))  # semitones above the note, and weight
QUIET_DB = 55.0  # below the recording's level; what is softer is taken for noise
LOUD_RISE_DB = 20.0  # a greater rise counts no more
HELD_DB = 40.0  # below the recording's level; what is softer is not held
HOP = 2  # spectral frames per frame of onset strength
APART = 4  # spectral frames to each side of a rise
CHANCE_RISE = 0.08  # similarity of onsets that do not belong together
HELD = 0.25, 0.15  # what held pitches count beside the onsets, and their similarity by chance
SLOW_HELD = 1.0, 0.05  # the same where a frame has so many onsets that they say little
BLOCK_S = 60.0  # of the recording at a time


@dataclass(frozen=True)
class Rolls:
    """Frames of unit length.

    Attributes
    ----------
    rise, held : np.ndarray [shape=(n_frames, 99), dtype=float32]
    weight : np.ndarray [shape=(n_frames,), dtype=float32]
        How much each frame's onsets say; 1 on average.
    """

    rise: np.ndarray
    held: np.ndarray
    weight: np.ndarray

    def gains(
        self, first: int, stop: int, score: Rolls, low: int, high: int, is_slow: bool = False
    ) -> np.ndarray:
        """Return what frames of this recording gain at frames of a score, above chance.

        Where frames are long (`is_slow`), the held pitches say more than the onsets.

        Returns
        -------
        np.ndarray [shape=(stop - first, high - low), dtype=float32]
        """
        gains = self.rise[first:stop] @ score.rise[low:high].T
        gains -= np.float32(CHANCE_RISE)
        gains *= self.weight[first:stop, None]
        held = self.held[first:stop] @ score.held[low:high].T
        share, chance = SLOW_HELD if is_slow else HELD
        held -= np.float32(chance)
        held *= np.float32(share)
        gains += held
        return gains

    def moved(self, semitones: int) -> Rolls:
        """Return the rolls with each row where the one so many semitones above it was."""
        rows = np.clip(np.arange(N_ROWS) + semitones, 0, N_ROWS - 1)
        return Rolls(self.rise[:, rows], self.held[:, rows], self.weight)


def onset_strength(levels: np.ndarray, hop: int, apart: int, reference: float) -> np.ndarray:
    """Return by how much each row rises around every `hop`-th frame.

    Parameters
    ----------
    levels : np.ndarray [shape=(n, 99), dtype=uint8]
        Levels of :class:`pianoalign_lib.localizer.spectra.Spectra`.
    hop
        Frames from one result to the next.
    apart
        The rise is from `apart` frames before to `apart` frames after.
    reference
        The recording's level, in the bytes of `levels`.

    Returns
    -------
    np.ndarray [shape=(ceil(n / hop), 99), dtype=uint8]
    """
    floor = np.uint8(max(reference - QUIET_DB * STEPS_PER_DB, 0))
    centre = np.arange(0, len(levels), hop)
    before = np.maximum(levels[np.maximum(centre - apart, 0)], floor)
    after = np.maximum(levels[np.minimum(centre + apart, len(levels) - 1)], before)
    return np.minimum(after - before, np.uint8(LOUD_RISE_DB * STEPS_PER_DB))


def recording_rolls(levels: np.ndarray, reference: float, frames: int) -> Rolls:
    """Return the rolls of a recording, a minute at a time.

    Parameters
    ----------
    levels : np.ndarray [shape=(n, 99), dtype=uint8]
        `long` of the spectra.
    reference
        The recording's level, in bytes.
    frames
        Spectral frames (10 ms) per frame of the rolls; a multiple of `HOP`.
    """
    quiet = np.uint8(max(reference - HELD_DB * STEPS_PER_DB, 0))
    block = frames * max(1, round(BLOCK_S * LONG_FPS) // frames)
    rise, held = (np.empty((-(-len(levels) // frames), N_ROWS), np.float32) for _ in range(2))
    for start in range(0, len(levels), block):
        lead = min(start, HOP * APART)
        part = levels[start - lead : start + block + APART]
        n = min(block, len(levels) - start)
        strength = onset_strength(part, HOP, APART, reference)[lead // HOP :][: -(-n // HOP)]
        inside = part[lead : lead + n : HOP]
        done = slice(start // frames, -(-(start + n) // frames))
        rise[done] = _sums(strength, frames // HOP)
        held[done] = _sums(np.maximum(inside, quiet) - quiet, frames // HOP)
    return _rolls(rise, held)


def _sums(values: np.ndarray, together: int) -> np.ndarray:
    starts = np.arange(0, len(values), together)
    return np.add.reduceat(values, starts, axis=0, dtype=np.float32)


def score_rolls(
    onset_s: np.ndarray,
    offset_s: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    frame_s: float,
) -> Rolls:
    """Return what a recording of the notes should look like, from time 0 to the last onset."""
    n_frames = int(onset_s[-1] / frame_s) + 1
    begin = (onset_s / frame_s).astype(np.int64)
    end = np.clip((offset_s / frame_s).astype(np.int64), begin + 1, n_frames)
    loudness = np.sqrt(velocity / 64.0).astype(np.float32)
    rise = np.zeros((n_frames, N_ROWS), np.float32)
    held = np.zeros((n_frames + 1, N_ROWS), np.float32)
    for semitones, share in HARMONICS:
        row = pitch - LOWEST_ROW + semitones
        inside = row < N_ROWS
        strength = np.float32(share) * loudness[inside]
        np.add.at(rise, (begin[inside], row[inside]), strength)
        np.add.at(held, (begin[inside], row[inside]), strength)
        np.add.at(held, (end[inside], row[inside]), -strength)
    np.cumsum(held, axis=0, out=held)
    return _rolls(rise, held[:-1])


def _rolls(rise: np.ndarray, held: np.ndarray) -> Rolls:
    """Return the directions of both; silence has none, so that it fits nothing."""
    silent = held.sum(axis=1) <= 0.5
    rise, weight = _directions(rise)
    held, _ = _directions(held)
    rise[silent] = held[silent] = 0.0
    return Rolls(rise, held, weight)


def _directions(strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frames of unit length, and how much each says; `strength` is overwritten.

    Against its own row's mean and spread, so that what sounds all the time counts less.
    """
    strength -= strength.mean(axis=0)
    variance = np.einsum("ij,ij->j", strength, strength) / len(strength)
    strength /= np.sqrt(variance) + 0.3 * np.sqrt(variance.mean()) + 1e-9
    length = np.sqrt(np.einsum("ij,ij->i", strength, strength))
    strength /= np.maximum(length, 0.5 * np.median(length) + 1e-9)[:, None]
    return strength, length / (length.mean() + 1e-9)
