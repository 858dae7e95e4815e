"""A recording, the MIDI a user might bring for it, and what is true of each of its notes.

A case starts as a recording with its true notes. Each function here returns a new case that is one
step further from it: the audio spliced, or the MIDI's times or notes changed; the truth follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ...io.audio import SAMPLE_RATE

FADE_S = 0.02  # of the cross-fade where audio is spliced
BEFORE_ONSET_S = 0.05  # how long before the next onset audio is spliced, if the rest is long enough
ROOM_TONE = 1e-4  # level of an inserted pause


@dataclass(frozen=True)
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
    def played_s(self) -> np.ndarray:
        """First true time of each note by the first reading, NaN if it was not played."""
        return np.fmin.reduce(self.truths[0], axis=1)

    def exact(self) -> Case:
        """Return the case with only the notes that were played, at their true times."""
        onset_s = self.played_s
        length_s = self.notes["offset_s"] - self.notes["onset_s"]
        notes = self.notes.assign(onset_s=onset_s, offset_s=onset_s + length_s)
        return _sorted(replace(self, notes=notes), ~np.isnan(onset_s))


def case(audio: np.ndarray, notes: pd.DataFrame, true_s: np.ndarray | None = None) -> Case:
    """Return the case that a recording and its notes are, given exactly unless `true_s` differs."""
    true_s = notes["onset_s"].to_numpy() if true_s is None else true_s
    return Case(audio, notes, (true_s[:, None],))


# --- The MIDI ------------------------------------------------------------------------------------
def retime(given: Case, warp: Callable[[np.ndarray], np.ndarray]) -> Case:
    """Return the case with the MIDI's times changed by a rising function."""
    onset_s, offset_s = (warp(given.notes[name].to_numpy()) for name in ("onset_s", "offset_s"))
    offset_s = np.maximum(offset_s, onset_s + 1e-3)
    return replace(given, notes=given.notes.assign(onset_s=onset_s, offset_s=offset_s))


def pause_in_midi(given: Case, place_s: float, pause_s: float) -> Case:
    """Return the case with all notes from a place on later; none sounds into the pause."""
    onset_s, offset_s = given.notes["onset_s"], given.notes["offset_s"]
    later = onset_s >= place_s
    notes = given.notes.assign(
        onset_s=onset_s + pause_s * later,
        offset_s=np.where(later, offset_s + pause_s, np.minimum(offset_s, place_s)),
    )
    return replace(given, notes=notes)


def part_of_midi(given: Case, start_s: float, end_s: float, *, without: bool = False) -> Case:
    """Return the case with a part of the MIDI only, or without that part, closed up."""
    inside = given.notes["onset_s"].between(start_s, end_s, inclusive="left").to_numpy()
    chosen = _sorted(given, inside ^ without)
    if without:
        return pause_in_midi(chosen, start_s, start_s - end_s)
    return pause_in_midi(chosen, 0.0, -start_s)


def repeat_in_midi(given: Case, start_s: float, end_s: float) -> Case:
    """Return the case with a passage twice in the MIDI, of which one was not played."""
    inside = given.notes["onset_s"].between(start_s, end_s, inclusive="left").to_numpy()
    length_s = end_s - start_s
    first = pause_in_midi(given, end_s, length_s)
    second = retime(first, lambda time_s: time_s + length_s).notes[inside]
    (true_s,) = given.truths
    silent = np.full_like(true_s, np.nan)
    readings = (
        np.concatenate([true_s, silent[inside]]),
        np.concatenate([np.where(inside[:, None], silent, true_s), true_s[inside]]),
    )
    notes = pd.concat([first.notes, second], ignore_index=True)
    return _sorted(Case(given.audio, notes, readings), np.ones(len(notes), bool))


