"""Notes along a course: the network listens around each event, and the events settle again.

Where a note is not heard clearly at the event's place, the network listens before and after it as
well, so that grace notes, arpeggios and events half a second off are found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from .coarse import Course
from .decode import Decoded, decode
from .events import LAG_S, Events, group, note_evidence, note_prior, settle
from .patches import Expected, grid_steps
from .posterior import ABSENT, BIN_S, N_BINS
from .rises import rise_evidence
from .runner import Runner
from .spectra import LONG_FPS, Spectra

SIDES = 2  # patches beside the one at the event, to each side
PATCH_STEPS = 25  # from one to the next
PATCH_BINS = round(PATCH_STEPS / LONG_FPS / BIN_S)
WIDE_BINS = N_BINS + 2 * SIDES * PATCH_BINS
BINS_PER_LAG = round(LAG_S / BIN_S)
LEAST_ABSENT = 1e-3  # as sure as the network is taken to be
CLEAR, CLEAR_S = 0.7, 0.1  # confidence and distance of a note that needs no other patches
AROUND = 2  # notes to each side of one that does, which get them too
NOT_HEARD_WEIGHT = 0.03
MOST_NOTES = 20_000  # at a time
# Whether an onset is right within 100 ms, from 37 renderings of scores on training pianos:
# constant, logits of the note's and the event's probability, distance in seconds, share of clear
# neighbours.
RIGHT = (-0.848, 0.301, 0.417, -1.762, 4.275)
FARTHEST_S = 0.6
SUPPORTING = 0.8  # probability of a neighbour that is clear
NEIGHBOURS = 5  # notes to each side


@dataclass(frozen=True)
class Placed:
    """Notes along a course, in the order of stretch and score.

    Attributes
    ----------
    decoded : Decoded
    event_s : np.ndarray [shape=(n,)]
        Where each note's event is.
    certainty : np.ndarray [shape=(n,)]
        Chance that it is there within 50 ms.
    """

    decoded: Decoded
    event_s: np.ndarray
    certainty: np.ndarray

    def right(self) -> np.ndarray:
        """Return the log odds that each onset is right within 100 ms.

        A clear note among others that are not is often the right key at the wrong time.
        """
        found = self.decoded
        distance_s = np.abs(found.onset_s - self.event_s)
        distance_s = np.nan_to_num(distance_s, nan=FARTHEST_S).clip(max=FARTHEST_S)
        clear = (found.probability > SUPPORTING) & (distance_s < CLEAR_S)
        support = uniform_filter1d(clear.astype(np.float64), 2 * NEIGHBOURS + 1, mode="mirror")
        constant, note, event, far, around = RIGHT
        total = constant + note * logit(found.probability) + event * logit(self.certainty)
        return total + far * distance_s + around * support


def logit(chance: np.ndarray) -> np.ndarray:
    chance = np.clip(chance, 1e-4, 1 - 1e-4)
    return np.log(chance / (1 - chance))


def settle_course(
    spectra: Spectra, course: Course, onset_s: np.ndarray, pitch: np.ndarray
) -> tuple[np.ndarray, Events]:
    """Return the notes that are played, sorted by stretch and score, and their events' times.

    Parameters
    ----------
    spectra, course
        Of the recording.
    onset_s, pitch : np.ndarray [shape=(n_notes,)]
        Of the MIDI file.

    Returns
    -------
    rows : np.ndarray [dtype=int64]
        Of the notes.
    events : Events
        At the times that the rises of their notes' rows tell.
    """
    expected_s, stretch = course.expected(onset_s)
    rows = np.lexsort((pitch, onset_s, stretch))
    rows = rows[stretch[rows] >= 0]
    if not len(rows):
        return rows, Events(rows, *(np.zeros(0) for _ in range(3)))
    events = group(onset_s[rows], expected_s[rows], stretch[rows])
    evidence = rise_evidence(
        spectra.long, spectra.reference, events.time_s[events.of_note], pitch[rows]
    )
    lag_s = settle(events, evidence).lag_s
    return rows, Events(events.of_note, events.midi_s, events.time_s + lag_s, events.stretch)


def place_along(
    spectra: Spectra, runner: Runner, events: Events, pitch: np.ndarray, velocity: np.ndarray
) -> Placed:
    """Find the onset of each note around its event.

    What hours of music need is worked through in parts, for the sake of memory.

    Parameters
    ----------
    spectra
        Of the recording.
    runner
        The network.
    events
        Of the notes, as :func:`settle_course` gives them.
    pitch, velocity : np.ndarray [shape=(n_notes,)]
        In the order of the events.
    """
    parts = [
        _place_part(spectra, runner, part, pitch[rows], velocity[rows])
        for rows, part in _parts(events)
    ]
    return Placed(
        Decoded(
            *(
                np.concatenate([getattr(part.decoded, name) for part in parts])
                for name in ("onset_s", "probability", "absent")
            )
        ),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("event_s", "certainty")
        ),
    )


def _parts(events: Events) -> Iterator[tuple[slice, Events]]:
    """Give rows and events of parts of up to `MOST_NOTES` notes, which end at the longest rests."""
    first = np.append(events.first, len(events.of_note))
    rest_s = np.abs(np.diff(events.time_s, append=np.inf))
    begin, n_events = 0, len(events.time_s)
    while begin < n_events:
        end = n_events
        if first[end] - first[begin] > MOST_NOTES:
            latest, earliest = np.searchsorted(
                first, first[begin] + np.array([MOST_NOTES, MOST_NOTES // 2]), "right"
            )
            latest, earliest = max(latest - 1, begin + 1), max(earliest - 1, begin + 1)
            end = earliest + int(rest_s[earliest - 1 : latest].argmax())
        rows, part = slice(first[begin], first[end]), slice(begin, end)
        of_note = events.of_note[rows] - begin
        yield rows, Events(of_note, events.midi_s[part], events.time_s[part], events.stretch[part])
        begin = end


def _place_part(
    spectra: Spectra, runner: Runner, events: Events, pitch: np.ndarray, velocity: np.ndarray
) -> Placed:
    expected_s = events.time_s[events.of_note]
    likelihood = _likelihood(spectra, runner, expected_s, pitch, velocity)
    lags = likelihood.reshape(len(pitch), -1, BINS_PER_LAG).mean(axis=2)
    evidence = note_evidence(lags)
    belief = settle(events, evidence)
    prior = note_prior(events, belief, evidence) / BINS_PER_LAG
    weighted = np.full((len(pitch), WIDE_BINS + 1), NOT_HEARD_WEIGHT, np.float32)
    weighted[:, :-1] = likelihood * np.repeat(prior, BINS_PER_LAG, axis=1)
    weighted /= weighted.sum(axis=1, keepdims=True)
    decoded = decode(expected_s, pitch, weighted)
    event_s = (events.time_s + belief.lag_s)[events.of_note]
    return Placed(decoded, event_s, belief.certainty[events.of_note])


def _likelihood(spectra: Spectra, runner: Runner, expected_s, pitch, velocity) -> np.ndarray:
    """Return how much likelier an onset is than none, by its distance from the expected one.

    1 on average where the network hears nothing.

    Returns
    -------
    np.ndarray [shape=(n, WIDE_BINS), dtype=float32]
        0 where it was not asked.
    """
    order = np.argsort(expected_s, kind="stable")
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    expected_s, pitch, velocity = expected_s[order], pitch[order], velocity[order]
    likelihood = np.zeros((len(order), WIDE_BINS), np.float32)

    def listen(side: int, rows: np.ndarray) -> np.ndarray:
        shifted = Expected(expected_s + side * PATCH_STEPS / LONG_FPS, pitch, velocity)
        posterior = runner.posterior(spectra, spectra.reference, shifted, rows)
        heard = N_BINS * posterior[:, :N_BINS]
        heard /= np.maximum(posterior[:, ABSENT, None], LEAST_ABSENT)
        begin = (side + SIDES) * PATCH_BINS
        part = likelihood[:, begin : begin + N_BINS]
        part[rows] = np.maximum(part[rows], heard)
        return posterior

    posterior = listen(0, np.arange(len(order)))
    found = decode(expected_s, pitch, posterior, joint=False)
    clear = runner.confidence(found.probability) > CLEAR
    distance_s = found.onset_s - grid_steps(expected_s) / LONG_FPS
    clear &= np.nan_to_num(np.abs(distance_s), nan=np.inf) < CLEAR_S
    doubtful = maximum_filter1d(~clear, 2 * AROUND + 1)
    for side in range(-SIDES, SIDES + 1):
        if side:
            listen(side, np.flatnonzero(doubtful))
    return likelihood[back]
