"""When the chords of a stretch are struck: their times hang together by the tempo.

Every event (notes that begin together in the score) has a time, which its notes tell with doubt,
and the time to the next event is about what the local tempo says. Belief propagation along the
chain (forward and backward, as in a hidden Markov model) gives how likely each time is, all
evidence considered, so that a trill that fits in two places is known to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve1d, gaussian_filter1d

GROUP_S = 0.035  # notes of an event begin within this time
LAG_S = 0.02  # grid of an event's possible times
TEMPO_S = 0.5  # standard deviation of the window of the local tempo
TEMPO_GRID_S = 0.1
SPREAD_S, SPREAD_SHARE = 0.02, 0.4  # of the time between events: fixed, and in proportion to it
TAIL = 2.0  # exponent of the heavy-tailed law of that time
ANY_TIME = 1e-6  # chance of any other time between two events
BACKWARD = 1e-3  # how much less likely events are in reversed order
SURE_STEPS = 2  # lags to each side of the best that count as the same
CHORD_S = 0.04  # spread of a chord's notes
SINGLE_S, SINGLE_SHARE = 0.2, 0.1  # grace notes and arpeggios: spread, and share of the notes
ABSENT_WEIGHT = 0.05  # of "not heard", over an even chance of each time


@dataclass(frozen=True)
class Events:
    """Notes grouped into events, in the order of stretch and score.

    Attributes
    ----------
    of_note : np.ndarray [shape=(n_notes,), dtype=int64]
        Event of each note.
    midi_s, time_s, stretch : np.ndarray [shape=(n_events,)]
        Onset in the score, time expected in the recording, stretch.
    """

    of_note: np.ndarray
    midi_s: np.ndarray
    time_s: np.ndarray
    stretch: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """Return the first note of each event [shape=(n_events,), dtype=int64]."""
        return np.flatnonzero(np.diff(self.of_note, prepend=-1))


@dataclass(frozen=True)
class Belief:
    """What is known of each event's time.

    Attributes
    ----------
    total : np.ndarray [shape=(n_events, n_lags)]
        Chance of each lag behind the expected time; a row sums to 1.
    lag_s : np.ndarray [shape=(n_events,)]
        The likeliest.
    certainty : np.ndarray [shape=(n_events,)]
        Chance that it is right within 50 ms.
    """

    total: np.ndarray
    lag_s: np.ndarray
    certainty: np.ndarray


def group(midi_s: np.ndarray, time_s: np.ndarray, stretch: np.ndarray) -> Events:
    """Group notes that begin together in the score.

    Parameters
    ----------
    midi_s, time_s, stretch : np.ndarray [shape=(n_notes,)]
        Sorted by stretch and onset in the score; times expected in the recording.
    """
    pace = max((time_s[-1] - time_s[0]) / max(midi_s[-1] - midi_s[0], 1e-3), 0.1)
    reach_s = GROUP_S / pace if np.isfinite(pace) else GROUP_S
    of_note = np.zeros(len(midi_s), np.int64)
    begin = 0
    onset, part = midi_s.tolist(), stretch.tolist()
    for row in range(1, len(onset)):
        begins = onset[row] - onset[begin] > reach_s or part[row] != part[begin]
        of_note[row] = of_note[row - 1] + begins
        begin = row if begins else begin
    first = np.flatnonzero(np.diff(of_note, prepend=-1))
    count = np.diff(np.append(first, len(of_note)))
    mean_s = np.add.reduceat(time_s, first) / count
    mean_midi_s = np.add.reduceat(midi_s, first) / count
    return Events(of_note, mean_midi_s, mean_s, stretch[first])


def settle(events: Events, evidence: np.ndarray) -> Belief:
    """Weigh what the notes say against the tempo.

    Parameters
    ----------
    events
        The events.
    evidence : np.ndarray [shape=(n_notes, n_lags)]
        Log likelihood of each lag of a note's event, `LAG_S` apart, the middle one being 0.
    """
    n_events, n_lags = len(events.time_s), evidence.shape[1]
    likely = np.add.reduceat(evidence, events.first, axis=0)
    likely = np.exp(likely - likely.max(axis=1, keepdims=True))
    steps = _step_chances(events, n_lags)
    ahead = np.empty((n_events, n_lags))
    back = np.full((n_events, n_lags), 1.0 / n_lags)
    ahead[0] = likely[0] / likely[0].sum()
    linked = np.diff(events.stretch) == 0
    for k in range(1, n_events):
        came = np.convolve(steps[k - 1], ahead[k - 1], "valid") if linked[k - 1] else 1.0
        total = came * likely[k]
        ahead[k] = total / total.sum()
    for k in range(n_events - 2, -1, -1):
        if linked[k]:
            total = np.convolve(steps[k, ::-1], back[k + 1] * likely[k + 1], "valid")
            back[k] = total / total.sum()
    total = ahead * back
    total /= total.sum(axis=1, keepdims=True)
    best = total.argmax(axis=1)
    near = np.abs(np.arange(n_lags) - best[:, None]) <= SURE_STEPS
    lag_s = (best - n_lags // 2) * LAG_S
    return Belief(total, lag_s, (total * near).sum(axis=1))


def _step_chances(events: Events, n_lags: int) -> np.ndarray:
    """Return the chance of each change of lag to the next event [shape=(n - 1, 2 n_lags - 1)]."""
    change_s = np.arange(1 - n_lags, n_lags) * LAG_S
    step_s = np.diff(events.time_s)[:, None]
    gap_s = _gaps(events)[:, None]
    spread_s = SPREAD_S + SPREAD_SHARE * gap_s
    chance = (1.0 + np.square((change_s + step_s - gap_s) / spread_s)) ** -TAIL
    chance[change_s + step_s < 0.5 * LAG_S] *= BACKWARD
    return chance / chance.sum(axis=1, keepdims=True) + ANY_TIME


def _gaps(events: Events) -> np.ndarray:
    """Return the time to the next event by the local tempo; of no use from stretch to stretch."""
    gaps = np.diff(events.time_s).clip(min=0.0)
    for stretch in np.unique(events.stretch):
        rows = np.flatnonzero(events.stretch == stretch)
        if len(rows) < 3:
            continue
        time_s = np.maximum.accumulate(events.time_s[rows])
        grid_s = np.arange(time_s[0], time_s[-1] + 2 * TEMPO_GRID_S, TEMPO_GRID_S)
        midi_s = np.interp(grid_s, time_s, events.midi_s[rows])
        line_s = np.linspace(midi_s[0], midi_s[-1], len(midi_s))
        midi_s = line_s + gaussian_filter1d(midi_s - line_s, TEMPO_S / TEMPO_GRID_S, mode="nearest")
        rate = np.maximum(np.gradient(midi_s, grid_s), 0.05)
        middle_s = (time_s[1:] + time_s[:-1]) / 2
        gaps[rows[:-1]] = np.diff(events.midi_s[rows]) / np.interp(middle_s, grid_s, rate)
    return gaps


def note_law(n_lags: int) -> np.ndarray:
    """Return the chance of a note's distance from its event, `LAG_S` apart; sums to 1."""
    reach = n_lags // 2
    distance_s = np.arange(-reach, reach + 1) * LAG_S
    chord = 1.0 / (np.pi * CHORD_S * (1.0 + np.square(distance_s / CHORD_S)))
    single = np.exp(-np.abs(distance_s) / SINGLE_S) / (2.0 * SINGLE_S)
    law = (1.0 - SINGLE_SHARE) * chord + SINGLE_SHARE * single
    return law / law.sum()


def note_evidence(likelihood: np.ndarray) -> np.ndarray:
    """Return the log likelihood of an event's lags from those of a note's own, 1 on average."""
    law = note_law(likelihood.shape[1])
    spread = convolve1d(likelihood, law, axis=1, mode="constant")
    return np.log(spread + ABSENT_WEIGHT)


def note_prior(events: Events, belief: Belief, evidence: np.ndarray) -> np.ndarray:
    """Return where the others put each note [shape=(n_notes, n_lags)]; a row sums to 1.

    The event's belief without the note's own word (a message of belief propagation).
    """
    others = belief.total[events.of_note] * np.exp(evidence.min(axis=1, keepdims=True) - evidence)
    others /= others.sum(axis=1, keepdims=True)
    return convolve1d(others, note_law(evidence.shape[1]), axis=1, mode="constant")
