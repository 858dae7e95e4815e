"""Notes along a course: two tempos and the events are tried, and each passage takes what fits.

A smooth tempo fits a performance whose notes are loose, a smooth tempo that may jump fits one with
rests and cuts, and events that take each their own time fit a score.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..io.placement import ALIGNED, UNCERTAIN, Placement
from .events import Events
from .hearing import SURE, Hearing, statuses
from .refine import Placed, logit, place_along
from .smooth import moved, singled, smoothed

LEAST_SHARE = 0.5  # of the probed notes heard along a tempo that is tried
NEAR_BEST = 0.15  # by which a tempo may be heard less well than the best one and still be tried
CLEAR_NOTES, CLEAR_SHARE = 24, 0.9  # where so many of so many notes are aligned, no more is tried
HOLE_NOTES, HOLE_SHARE = 15, 0.5  # fewer notes heard: perhaps bars that were left out
SWITCH_COST = 3.0  # notes that must be heard better before another way is taken
SIMPLER = 0.02  # of a note, by which a tempo is preferred to events of their own
RIGHT_ODDS = 3.0  # log odds below which a note along its event is to be checked
# Whether an onset is right within 100 ms, from scores and performances on training pianos:
# constant, logit of the confidence, log odds along its event, whether both places are the same,
# share of clear neighbours.
RIGHT = (-2.131, 0.822, 0.190, 0.388, 3.778)
LEAST_RIGHT = 3.3
SAME_S, NEAR_S, NEIGHBOURS = 0.03, 0.1, 5


def _by_time(events: Events) -> tuple[np.ndarray, np.ndarray]:
    """Return the order in which the notes are expected, and when they are, in that order."""
    time_s = events.time_s[events.of_note]
    order = np.argsort(time_s, kind="stable")
    return order, time_s[order]


def share_along(hearing: Hearing, events: Events, pitch: np.ndarray, velocity: np.ndarray) -> float:
    """Return the share of some notes that are heard where their events are."""
    order, expected_s = _by_time(events)
    return hearing.share(expected_s, pitch[order], velocity[order])


def place_by_passage(
    hearing: Hearing,
    events: Events,
    onset_s: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    share: float,
) -> Placement:
    """Find the notes of a course, each passage the way that it is heard best.

    Parameters
    ----------
    hearing
        Of the recording.
    events
        Of the notes.
    onset_s, pitch, velocity : np.ndarray [shape=(n_notes,)]
        Of the MIDI file, in the order of the events.
    share
        Of the notes that are heard at the best of what was tried.
    """
    ways = []
    single = singled(events, onset_s)
    for jumps in (False, True):
        tempo = replace(single, time_s=smoothed(single, jumps))
        if share_along(hearing, tempo, pitch, velocity) > max(LEAST_SHARE, share - NEAR_BEST):
            way = _along_tempo(hearing, tempo, jumps, pitch, velocity)
            clear = (way.status == ALIGNED).astype(np.float64)
            if uniform_filter1d(clear, CLEAR_NOTES, mode="nearest").min() > CLEAR_SHARE:
                return way
            ways.append(way)
    placed = place_along(hearing.spectra, hearing.runner, events, pitch, velocity)
    ways.append(_along_events(hearing, placed))
    return _doubted(_merged(ways), ways[-1], placed)


def _along_tempo(hearing: Hearing, tempo: Events, jumps: bool, pitch, velocity) -> Placement:
    """Return what is found along a smooth tempo, and then along the one that these notes have."""
    order, expected_s = _by_time(tempo)
    found = hearing.find(expected_s, pitch[order], velocity[order])
    settled_s = np.full(len(order), np.nan)
    settled_s[order] = np.where(hearing.settled(found), found.onset_s, np.nan)
    known = ~np.isnan(settled_s)
    known |= uniform_filter1d(known.astype(np.float64), HOLE_NOTES, mode="nearest") > HOLE_SHARE
    again_s = smoothed(moved(tempo, settled_s), jumps, known)
    order, expected_s = _by_time(replace(tempo, time_s=again_s))
    found = hearing.find(expected_s, pitch[order], velocity[order])
    return hearing.placement(found, expected_s).take(np.argsort(order))


def _along_events(hearing: Hearing, placed: Placed) -> Placement:
    found = placed.decoded
    confidence = hearing.runner.confidence(found.probability)
    heard = ~np.isnan(found.onset_s)
    aligned = (confidence > SURE) & (placed.right() > RIGHT_ODDS)
    onset_s = np.where(heard, found.onset_s, placed.event_s)
    return Placement(np.maximum(onset_s, 0.0), confidence, statuses(heard, aligned))


def _merged(ways: list[Placement]) -> Placement:
    """Return each note from the way that hears its passage best: dynamic programming."""
    gain = np.array([way.status == ALIGNED for way in ways], np.float64)
    gain[:-1] += SIMPLER
    n_ways, n_notes = gain.shape
    came = np.zeros((n_notes, n_ways), np.int64)
    total = gain[:, 0].copy()
    for note in range(1, n_notes):
        top = int(total.argmax())
        switched = total[top] - SWITCH_COST
        came[note] = np.where(total >= switched, np.arange(n_ways), top)
        total = np.maximum(total, switched) + gain[:, note]
    taken = np.zeros(n_notes, np.int64)
    taken[-1] = int(total.argmax())
    for note in range(n_notes - 1, 0, -1):
        taken[note - 1] = came[note, taken[note]]
    rows = np.arange(n_notes)
    onset_s, confidence, status = (
        np.stack([getattr(way, name) for way in ways])[taken, rows]
        for name in ("onset_s", "confidence", "status")
    )
    return Placement(onset_s, confidence, status)


def _doubted(way: Placement, events: Placement, placed: Placed) -> Placement:
    """Return the notes with those to be checked that are often the right key at the wrong time."""
    aligned = way.status == ALIGNED
    clear = aligned & (np.abs(way.onset_s - placed.event_s) < NEAR_S)
    around = uniform_filter1d(clear.astype(np.float64), 2 * NEIGHBOURS + 1, mode="mirror")
    same = np.abs(way.onset_s - events.onset_s) < SAME_S
    constant, confident, along, agree, neighbours = RIGHT
    right = constant + confident * logit(way.confidence) + along * placed.right()
    right += agree * same + neighbours * around
    return replace(way, status=np.where(aligned & (right < LEAST_RIGHT), UNCERTAIN, way.status))
