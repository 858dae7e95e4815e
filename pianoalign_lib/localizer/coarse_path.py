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
MOST_CELLS = 3000 * 3000  # of the slowest rate
REFINEMENT = 4  # from rate to rate, at most
BAND_FRAMES = 45  # of the slower rate, to each side of its path
CHANCE = 0.12  # similarity that a path through unrelated music reaches at the fastest rate
CHANCE_SLOW = 0.05  # the same at slower rates, where frames are less alike
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
    """Match the notes to the recording by their onsets, at rising frame rates.

    Only the slowest rate compares every frame with every frame; each faster one looks in a band
    around the path before (Salvador and Chan, FastDTW, 2007), so that time and memory grow with
    the length only.

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
    finest = round(fps / FASTEST_HZ)
    n_midi = (onset_s[-1] - onset_s[0]) * fps + 1
    path = None
    for step in _steps(n_midi * -(-len(levels) // HOP), finest):
        frame_s = step / fps
        audio, _ = _features(_audio_strength(levels, reference, step))
        midi, weight = _features(_note_strength(onset_s - onset_s[0], pitch, loudness, frame_s))
        first, width = _band(path, onset_s[0], len(midi), len(audio), frame_s)
        chance = CHANCE if step == finest else CHANCE_SLOW
        rows, columns = _local_path(midi, weight, audio, first, width, chance)
        if len(rows) < 2:
            return path
        midi_s = onset_s[0] + (rows + 0.5) * frame_s
        path = Path(midi_s, (columns + 0.5) * frame_s - 0.5 / fps, weight[rows])
    return path


def _steps(n_cells: float, finest: int) -> list[int]:
    """Return how many frames of onset strength make a frame of the path, level by level."""
    steps = [int(np.ceil(max(finest, np.sqrt(n_cells / MOST_CELLS))))]
    while steps[-1] > finest:
        steps.append(max(finest, -(-steps[-1] // REFINEMENT)))
    return steps


def _band(
    path: Path | None, first_s: float, n_rows: int, n_columns: int, frame_s: float
) -> tuple[np.ndarray, int]:
    """Return the first column of each row and their number, around the path of a slower rate."""
    width = 2 * BAND_FRAMES * REFINEMENT + 1
    if path is None or width >= n_columns:
        return np.zeros(n_rows, np.int64), n_columns
    midi_s = first_s + (np.arange(n_rows) + 0.5) * frame_s
    pace = (path.audio_s[-1] - path.audio_s[0]) / (path.midi_s[-1] - path.midi_s[0])
    inside_s = midi_s.clip(path.midi_s[0], path.midi_s[-1])
    audio_s = np.interp(inside_s, path.midi_s, path.audio_s) + pace * (midi_s - inside_s)
    first = np.rint(audio_s / frame_s).astype(np.int64) - width // 2
    return first.clip(0, n_columns - width), width


def _audio_strength(levels: np.ndarray, reference: float, step: int) -> np.ndarray:
    """Return sums of `step` frames of onset strength, a minute of sound at a time."""
    block = HOP * step * max(1, 6000 // (HOP * step))
    parts = []
    for start in range(0, len(levels), block):
        lead = HOP if start else 0
        part = levels[start - lead : start + block + HOP]
        n_frames = -(-min(block, len(levels) - start) // HOP)
        strength = onset_strength(part, HOP, HOP, reference)[lead // HOP :][:n_frames]
        starts = np.arange(0, n_frames, step)
        parts.append(np.add.reduceat(strength, starts, axis=0, dtype=np.float32))
    return np.concatenate(parts)


def _note_strength(onset_s, pitch, loudness, frame_s: float) -> np.ndarray:
    """Return what the onset strength of the notes should look like [shape=(n_frames, 99)]."""
    frame = (onset_s / frame_s).astype(np.int64)
    total = np.zeros((int(frame[-1]) + 1, N_ROWS), np.float32)
    for semitones, share in HARMONICS:
        row = pitch - LOWEST_ROW + semitones
        inside = row < N_ROWS
        np.add.at(total, (frame[inside], row[inside]), np.float32(share) * loudness[inside])
    return total


def _features(strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frames of unit length, and how much each says; `strength` is overwritten.

    Against its own row's mean and spread, so that what sounds all the time counts less.
    """
    strength -= strength.mean(axis=0)
    variance = np.einsum("ij,ij->j", strength, strength) / len(strength)
    strength /= np.sqrt(variance) + 0.3 * np.sqrt(variance.mean()) + 1e-9
    length = np.sqrt(np.einsum("ij,ij->i", strength, strength))
    strength /= np.maximum(length, 0.5 * np.median(length) + 1e-9)[:, None]
    return strength, length / (length.mean() + 1e-9)


def _local_path(
    midi: np.ndarray,
    weight: np.ndarray,
    audio: np.ndarray,
    first: np.ndarray,
    width: int,
    chance: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the matched frames of the path that gains most over `chance`.

    Row r is searched from column first[r] on. Steps are (1, 1), (1, 2) and (2, 1): a row depends
    on the two before it only, and is computed as a whole. Memory is a byte for each pair of frames
    in the band.
    """
    come_from = np.zeros((len(midi), width), np.uint8)
    # Three rows in turn, two columns to the left of the first; zero is where a path may begin.
    totals = np.zeros((3, len(audio) + 2), np.float32)
    gain_before = np.zeros(len(audio), np.float32)
    costs = np.float32(OFF_DIAGONAL) * weight
    best, end = np.float32(0.0), (0, int(first[0]))
    for start in range(0, len(midi), BLOCK):
        block = slice(start, start + BLOCK)
        low, high = int(first[block].min()), int(first[block].max()) + width
        gains = (midi[block] @ audio[low:high].T - np.float32(chance)) * weight[block, None]
        for row, block_gain in enumerate(gains, start):
            a = int(first[row])
            b = a + width
            gain, cost = block_gain[a - low : b - low], costs[row]
            total, before, last = (totals[(row - back) % 3] for back in (3, 2, 1))
            reached = _arrive(
                last[a + 1 : b + 1],
                last[a:b] - cost,
                before[a + 1 : b + 1] + gain_before[a:b] - cost,
                come_from[row],
            )
            stale = int(first[max(row - 3, 0)])
            total[stale : stale + width + 2] = 0.0
            total[a + 2 : b + 2] = reached + gain
            gain_before[a:b] = gain
            column = a + int(total[a + 2 : b + 2].argmax())
            if total[column + 2] > best:
                best, end = total[column + 2], (row, column)
    return _trace(come_from, first, *end)


def _arrive(
    diagonal: np.ndarray, wide: np.ndarray, tall: np.ndarray, origin: np.ndarray
) -> np.ndarray:
    """Return the best total on arrival, at least 0 (a path begins), and write the step taken."""
    reached = np.maximum(diagonal, wide)
    np.add(wide > diagonal, np.uint8(1), out=origin, casting="unsafe")
    np.maximum(origin, (tall > reached) * np.uint8(3), out=origin)
    reached = np.maximum(reached, tall)
    origin *= reached > 0
    return np.maximum(reached, 0.0)


def _trace(
    come_from: np.ndarray, first: np.ndarray, row: int, column: int
) -> tuple[np.ndarray, np.ndarray]:
    path = [(row, column)]
    # Totals outside a row's band are zero, so a path that comes from there began there.
    while step := int(come_from[row, column - first[row]]):
        row -= 2 if step == 3 else 1
        column -= 2 if step == 2 else 1
        if not 0 <= column - first[row] < come_from.shape[1]:
            break
        path.append((row, column))
    rows, columns = np.array(path[::-1]).T
    return rows, columns
