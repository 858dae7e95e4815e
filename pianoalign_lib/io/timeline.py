"""Seconds and ticks of a MIDI file that is written: in one tempo, or with beats that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.errors import InputError
from .midi_parsing import META, SET_TEMPO, TIME_SIGNATURE
from .midi_score import MidiScore
from .retiming import GROUP_S, Warp

# One tempo, 120 beats per minute. The finest division is right to 0.13 ms; a coarser one keeps long
# files within the ten million ticks that pretty_midi takes for the most a sound file can have.
STEADY, MICRO = 500_000, 1e6  # microseconds per beat; in a second
DIVISIONS = (1920, 960, 480, 384, 96)  # ticks per beat; 384 is right to 0.65 ms, for 3.6 hours
FINER = (7680, 3840, *DIVISIONS)  # a beat of a second is right to 0.07 ms
MOST_TICKS = 10_000_000
FASTEST, SLOWEST = 1_000, 2**24 - 1  # microseconds per beat; what a tempo can be


@dataclass(frozen=True)
class Timeline:
    """The tempo map of a file to be written.

    Attributes
    ----------
    division : int
        Ticks per beat.
    tick, time_s, tempo : np.ndarray [shape=(n,)]
        Where tempos begin, from tick 0 on, and their microseconds per beat.
    origin, start, ratio : float
        A beat's place does not move: what was at tick t comes to ``start + (t - origin) * ratio``.
    """

    division: int
    tick: np.ndarray
    time_s: np.ndarray
    tempo: np.ndarray
    origin: float = 0.0
    start: float = 0.0
    ratio: float = 0.0  # in one tempo, beats have no place

    def ticks(self, time_s: np.ndarray) -> np.ndarray:
        """Return the ticks nearest to times from 0 on [dtype=int64]."""
        index = np.searchsorted(self.time_s, time_s, side="right") - 1
        ticks_per_s = MICRO * self.division / self.tempo[index]
        since_s = time_s - self.time_s[index]
        return self.tick[index] + np.rint(since_s * ticks_per_s).astype(np.int64)

    def places(self, old_tick: np.ndarray) -> np.ndarray:
        """Return where ticks of the original file are, counted in beats [dtype=int64]."""
        place = self.start + (old_tick - self.origin) * self.ratio
        return np.maximum(np.rint(place), 0).astype(np.int64)

    def messages(self) -> list[tuple[int, bytes]]:
        """Return the tempo events with their ticks; a tempo that goes on needs none."""
        new = np.append(True, np.diff(self.tempo) != 0)
        events = zip(self.tick[new].tolist(), self.tempo[new].tolist(), strict=True)
        return [(at, bytes((META, SET_TEMPO, 3)) + us.to_bytes(3, "big")) for at, us in events]


def steady(last_s: float) -> Timeline:
    """Return one tempo for a file of `last_s` seconds."""
    n_beats = last_s * MICRO / STEADY
    division = next((n for n in DIVISIONS if n_beats * n < MOST_TICKS), DIVISIONS[-1])
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
    events = score.events
    if not events.division or events.kind == 2:
        raise InputError(f"{score.name}: has no beats that all its tracks share; do not keep them")
    division = events.division
    beats = np.arange(0, events.table["tick"].max() + 1, division)
    if len(beats) * DIVISIONS[-1] > MOST_TICKS:
        raise InputError(f"{score.name}: has {len(beats):,} beats, too many to be kept")
    known = events.table.drop_duplicates("tick").sort_values("tick")

    def performed_s(tick: np.ndarray) -> np.ndarray:
        return warp(np.interp(tick, known["tick"], known["time_s"]))

    bars = _bar_lines(score, float(beats[-1]))
    begin_s = performed_s(bars)
    first = max(int(np.searchsorted(begin_s, 0.0, side="right")) - 1, 0)
    origin, lead_s = float(bars[first]), float(begin_s[first])
    n_bars = 0
    if lead_s > GROUP_S:
        n_bars = max(1, round(lead_s / max(begin_s[1] - begin_s[0], GROUP_S)))
    lead = n_bars * (bars[1] - bars[0]) / division  # beats before the music
    beats = np.append(origin, beats[beats > origin + division / 8])
    target_s = performed_s(beats)
    place = lead + (beats - origin) / division
    if lead:
        place, target_s = np.append(0.0, place), np.append(0.0, target_s)
    finer = next((n for n in FINER if place[-1] * n < MOST_TICKS), FINER[-1])
    tick = np.rint(place * finer).astype(np.int64)
    time_s, tempo = _tempos(np.diff(tick) / finer, target_s)
    return Timeline(finer, tick, time_s, tempo, origin, lead * finer, finer / division)


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


def _bar_lines(score: MidiScore, last_tick: float) -> np.ndarray:
    """Return the ticks of the bar lines, two at least, by the file's own metres."""
    table, division = score.events.table, score.events.division
    is_metre = (table["status"] == META) & (table["data1"] == TIME_SIGNATURE)
    bodies = [score.events.messages[row][3:5] for row in np.flatnonzero(is_metre)]
    metres = dict(zip(table.loc[is_metre, "tick"].tolist(), bodies, strict=True))
    metres = {0: b"\4\2"} | dict(sorted(metres.items()))
    starts = [*metres, max(last_tick, max(metres))]
    lines: list[np.ndarray] = []
    for start, end, (over, halvings) in zip(starts, starts[1:], metres.values(), strict=False):
        bar = 4 * division * over / 2**halvings
        lines.append(np.arange(start, max(end, start + 2 * bar if not lines else end), bar))
    return np.unique(np.concatenate(lines))
