"""A pianist's notes, reduced to what another instrument can play.

Left out, since a note table has no place for them: bends, slides, hammer-ons and pull-offs,
harmonics, vibrato, slurs under one bow. What remains is each note plucked or bowed anew.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pianoalign_lib.io.notes import note_table

CHORD_S = 0.030  # onsets closer than this to the one before are struck together
OPEN_STRINGS = (40, 45, 50, 55, 59, 64)  # E2 A2 D3 G3 B3 E4
FRETS, SPAN = 19, 4  # frets of a string (up to B5); how many a hand reaches beyond its first
STRUM_S = (0.005, 0.040)  # between two strings of a chord
UPWARDS = 0.3  # share of chords strummed from the highest string on
PLUCK_S = 0.050  # no string is plucked, and no chord begun, sooner after the last
BOWED = {"violin": (55, 100), "viola": (48, 88), "cello": (36, 81)}  # lowest and highest pitch
BOW_S = 0.090  # no bow changes sooner
DOUBLE_STOPS = 0.2  # share of chords of which two notes are played, at most an octave apart
HARP, HARP_FINGERS = (24, 103), 8  # C1 to G7; four fingers of each hand
HARPSICHORD, HARPSICHORD_VELOCITY = (29, 89), 80  # F1 to F6; a quill knows no loud and soft
LEAST_S = 0.030  # of a note


def playable(notes: pd.DataFrame, instrument: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return a note table that `instrument` can play.

    Parameters
    ----------
    notes
        Note table of a pianist, with the end of each note's sound (under the pedal) in
        ``sound_end_s``.
    instrument
        ``guitar``, ``harp``, ``harpsichord``, ``violin``, ``viola`` or ``cello``.
    rng
        The only source of randomness.

    Returns
    -------
    DataFrame
        With ``offset_s`` where the sound ends.
    """
    if instrument == "guitar":
        return _guitar(notes, rng)
    if instrument in BOWED:
        return _bowed(notes, instrument, rng)
    if instrument == "harp":
        kept = pd.concat([_outermost(chord, HARP_FINGERS) for chord in chords(notes)])
        kept = kept.assign(offset_s=kept["sound_end_s"])
        return _table(kept[kept["pitch"].between(*HARP)])
    kept = notes[notes["pitch"].between(*HARPSICHORD)]
    return _table(kept.assign(velocity=HARPSICHORD_VELOCITY))  # it has no pedal


