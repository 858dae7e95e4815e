"""From spectra and loose notes to onsets: coarse warp if needed, the network, joint decoding twice.

The notes that the first decoding is sure of tell by how much notes tend to be off, and where; the
second decoding knows that. If each note is off by an error of its own, it changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..common.errors import InputError
from ..io.placement import Placement
from .coarse import Course, find_course
from .decode import BLOCK, Decoded, decode
from .events import Events
from .patches import Expected, grid_steps
from .posterior import REACH_S
from .refine import Placed, place_along, settle_course
from .runner import Runner, load_runner
from .smooth import moved, singled, smoothed
from .spectra import LONG_FPS, Spectra
from .tendency import find_tendency, prior, with_rate

PROBED = 256  # notes that are asked whether the input is close already
CLOSE_SHARE = 0.96  # of the probed notes heard where expected: no coarse warp is needed
WARP_GAIN = 0.03  # by which a coarse warp must raise that share to be used
PACE_FACTORS = (1.0, 0.5, 2.0)  # of the pace that the lengths say, tried in turn
LEAST_SHARE = 0.5  # of the probed notes heard along a course; wrong pairs: up to 0.45
JUMPS_GAIN = 0.005  # by which notes must be heard better along a course with jumps
GOOD_SHARE = 0.7  # of the probed notes heard: no other pace is tried
ANOTHER_PIECE_SHARE = 0.2  # fewer notes heard than this (wrong pairs: up to 0.05): another piece
SETTLED = 0.9  # confidence above which a note tells where others may be
UNCERTAIN = 0.5  # confidence below which a note is to be checked
RIGHT_ODDS = 3.0  # log odds below which a note along a course is to be checked
DOUBT = 0.35  # chance of "not heard", over that of the onset, above which a note is to be checked


def locate(
    spectra: Spectra,
    notes: pd.DataFrame,
    runner: Runner | None = None,
    *,
    joint: bool = True,
    tendency: bool = True,
) -> Placement:
    """Find the onset of each note.

    The confidence is the calibrated chance that the onset is right within 10 ms, or that a note
    which is not heard was not played. An uncertain note is at the likeliest place, which is right
    more often than where the notes around it would put it; one that is not heard is where these put
    it. The structure is told where the notes are not close to the recording as they are.

    Parameters
    ----------
    spectra
        Of the recording (:func:`pianoalign_lib.localizer.spectra.compute_spectra`).
    notes
        Note table, on the 88 keys.
    runner
        The network; by default the released one.
    joint, tendency
        False switches the ingredient off (ablations).

    Raises
    ------
    InputError
        If there are no notes, or the recording is of another piece.
    CheckpointError
        If the network's file is missing.
    """
    if notes.empty:
        raise InputError("no notes on the 88 keys of a piano; give a MIDI file with notes")
    runner = runner or load_runner()
    finder = _Finder(spectra, spectra.reference, runner, joint)
    onset_s = notes["onset_s"].to_numpy(np.float64)
    order = np.lexsort((notes["pitch"], onset_s))
    pitch = notes["pitch"].to_numpy(np.int64)[order]
    velocity = notes["velocity"].to_numpy(np.float64)[order]
    result = finder.located(notes.iloc[order], onset_s[order], pitch, velocity, tendency)
    heard = np.mean(result.status != "not heard")
    if heard < ANOTHER_PIECE_SHARE:
        raise InputError(
            f"only {100 * heard:.0f} % of the MIDI's notes are heard in the recording: it seems to "
            "be of another piece, or of another part of it; check that the two belong together"
        )
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return replace(
        result,
        onset_s=result.onset_s[back],
        confidence=result.confidence[back],
        status=result.status[back],
    )


@dataclass(frozen=True)
class _Finder:
    """One recording and one network."""

    spectra: Spectra
    reference: float
    runner: Runner
    joint: bool

    def located(self, notes, onset_s, pitch, velocity, tendency: bool) -> Placement:
        """Find notes, sorted by onset, where they are or along the best course through them."""
        heard = self._heard_share(onset_s, pitch, velocity)
        found = (
            self._best_way(notes, onset_s, pitch, velocity, heard) if heard < CLOSE_SHARE else None
        )
        if found is None:
            placed = self.find(onset_s, pitch, velocity, tendency)
            return Placement(*self.result(placed, onset_s))
        course, rows, events, smooth = found
        if smooth:
            order, expected_s = _by_time(events)
            placed = self.find(expected_s, pitch[rows[order]], velocity[rows[order]], tendency)
            settled = np.full(len(rows), np.nan)
            settled[order] = np.where(self._settled(placed), placed.onset_s, np.nan)
            order, expected_s = _by_time(replace(events, time_s=smoothed(moved(events, settled))))
            rows = rows[order]
            placed = self.find(expected_s, pitch[rows], velocity[rows], tendency)
            parts = self.result(placed, expected_s)
        else:
            parts = self._judged(
                place_along(self.spectra, self.runner, events, pitch[rows], velocity[rows])
            )
        return _with_rest(onset_s, rows, parts, course)

    def _best_way(self, notes, onset_s, pitch, velocity, heard: float):
        """Return the course, the notes on it and their events' times that are heard best.

        None if the input as it is fits no worse. Events take each their own time, as in a score's
        performance, or a smooth tempo's, as in a performance whose notes are loose.
        """
        best, way = heard + WARP_GAIN, None
        for factor in PACE_FACTORS:
            courses = [find_course(self.spectra, notes, factor)]
            if len(courses[0].stretches) > 1:
                courses.insert(0, find_course(self.spectra, notes, factor, jumps=False))
            for course in courses:
                jumps = len(course.stretches) > 1
                rows, events = settle_course(self.spectra, course, onset_s, pitch)
                if len(rows) < 2:
                    continue
                gain = JUMPS_GAIN if jumps else 0.0
                single = singled(events, onset_s[rows])
                for times in (replace(single, time_s=smoothed(single)), events):
                    order, time_s = _by_time(times)
                    part = rows[order]
                    share = self._heard_share(time_s, pitch[part], velocity[part])
                    whole = share * len(rows) / len(onset_s)
                    if share > LEAST_SHARE and whole > best + gain:
                        best, way = whole, (course, rows, times, times is not events)
                        gain = 0.0
                if best > CLOSE_SHARE:
                    break
            if best > GOOD_SHARE:
                break
        return way

    def _judged(self, placed: Placed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return onset, confidence and status of each note along a course."""
        found = placed.decoded
        confidence = self.runner.confidence(found.probability)
        heard = ~np.isnan(found.onset_s)
        aligned = (confidence > UNCERTAIN) & (placed.right() > RIGHT_ODDS)
        status = np.where(heard, np.where(aligned, "aligned", "uncertain"), "not heard")
        onset_s = np.where(heard, found.onset_s, placed.event_s)
        return np.maximum(onset_s, 0.0), confidence, status.astype(object)

    def _heard_share(self, onset_s, pitch, velocity) -> float:
        """Return the share of some notes, spread over the piece, that are heard where expected."""
        if onset_s[0] >= self.spectra.duration_s + REACH_S:
            return 0.0
        n_runs = 8
        starts = np.linspace(0, max(0, len(onset_s) - PROBED // n_runs), n_runs).astype(int)
        probe = np.unique(
            (starts[:, None] + np.arange(PROBED // n_runs)).clip(max=len(onset_s) - 1)
        )
        unknown = Expected(onset_s, pitch, velocity)
        posterior = self.runner.posterior(self.spectra, self.reference, unknown, probe)
        decoded = decode(onset_s[probe], pitch[probe], posterior, joint=self.joint)
        sure = self.runner.confidence(decoded.probability) > UNCERTAIN
        return float(np.mean(~np.isnan(decoded.onset_s) & sure))

    def find(self, expected_s, pitch, velocity, tendency: bool) -> Decoded:
        """Decode all notes; then again, knowing where notes tend to be found."""
        notes = Expected(expected_s, pitch, velocity)
        rows = np.arange(len(expected_s))
        posterior = self.runner.posterior(self.spectra, self.reference, notes, rows)
        posterior = with_rate(posterior)
        first = decode(expected_s, pitch, posterior, joint=self.joint)
        if not tendency:
            return first
        centre_s, width_s = find_tendency(first, expected_s, self._settled(first))
        for start in range(0, len(posterior), BLOCK):
            part = slice(start, start + BLOCK)
            grid_s = grid_steps(expected_s[part]) / LONG_FPS
            posterior[part] *= prior(grid_s, (expected_s + centre_s)[part], width_s)
        posterior /= posterior.sum(axis=1, keepdims=True)
        return decode(expected_s, pitch, posterior, joint=self.joint)

    def _settled(self, decoded: Decoded) -> np.ndarray:
        sure = self.runner.confidence(decoded.probability) > SETTLED
        return sure & ~np.isnan(decoded.onset_s)

    def result(self, found: Decoded, expected_s):
        """Return onset, confidence and status of each note, all of them somewhere."""
        confidence = self.runner.confidence(found.probability)
        heard = ~np.isnan(found.onset_s)
        sure = confidence > UNCERTAIN
        # A note that was not played hides where others sound; it is to be checked sooner.
        aligned = sure & (found.absent < DOUBT * found.probability)
        status = np.where(heard, np.where(aligned, "aligned", "uncertain"), "not heard")
        centre_s, _ = find_tendency(found, expected_s, heard & sure)
        onset_s = np.where(heard, found.onset_s, expected_s + centre_s)
        return np.maximum(onset_s, 0.0), confidence, status.astype(object)


def _by_time(events: Events) -> tuple[np.ndarray, np.ndarray]:
    """Return the order in which the notes are expected, and when they are, in that order."""
    time_s = events.time_s[events.of_note]
    order = np.argsort(time_s, kind="stable")
    return order, time_s[order]


def _with_rest(onset_s: np.ndarray, rows: np.ndarray, parts, course: Course) -> Placement:
    """Return what was found of all notes; those that are not played lie between others."""
    at_s, confidence, status = parts
    everywhere = np.full(len(onset_s), 1.0 - UNCERTAIN)
    statuses = np.full(len(onset_s), "not heard", dtype=object)
    everywhere[rows], statuses[rows] = confidence, status
    order = np.argsort(rows)
    time_s = np.interp(onset_s, onset_s[rows][order], at_s[order])
    time_s[rows] = at_s
    return Placement(time_s, everywhere, statuses, structure=course.structure())
