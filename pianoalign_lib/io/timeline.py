"""Seconds and ticks of a MIDI file that is written: in one tempo, or with beats that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.errors import InputError
from .midi_parsing import META, TIME_SIGNATURE
from .midi_score import MidiScore
from .retiming import GROUP_S, Warp

# One tempo, 120 beats per minute. The finest division is right to 0.13 ms; a coarser one keeps long
# files within the ten million ticks that pretty_midi takes for the most a sound file can have.
STEADY, MICRO = 500_000, 1e6  # microseconds per beat; in a second
DIVISIONS = (1920, 960, 480, 384, 96)  # ticks per beat; 384 is right to 0.65 ms, for 3.6 hours
FINER = (7680, 3840, *DIVISIONS)  # a beat of a second is right to 0.07 ms
MOST_TICKS = 10_000_000
FASTEST, SLOWEST = 1_000, 2**24 - 1  # microseconds per beat; the latter is what a file can say


@dataclass(frozen=True)
class Timeline:
    """The tempo map of a file to be written.

    Attributes
    ----------
    division : int
        Ticks per beat.
    tick, time_s, tempo : np.ndarray [shape=(n,)]
        Where tempos begin, from tick 0 on, and their microseconds per beat.
    places : np.ndarray [shape=(n_messages,)], optional
        Ticks of the original file's messages if they keep their beats.
    """

    division: int
    tick: np.ndarray
    time_s: np.ndarray
    tempo: np.ndarray
    places: np.ndarray | None = None

    def ticks(self, time_s: np.ndarray) -> np.ndarray:
        """Return the ticks nearest to times from 0 on [dtype=int64]."""
        index = np.searchsorted(self.time_s, time_s, side="right") - 1
        ticks_per_s = MICRO * self.division / self.tempo[index]
        since_s = time_s - self.time_s[index]
        return self.tick[index] + np.rint(since_s * ticks_per_s).astype(np.int64)


def steady(last_s: float) -> Timeline:
    """Return one tempo for a file of `last_s` seconds."""
    division = _finest(DIVISIONS, last_s * MICRO / STEADY)
    return Timeline(division, np.zeros(1, np.int64), np.zeros(1), np.array([STEADY]))


def following(score: MidiScore, warp: Warp) -> Timeline:
    """Return a tempo for each beat of `score`, so that it begins where the performance has it.

    The recording's beginning is a bar line: before music that begins later, whole bars of its first
    metre are put, near its tempo; of music that the recording begins in, earlier bars are left out.

    Raises
    ------
    InputError
        If the file has no beats, several tempos at once, or too many beats.
    """
    table, division = score.events.table, score.events.division
    if not division or score.events.kind == 2:
        raise InputError(f"{score.name}: has no beats that all its tracks share; do not keep them")
    if table["tick"].max() / division * DIVISIONS[-1] > MOST_TICKS:
        raise InputError(f"{score.name}: has too many beats for a MIDI file; do not keep them")
    known = table.drop_duplicates("tick").sort_values("tick")

    def performed_s(tick: np.ndarray) -> np.ndarray:
        return warp(np.interp(tick, known["tick"], known["time_s"]))

    for begin, bar in reversed(_metres(score)):
        bars = np.arange(begin, max(table["tick"].max(), begin + bar) + 1, bar)
        bars_s = performed_s(bars)
        if bars_s[0] <= 0 or begin == 0:
            break
    first = max(int(np.searchsorted(bars_s, 0.0, side="right")) - 1, 0)
    origin, lead_s, lead = bars[first], bars_s[first], 0.0
    if lead_s > GROUP_S:
        lead = bar / division * max(1, round(lead_s / max(bars_s[1] - lead_s, GROUP_S)))
    beats = np.arange(0, table["tick"].max() + 1, division)
    beats = np.append(origin, beats[beats > origin + division / 8])
    place, target_s = lead + (beats - origin) / division, performed_s(beats)
    if lead:
        place, target_s = np.append(0.0, place), np.append(0.0, target_s)
    finer = _finest(FINER, place[-1])
    tick = np.rint(place * finer).astype(np.int64)
    places = np.rint((lead + (table["tick"].to_numpy() - origin) / division) * finer)
    return Timeline(finer, tick, *_tempos(np.diff(tick) / finer, target_s), places.clip(0))


def _tempos(length: np.ndarray, target_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return times and tempos of beats: each ends as near to its target as whole numbers allow.

    What one cannot make up for, being as fast or as slow as can be, the next ones do.
    """
    time_s, tempo = [0.0], []
    for beats, end_s in zip(length.tolist(), target_s[1:].tolist(), strict=True):
        wanted = round((end_s - time_s[-1]) * MICRO / beats)
        tempo.append(min(max(wanted, FASTEST), SLOWEST))
        time_s.append(time_s[-1] + tempo[-1] * beats / MICRO)
    tempo.append(round(float(np.median(tempo))) if tempo else STEADY)
    return np.array(time_s), np.array(tempo)


def _finest(divisions: tuple[int, ...], n_beats: float) -> int:
    return next((each for each in divisions if n_beats * each < MOST_TICKS), divisions[-1])


def _metres(score: MidiScore) -> list[tuple[int, float]]:
    """Return where each metre begins and the length of its bars, in ticks; 4/4 if none is given."""
    table, found = score.events.table, {0: 4.0 * score.events.division}
    is_metre = (table["status"] == META) & (table["data1"] == TIME_SIGNATURE)
    for row in np.flatnonzero(is_metre):
        over, halvings = score.events.messages[row][3:5]
        found[int(table["tick"].iloc[row])] = 4 * score.events.division * over / 2**halvings
    return sorted(found.items())