def chords(notes: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the notes that are struck together, in the order of time."""
    notes = notes.sort_values(["onset_s", "pitch"], kind="stable")
    number = np.cumsum(np.diff(notes["onset_s"], prepend=-np.inf) > CHORD_S)
    for _, chord in notes.groupby(number):
        yield chord


def folded(pitch: np.ndarray, lowest: int, highest: int) -> np.ndarray:
    """Return pitches moved by octaves into a range of at least one."""
    up = -(-np.maximum(lowest - pitch, 0) // 12)
    down = -(-np.maximum(pitch - highest, 0) // 12)
    return pitch + 12 * (up - down)


def fingering(pitch: list[int], busy_s: list[float], hand: int) -> tuple[dict[int, int], int]:
    """Put the notes of a chord on strings, one each, and return which, and the hand's first fret.

    Parameters
    ----------
    pitch
        In the order of importance: what finds no string is left out.
    busy_s
        Until when each string sounds; one that is free is preferred.
    hand
        First fret of the hand before; of equally good places the nearest is taken.

    Returns
    -------
    strings : dict
        String (0 is the lowest) by place in `pitch`.
    hand : int
    """
    best: tuple[int, int, dict[int, int], int] = (-1, 0, {}, hand)
    for first in range(FRETS - SPAN + 1):
        strings: dict[int, int] = {}
        for place, note in enumerate(pitch):
            reached = [
                string
                for string, lowest in enumerate(OPEN_STRINGS)
                if string not in strings.values()
                and (note == lowest or max(first, 1) <= note - lowest <= first + SPAN)
            ]
            if reached:
                strings[place] = min(reached, key=lambda string: busy_s[string])
        found = (len(strings), -abs(first - hand), strings, first)
        if found[:2] > best[:2]:
            best = found
    return best[2], best[3]


def _guitar(notes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Six strings, one note at a time on each; chords are strummed."""
    rows: list[tuple[int, int, float, float, int]] = []  # pitch, velocity, onset, end, string
    busy_s, struck_s, hand, free_s = [-np.inf] * 6, [-np.inf] * 6, 2, -np.inf
    groups = list(chords(notes))
    starts_s = [float(chord["onset_s"].iloc[0]) for chord in groups]
    for chord, start_s, next_s in zip(groups, starts_s, [*starts_s[1:], np.inf], strict=True):
        if start_s < free_s:
            continue
        chord = chord.assign(pitch=folded(chord["pitch"].to_numpy(), 40, 64 + FRETS))
        chord = _by_importance(chord.drop_duplicates("pitch"))
        gap_s, upwards = rng.uniform(*STRUM_S), rng.uniform() < UPWARDS
        count = 1 + int((min(next_s - start_s, 1.0) - PLUCK_S) // gap_s)  # all before the next
        strings, hand = fingering(chord["pitch"].tolist(), busy_s, hand)
        order = sorted(strings, key=lambda place: strings[place], reverse=upwards)
        order = [it for it in order if start_s - struck_s[strings[it]] >= PLUCK_S][: max(count, 1)]
        for turn, place in enumerate(order):
            note, string, onset_s = chord.iloc[place], strings[place], start_s + turn * gap_s
            end_s = max(float(note["sound_end_s"]), onset_s + LEAST_S)
            rows.append((int(note["pitch"]), int(note["velocity"]), onset_s, end_s, string))
            busy_s[string], struck_s[string], free_s = end_s, onset_s, onset_s + PLUCK_S
    table = pd.DataFrame(rows, columns=["pitch", "velocity", "onset_s", "offset_s", "string"])
    until_s = table.groupby("string")["onset_s"].shift(-1).fillna(np.inf)
    return _table(table.assign(offset_s=np.minimum(table["offset_s"], until_s)))


def _bowed(notes: pd.DataFrame, instrument: str, rng: np.random.Generator) -> pd.DataFrame:
    """One line, the lowest notes for a cello, else the highest; now and then a double stop."""
    lowest, highest = BOWED[instrument]
    kept, free_s = [], -np.inf
    for chord in chords(notes):
        start_s = float(chord["onset_s"].iloc[0])
        if start_s < free_s:
            continue
        chord = chord.sort_values("pitch", ascending=instrument == "cello")
        both = len(chord) > 1 and rng.uniform() < DOUBLE_STOPS
        chord = chord.iloc[: 1 + both].assign(onset_s=start_s)
        chord = chord.assign(pitch=folded(chord["pitch"].to_numpy(), lowest, highest))
        chord = chord.drop_duplicates("pitch")
        if both and np.ptp(chord["pitch"]) > 12:
            chord = chord.iloc[:1]
        kept.append(chord)
        free_s = start_s + BOW_S
    table = pd.concat(kept)
    starts_s = np.unique(table["onset_s"])
    after = np.searchsorted(starts_s, table["onset_s"], side="right")
    next_s = np.append(starts_s, np.inf)[after]
    return _table(table.assign(offset_s=np.minimum(table["sound_end_s"], next_s)))


def _by_importance(chord: pd.DataFrame) -> pd.DataFrame:
    """Return the highest note first, then the lowest, then the others by loudness."""
    chord = chord.sort_values("pitch", ascending=False)
    inner = chord.iloc[1:-1].sort_values("velocity", ascending=False, kind="stable")
    return pd.concat([chord.iloc[:1], chord.iloc[1:][-1:], inner])


def _outermost(chord: pd.DataFrame, count: int) -> pd.DataFrame:
    return _by_importance(chord).iloc[:count]


def _table(notes: pd.DataFrame) -> pd.DataFrame:
    """Return the note table; a pitch that sounds ends where it is played again."""
    end_s = np.maximum(notes["offset_s"], notes["onset_s"] + LEAST_S)
    table = note_table(notes["pitch"], notes["velocity"], notes["onset_s"], end_s)
    table = table[~(table.groupby("pitch")["onset_s"].diff() < LEAST_S)].reset_index(drop=True)
    next_s = table.groupby("pitch")["onset_s"].shift(-1).fillna(np.inf)
    table["offset_s"] = np.minimum(table["offset_s"], next_s)
    return table.assign(note_id=np.arange(len(table)))