def doubled(given: Case, chosen: np.ndarray, later_s: float) -> Case:
    """Return the case with some notes once more in a second track, a little later."""
    twice = given.notes[chosen].assign(track=1)
    twice = twice.assign(onset_s=twice["onset_s"] + later_s, offset_s=twice["offset_s"] + later_s)
    notes = pd.concat([given.notes.assign(track=0), twice], ignore_index=True)
    truths = tuple(np.concatenate([true_s, true_s[chosen]]) for true_s in given.truths)
    return _sorted(Case(given.audio, notes, truths), np.ones(len(notes), bool))


def transposed(given: Case, semitones: int) -> Case:
    """Return the case with the MIDI written some semitones higher, without what leaves the keys."""
    pitch = given.notes["pitch"] + semitones
    moved = replace(given, notes=given.notes.assign(pitch=pitch))
    return _sorted(moved, pitch.between(21, 108).to_numpy())


# --- The recording -------------------------------------------------------------------------------
def splice(
    given: Case, pieces: Sequence[tuple[float, float] | float], rng: np.random.Generator
) -> Case:
    """Return the case with other audio: pieces of the recording (start, end), and pauses, joined.

    A passage may occur twice, or not at all. A pause is noise far below the music; so is the sound
    that fades in or out beside one.
    """
    fade = round(FADE_S * SAMPLE_RATE)
    ramp = np.linspace(0.0, 1.0, 2 * fade, dtype=np.float32)
    quiet = ROOM_TONE * float(np.abs(given.audio).max())
    padded = np.pad(given.audio, fade)
    ends, columns, total = [], [], 0
    for piece in pieces:
        if isinstance(piece, tuple):
            first, last = (round(edge * SAMPLE_RATE) for edge in piece)
            last = min(last, len(given.audio))
            sound = padded[first : last + 2 * fade].copy()  # with a fade's length on both sides
            for true_s in given.truths:
                inside = (true_s >= first / SAMPLE_RATE) & (true_s < last / SAMPLE_RATE)
                columns.append(np.where(inside, true_s + (total - first) / SAMPLE_RATE, np.nan))
        else:
            length = round(piece * SAMPLE_RATE) + 2 * fade
            sound = (quiet * rng.standard_normal(length)).astype(np.float32)
        sound[: 2 * fade] *= ramp
        sound[-2 * fade :] *= ramp[::-1]
        ends.append((total, sound))
        total += len(sound) - 2 * fade
    audio = np.zeros(total + 2 * fade, np.float32)
    for start, sound in ends:
        audio[start : start + len(sound)] += sound
    n = len(given.truths)
    truths = tuple(np.concatenate(columns[reading::n], axis=1) for reading in range(n))
    return Case(audio[fade : fade + total], given.notes, truths)


def tuned(given: Case, ratio: float) -> Case:
    """Return the case with the recording played faster and higher (`ratio` above 1), or lower."""
    from fractions import Fraction

    from scipy.signal import resample_poly

    exact = Fraction(ratio).limit_denominator(500)
    audio = resample_poly(given.audio, exact.denominator, exact.numerator).astype(np.float32)
    return replace(given, audio=audio, truths=tuple(t / float(exact) for t in given.truths))


def quiet_place(given: Case, near_s: float, within_s: float = 4.0) -> float:
    """Return where to splice: in the longest time without an onset near a time, late in it."""
    true_s = np.unique(given.played_s[~np.isnan(given.played_s)])
    gap_s = np.diff(true_s)
    near = np.abs(true_s[1:] - near_s) <= within_s
    if not near.any():
        return near_s
    index = np.flatnonzero(near)[np.argmax(gap_s[near])]
    return float(true_s[index + 1] - min(BEFORE_ONSET_S, gap_s[index] / 2))


def _sorted(given: Case, chosen: np.ndarray) -> Case:
    """Return the case with some of its notes, in the order of onset and pitch, with new ids."""
    rows = np.flatnonzero(chosen)
    notes = given.notes.iloc[rows]
    order = np.lexsort((notes["pitch"], notes["onset_s"]))
    notes = notes.iloc[order].reset_index(drop=True)
    notes["note_id"] = np.arange(len(notes))
    return replace(given, notes=notes, truths=tuple(true[rows[order]] for true in given.truths))
