"""A recording, the MIDI a user might bring for it, and what is true of each of its notes.

A case starts as a recording with its notes; each function returns one that is a step further from
it: the audio or the MIDI put together anew, or the MIDI's times changed. The truth follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pianoalign_lib.io.audio import SAMPLE_RATE

FADE_S = 0.02  # of the cross-fades where audio is spliced
BEFORE_ONSET_S = 0.05  # how long before the next onset it is spliced, if the rest is long enough
ROOM_TONE = 1e-4  # level of the noise in an inserted pause, over the recording's peak
Piece = tuple[float, float] | float  # start and end of a passage, or a pause, in seconds


@dataclass(frozen=True, eq=False)
class Case:
    """A recording and the notes of a MIDI file for it.

    Attributes
    ----------
    audio : np.ndarray [shape=(n_samples,), dtype=float32]
        Mono, 16 kHz.
    notes : pd.DataFrame
        Note table as given; ``track`` where it has two.
    truths : tuple of np.ndarray [shape=(n_notes, n_passes)]
        When each note sounds: each time counts as right, NaN is none. Several readings where each
        is as right as the other (which of two equal passages of the MIDI was the one played?).
    """

    audio: np.ndarray
    notes: pd.DataFrame
    truths: tuple[np.ndarray, ...]

    @property
    def duration_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE

    @property
    def played_s(self) -> np.ndarray:
        """First true time of each note by the first reading, NaN if it was not played."""
        return np.fmin.reduce(self.truths[0], axis=1)

    def exact(self) -> Case:
        """Return the case with only the notes that were played, at their true times."""
        true_s = self.played_s
        return retimed(self, true_s, self.notes["offset_s"] - self.notes["onset_s"] + true_s).take(
            np.flatnonzero(~np.isnan(true_s))
        )

    def take(self, rows: np.ndarray) -> Case:
        """Return the case with these notes, sorted anew, with new ids."""
        notes = self.notes.iloc[rows]
        rows = rows[np.lexsort((notes["pitch"], notes["onset_s"]))]
        notes = self.notes.iloc[rows].assign(note_id=np.arange(len(rows))).reset_index(drop=True)
        return Case(self.audio, notes, tuple(true_s[rows] for true_s in self.truths))


def retimed(given: Case, onset_s: np.ndarray, offset_s: np.ndarray) -> Case:
    """Return the case with other times of the MIDI's notes, in their order."""
    notes = given.notes.assign(onset_s=onset_s, offset_s=np.maximum(offset_s, onset_s + 1e-3))
    return replace(given, notes=notes)


def warped(given: Case, warp: Callable[[np.ndarray], np.ndarray]) -> Case:
    """Return the case with the MIDI's times changed by a rising function."""
    return retimed(given, *(warp(given.notes[name].to_numpy()) for name in ("onset_s", "offset_s")))


def spliced_midi(given: Case, *pieces: Piece) -> Case:
    """Return the case with a MIDI of passages and pauses; no note sounds beyond its passage.

    Of a passage that occurs twice, one was not played: either reading is right.
    """
    onset_s, offset_s = (given.notes[name].to_numpy() for name in ("onset_s", "offset_s"))
    rows, shift_s, end_s, total_s = [], [], [], 0.0
    for piece in pieces:
        first_s, last_s = piece if isinstance(piece, tuple) else (0.0, 0.0)
        rows.append(np.flatnonzero((onset_s >= first_s) & (onset_s < last_s)))
        shift_s.append(np.full(len(rows[-1]), total_s - first_s))
        end_s.append(np.full(len(rows[-1]), last_s))
        total_s += last_s - first_s if isinstance(piece, tuple) else piece
    row, shift, end = (np.concatenate(parts) for parts in (rows, shift_s, end_s))
    order = pd.Series(row)
    silent = [order.duplicated(keep="first").to_numpy(), order.duplicated(keep="last").to_numpy()]
    truths = tuple(
        np.where(copies[:, None], np.nan, true_s[row])
        for true_s in given.truths
        for copies in silent[: 1 + silent[0].any()]  # without a copy there is one reading
    )
    built = Case(given.audio, given.notes.iloc[row], truths)
    offset = np.minimum(offset_s[row], end)
    return retimed(built, onset_s[row] + shift, offset + shift).take(np.arange(len(row)))


def spliced_audio(
    given: Case, rng: np.random.Generator, *pieces: Piece, level: float = ROOM_TONE
) -> Case:
    """Return the case with a recording of passages and pauses, cross-faded.

    A passage may occur twice, or not at all. A pause is noise of a level over the peak.
    """
    fade = round(FADE_S * SAMPLE_RATE)
    ramp = np.linspace(0.0, 1.0, 2 * fade, dtype=np.float32)
    padded = np.pad(given.audio, fade)
    sounds: list[np.ndarray] = []
    passes: list[list[np.ndarray]] = [[] for _ in given.truths]
    total = 0
    for piece in pieces:
        if isinstance(piece, tuple):
            first, last = (round(min(edge_s, given.duration_s) * SAMPLE_RATE) for edge_s in piece)
            sound = padded[first : last + 2 * fade].copy()  # and a fade's length on both sides
            for columns, true_s in zip(passes, given.truths, strict=True):
                inside = (true_s >= first / SAMPLE_RATE) & (true_s < last / SAMPLE_RATE)
                columns.append(np.where(inside, true_s + (total - first) / SAMPLE_RATE, np.nan))
        else:
            noise = rng.standard_normal(round(piece * SAMPLE_RATE) + 2 * fade)
            sound = (level * np.abs(given.audio).max() * noise).astype(np.float32)
        sound[: 2 * fade] *= ramp
        sound[-2 * fade :] *= ramp[::-1]
        sounds.append(sound)
        total += len(sound) - 2 * fade
    audio, at = np.zeros(total + 2 * fade, np.float32), 0
    for sound in sounds:
        audio[at : at + len(sound)] += sound
        at += len(sound) - 2 * fade
    truths = tuple(np.concatenate(columns, axis=1) for columns in passes)
    return Case(audio[fade : fade + total], given.notes, truths)


def quiet_place(given: Case, near_s: float, within_s: float = 4.0) -> float:
    """Return where to splice: late in the longest time without an onset near a time."""
    true_s = np.unique(given.played_s[~np.isnan(given.played_s)])
    gap_s = np.diff(true_s)
    near = np.flatnonzero(np.abs(true_s[1:] - near_s) <= within_s)
    if not len(near):
        return near_s
    index = near[np.argmax(gap_s[near])]
    return float(true_s[index + 1] - min(BEFORE_ONSET_S, gap_s[index] / 2))
