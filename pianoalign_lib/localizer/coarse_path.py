"""Where in a recording the notes of a MIDI file are, roughly: dynamic time warping of onsets.

Both sides become onset strengths in 99 semitone rows at a few frames per second. The path may begin
and end anywhere in either (local alignment after Smith and Waterman, 1981), so that silence,
applause or bars that only one of them has stay outside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .spectra import LONG_FPS, LOWEST_ROW, N_ROWS, STEPS_PER_DB

HARMONICS = ((0, 1.0), (12, 0.6), (19, 0.4))  # semitones above the note, and weight
QUIET_DB = 55.0  # below the recording's level; what is softer is taken for noise
LOUD_RISE_DB = 20.0  # a greater rise counts no more
HOP = 5  # spectral frames per frame of onset strength
FASTEST_HZ = 5.0  # frames per second of the path; faster brings nothing if notes are off by 0.1 s
MOST_CELLS = 3000 * 3000
CHANCE = 0.12  # similarity that a path through unrelated music reaches
OFF_DIAGONAL = 0.1  # cost of a step at half or double pace
BLOCK = 256  # rows of the similarity matrix in memory at a time


@dataclass(frozen=True)
class Path:
    """The matched frames of both sides.

    Attributes
    ----------
    midi_s, audio_s : np.ndarray [shape=(n,)]
        Times of the matched frames; both rise, by no more than two frames a step.
    weight : np.ndarray [shape=(n,)]
        How much each says: large where many notes begin, next to zero in rests.
    """

    midi_s: np.ndarray
    audio_s: np.ndarray
    weight: np.ndarray


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


def find_path(
    levels: np.ndarray,
    reference: float,
    onset_s: np.ndarray,
    pitch: np.ndarray,
    loudness: np.ndarray,
) -> Path | None:
    """Match the notes to the recording by their onsets.

    Parameters
    ----------
    levels : np.ndarray [shape=(n, 99), dtype=uint8]
        `long` of the spectra.
    reference
        The recording's level, in bytes.
    onset_s, pitch, loudness : np.ndarray [shape=(n_notes,)]
        The notes in the order of their onsets; loudness is their weight.

    Returns
    -------
    Path or None
        None if nothing fits.
    """
    fps = LONG_FPS / HOP
    first_s, length_s = onset_s[0], onset_s[-1] - onset_s[0]
    strength = onset_strength(levels, HOP, HOP, reference)
    n_cells = (length_s * fps + 1) * len(strength)
    step = int(np.ceil(max(fps / FASTEST_HZ, np.sqrt(n_cells / MOST_CELLS))))
    frame_s = step / fps
    starts = np.arange(0, len(strength), step)
    audio, _ = _features(np.add.reduceat(strength, starts, axis=0, dtype=np.float32))
    midi, weight = _features(_note_strength(onset_s - first_s, pitch, loudness, frame_s))
    rows, columns = _local_path(midi, weight, audio)
    if len(rows) < 2:
        return None
    return Path(
        first_s + (rows + 0.5) * frame_s, (columns + 0.5) * frame_s - 0.5 / fps, weight[rows]
    )


def _note_strength(onset_s, pitch, loudness, frame_s: float) -> np.ndarray:
    """Return what the onset strength of the notes should look like [shape=(n_frames, 99)]."""
    frame = (onset_s / frame_s).astype(np.int64)
    n_frames = int(frame[-1]) + 1
    total = np.zeros((n_frames + 1) * N_ROWS, np.float32)
    for semitones, share in HARMONICS:
        row = pitch - LOWEST_ROW + semitones
        cell = np.where(row < N_ROWS, frame * N_ROWS + row, n_frames * N_ROWS)
        total += np.bincount(cell, share * loudness, len(total)).astype(np.float32)
    return total.reshape(-1, N_ROWS)[:-1]


def _features(strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frames of unit length, and how much each says.

    Against its own row's mean and spread, so that what sounds all the time counts less.
    """
    spread = strength.std(axis=0)
    frames = (strength - strength.mean(axis=0)) / (spread + 0.3 * strength.std() + 1e-9)
    length = np.sqrt(np.square(frames).sum(axis=1))
    frames /= np.maximum(length, 0.5 * np.median(length) + 1e-9)[:, None]
    return frames, length / (length.mean() + 1e-9)


def _local_path(midi, weight, audio) -> tuple[np.ndarray, np.ndarray]:
    """Return the matched frames of the path that gains most over chance.

    Steps are (1, 1), (1, 2) and (2, 1): a row depends on the two before it only, and is computed as
    a whole. Memory is a byte for each pair of frames.
    """
    n, m = len(midi), len(audio)
    come_from = np.zeros((n, m), np.uint8)
    last, before, gain_before = (np.zeros(m, np.float32) for _ in range(3))
    best, end = 0.0, (0, 0)
    for start in range(0, n, BLOCK):
        block = slice(start, start + BLOCK)
        gains = (midi[block] @ audio.T - np.float32(CHANCE)) * weight[block, None]
        for row, gain in enumerate(gains, start):
            total, origin = np.zeros(m, np.float32), come_from[row]
            cost = OFF_DIAGONAL * weight[row]
            _keep_larger(total[1:], origin[1:], last[:-1], 1)
            _keep_larger(total[2:], origin[2:], last[:-2] - cost, 2)
            _keep_larger(total[1:], origin[1:], before[:-1] + gain_before[1:] - cost, 3)
            total += gain
            before, last, gain_before = last, total, gain
            column = int(total.argmax())
            if total[column] > best:
                best, end = float(total[column]), (row, column)
    return _trace(come_from, *end)


def _keep_larger(total, origin, candidate, step: int) -> None:
    better = candidate > total
    np.copyto(total, candidate, where=better)
    np.copyto(origin, np.uint8(step), where=better)


def _trace(come_from: np.ndarray, row: int, column: int) -> tuple[np.ndarray, np.ndarray]:
    path = [(row, column)]
    while step := int(come_from[row, column]):
        row -= 2 if step == 3 else 1
        column -= 2 if step == 2 else 1
        path.append((row, column))
    rows, columns = np.array(path[::-1]).T
    return rows, columns
