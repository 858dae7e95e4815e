"""Which course a recording takes: several are tried, and the network judges them by some notes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from .coarse import (
    CHEAP_JUMPS,
    DEAR_JUMPS,
    NO_JUMPS,
    PART,
    Course,
    find_course,
    length_s,
    likely_paces,
)
from .events import Events
from .following import Costs
from .hearing import Hearing
from .passages import LEAST_SHARE, share_along
from .refine import settle_course
from .smooth import singled, smoothed

GOOD_SHARE = 0.85  # of the probed notes heard, over all of the shorter side: no other pace is tried
ALL_SHARE = 0.97  # of the probed notes heard: no cheaper jumps are tried
JUMPS_GAIN = 0.02  # by which notes must be heard better along a course whose jumps are cheaper
JUMPS_LOSS = 0.02  # by which notes may be heard less well along a course with jumps
SHORTER, LEAST_S = 0.8, 1.0  # of the recording: a MIDI file that may be a part of it
LEFT_OUT_S = 1.0  # of the recording, as its last chord dies away, or before the first
MOSTLY_TWICE = 1.6  # lengths of the MIDI file on a course that has most of it twice
LEAST_REST = 0.25  # of the notes left out: there may be another reading
AS_WELL, AS_LONG = 0.2, 0.8  # share heard, and share of the recording, of another reading


@dataclass(frozen=True)
class Chosen:
    """A course and how well it fits.

    Attributes
    ----------
    course : Course
    rows : np.ndarray [shape=(n,), dtype=int64]
        The notes on it, sorted by stretch and onset.
    events : Events
        Of these notes.
    share : float
        Of some of them that are heard, at their events or along a smooth tempo.
    explained : float
        Share of the notes that are on it, or of the recording if that is greater.
    is_ambiguous : bool
        Other notes fit the same sound about as well.
    is_repeated : bool
        The recording has these notes another time, which fits less well.
    """

    course: Course
    rows: np.ndarray
    events: Events
    share: float
    explained: float = 0.0
    is_ambiguous: bool = False
    is_repeated: bool = False

    @property
    def value(self) -> float:
        """Share heard of the shorter side."""
        return self.share * self.explained


def choose_course(hearing: Hearing, notes: pd.DataFrame, least: float) -> Chosen | None:
    """Return the course that the network hears best; None if none is heard better than `least`.

    Parameters
    ----------
    hearing
        Of the recording.
    notes
        Note table, sorted by onset and pitch.
    least
        Share of the notes.
    """
    best, chosen, chosen_pace = least, None, 1.0
    for pace in likely_paces(hearing.spectra, notes):
        found = _best_costs(hearing, notes, pace)
        if found.share > LEAST_SHARE and found.value > best:
            best, chosen, chosen_pace = found.value, found, pace
        if best > GOOD_SHARE:
            break
    if not chosen or len(notes) - len(chosen.rows) < LEAST_REST * len(notes):
        return chosen
    # A recording of a passage that the MIDI file has twice may be of either.
    rest = np.setdiff1d(np.arange(len(notes)), chosen.rows)
    other = _heard(hearing, notes.iloc[rest], chosen_pace)
    as_long = other.course.audio_s > AS_LONG * chosen.course.audio_s
    if not as_long or other.share < chosen.share - AS_WELL:
        return chosen
    better = replace(other, rows=rest[other.rows]) if other.share > chosen.share else chosen
    return replace(better, is_ambiguous=True)


def _best_costs(hearing: Hearing, notes: pd.DataFrame, pace: float) -> Chosen:
    """Return the course of a pace, with what its path pays chosen by what is heard."""
    found = _heard(hearing, notes, pace)
    if LEAST_SHARE < found.share < ALL_SHARE:
        other = _heard(hearing, notes, pace, CHEAP_JUMPS)
        found = other if other.share > found.share + JUMPS_GAIN else found
    if len(found.course.stretches) > 1:
        other = _heard(hearing, notes, pace, NO_JUMPS)
        found = other if other.share > found.share + JUMPS_LOSS else found
    longest = SHORTER * hearing.spectra.duration_s / max(length_s(notes), LEAST_S)
    pace = pace if pace < longest else found.course.pace
    if found.share < 1.0 and pace > 0.0:
        other = _heard(hearing, notes, pace, PART)
        is_part = pace < longest and other.course.audio_s < SHORTER * hearing.spectra.duration_s
        if other.value > found.value and (is_part or _trims(found, other)):
            repeated = found.course.midi_s > MOSTLY_TWICE * length_s(notes)
            found = replace(other, is_repeated=repeated and found.share > LEAST_SHARE)
    if len(found.course.stretches) > 1:
        other = _heard_along(hearing, notes, replace(found.course, last=True))
        found = other if other.share > found.share else found
    return found


def _trims(found: Chosen, other: Chosen) -> bool:
    """Return whether a course has all notes of another one in clearly less of the recording."""
    shorter = other.course.audio_s < found.course.audio_s - LEFT_OUT_S
    return shorter and len(other.rows) == len(found.rows)


def _heard(hearing: Hearing, notes: pd.DataFrame, pace: float, costs: Costs = DEAR_JUMPS) -> Chosen:
    """Return a course, its notes and events, and how many of these are heard."""
    return _heard_along(hearing, notes, find_course(hearing.spectra, notes, pace, costs))


def _heard_along(hearing: Hearing, notes: pd.DataFrame, course: Course) -> Chosen:
    onset_s, velocity = (notes[name].to_numpy(np.float64) for name in ("onset_s", "velocity"))
    pitch = notes["pitch"].to_numpy(np.int64)
    rows, events = settle_course(hearing.spectra, course, onset_s, pitch)
    if len(rows) < 2:
        return Chosen(course, rows, events, 0.0)
    single = singled(events, onset_s[rows])
    ways = (events, replace(single, time_s=smoothed(single)))
    share = max(share_along(hearing, way, pitch[rows], velocity[rows]) for way in ways)
    explained = max(len(rows) / len(notes), course.audio_s / hearing.spectra.duration_s)
    return Chosen(course, rows, events, share, explained)
