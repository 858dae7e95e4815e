"""A smooth tempo through the events of a course: what fits a performance whose notes are loose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.ndimage import convolve1d

from .events import Events

Near = Callable[[np.ndarray], np.ndarray]
LINES_S = (1.5, 4.0, 12.0, 40.0)  # standard deviations of the windows of a smooth tempo
FAR_S = 0.1  # residuals count up to this
LOOSER = 1.25  # residual of a longer window, over the shortest one's, that is no worse
LOOSER_S = 0.001
LEAST_KNOWN = 16  # events
FEW_S, FEW = 0.02, 0.1  # by which lines through few events fit less well
LINE_GRID_S, LINE_ROUNDS = 0.25, 3
SIDES, ONE_SIDED = (0, -1, 1), 1.1  # residual of two sides, over that of one, that is no worse


def smoothed(events: Events, jumps: bool = False, known: np.ndarray | None = None) -> np.ndarray:
    """Return the events' times along local straight lines, robust against loose notes.

    The tempo of a performance whose notes are loose; of a score it follows no rubato. The lines are
    as long as the tempo allows.

    Parameters
    ----------
    events
        The events.
    jumps
        Each event gets the length that fits around it, and lines may lie to one side of it, so that
        they end at a rest or a cut; else all of a stretch have one length.
    known : np.ndarray [shape=(n_events,), dtype=bool], optional
        With jumps: the events that lines go through; the others lie on lines from either side, so
        that bars left out do not bend the tempo around them.
    """
    time_s = events.time_s.copy()
    for stretch in np.unique(events.stretch):
        rows = np.flatnonzero(events.stretch == stretch)
        times = events.midi_s[rows], events.time_s[rows]
        told = np.ones(len(rows), bool) if known is None else known[rows]
        told |= told.sum() < LEAST_KNOWN
        line_s = _broken(*times, told) if jumps else _even(*times)
        # Where bars are left out, lines from before must not reach beyond those from after.
        later_s = np.minimum.accumulate(np.where(told, line_s, np.inf)[::-1])[::-1]
        line_s = np.where(told, line_s, np.minimum(line_s, later_s))
        time_s[rows] = np.maximum.accumulate(line_s)
    return time_s


def singled(events: Events, midi_s: np.ndarray) -> Events:
    """Return each note as an event of its own, timed between the events around it."""
    stretch = events.stretch[events.of_note]
    time_s = np.empty(len(midi_s))
    for number in np.unique(stretch):
        notes, here = stretch == number, events.stretch == number
        time_s[notes] = np.interp(midi_s[notes], events.midi_s[here], events.time_s[here])
    return Events(np.arange(len(midi_s)), midi_s, time_s, stretch)


def moved(events: Events, onset_s: np.ndarray) -> Events:
    """Return the events where their notes were found; the others between their neighbours.

    Parameters
    ----------
    events
        The events.
    onset_s : np.ndarray [shape=(n_notes,)]
        Onsets in the recording; NaN where a note says nothing.
    """
    time_s = events.time_s.copy()
    known = ~np.isnan(onset_s)
    count = np.bincount(events.of_note[known], minlength=len(time_s))
    total = np.bincount(events.of_note[known], onset_s[known], len(time_s))
    for stretch in np.unique(events.stretch):
        here = events.stretch == stretch
        told = here & (count > 0)
        if told.any():
            move_s = total[told] / count[told] - time_s[told]
            time_s[here] += np.interp(events.midi_s[here], events.midi_s[told], move_s)
    return replace(events, time_s=time_s)


def _even(midi_s: np.ndarray, found_s: np.ndarray) -> np.ndarray:
    """Return the times along lines of one length."""
    lines = [_lines(midi_s, found_s, _sums(midi_s, length_s, 0)) for length_s in LINES_S]
    residuals = [np.abs(found_s - line_s).clip(max=FAR_S).mean() for line_s in lines]
    fit = max(k for k, each in enumerate(residuals) if each <= LOOSER * residuals[0] + LOOSER_S)
    return lines[fit]


def _broken(midi_s: np.ndarray, found_s: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the times along lines each as long, and as far to one side, as it fits."""
    chosen_s = least_s = np.zeros(0)
    for length_s in LINES_S:
        lines, residuals = [], []
        for side in SIDES:
            near = _sums(midi_s, length_s, side)
            line_s = _lines(midi_s, found_s, near, known)
            weight = near(1.0 * known)
            off_s = near(known * np.abs(found_s - line_s).clip(max=FAR_S)) / (weight + 1e-9)
            off_s += FEW_S / (weight + FEW)
            lines.append(line_s)
            residuals.append(off_s if side else off_s / ONE_SIDED)
        side = np.argmin(residuals, axis=0)[None]
        line_s, residual_s = (
            np.take_along_axis(np.array(x), side, 0)[0] for x in (lines, residuals)
        )
        if not len(least_s):
            chosen_s, least_s = line_s, residual_s
        chosen_s = np.where(residual_s <= LOOSER * least_s + LOOSER_S, line_s, chosen_s)
    return chosen_s


def _lines(
    midi_s: np.ndarray, found_s: np.ndarray, near: Near, known: np.ndarray | float = 1.0
) -> np.ndarray:
    """Return straight lines through the known times that `near` sums up, at each of them."""
    x, weight = midi_s - midi_s[0], known * np.ones(len(midi_s))
    for _ in range(LINE_ROUNDS):
        w, wx, wy = near(weight), near(weight * x), near(weight * found_s)
        wxx, wxy = near(weight * x * x), near(weight * x * found_s)
        slope = (w * wxy - wx * wy) / np.maximum(w * wxx - wx * wx, 1e-6)
        w = np.maximum(w, 1e-9)
        line_s = wy / w + slope * (x - wx / w)
        residual_s = np.abs(found_s - line_s)
        weight = known / (1.0 + np.square(residual_s / (0.02 + 2 * np.median(residual_s))))
    return line_s


def _sums(midi_s: np.ndarray, length_s: float, side: int) -> Near:
    """Return a function that gives, at each time, the sum of values within about `length_s`.

    `side`: 0 takes the times before and after, -1 and 1 those of one side.
    """
    grid = ((midi_s - midi_s[0]) / LINE_GRID_S).astype(np.int64)
    reach = round(3 * length_s / LINE_GRID_S)
    distance = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * np.square(distance * LINE_GRID_S / length_s))
    kernel[distance * side < 0] = 0.0

    def near(values: np.ndarray) -> np.ndarray:
        return convolve1d(np.bincount(grid, values), kernel, mode="constant")[grid]

    return near
