"""A smooth tempo through the events of a course: what fits a performance whose notes are loose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve

from .events import Events

LINES_S = (1.5, 4.0, 12.0, 40.0)  # standard deviations of the windows of a smooth tempo
FAR_S = 0.1  # residuals count up to this
LOOSER = 1.25  # residual of a longer window, over the shortest one's, that is no worse
LINE_GRID_S, LINE_ROUNDS = 0.25, 3


def smoothed(events: Events, local: bool = False) -> np.ndarray:
    """Return the events' times along local straight lines, robust against loose notes.

    The tempo of a performance whose notes are loose; of a score it follows no rubato. The lines are
    as long as the tempo allows.
    """
    time_s = events.time_s.copy()
    for stretch in np.unique(events.stretch):
        rows = np.flatnonzero(events.stretch == stretch)
        midi_s, found_s = events.midi_s[rows], events.time_s[rows]
        if local:
            time_s[rows] = np.maximum.accumulate(_local_lines(midi_s, found_s))
            continue
        lines = [_lines(midi_s, found_s, length_s) for length_s in LINES_S]
        residuals = [np.abs(found_s - line_s).clip(max=FAR_S).mean() for line_s in lines]
        fit = max(k for k, each in enumerate(residuals) if each <= LOOSER * residuals[0] + 0.001)
        time_s[rows] = np.maximum.accumulate(lines[fit])
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


def _window(midi_s, length_s, side):
    grid = ((midi_s - midi_s[0]) / LINE_GRID_S).astype(np.int64)
    n_grid = int(grid[-1]) + 1
    sigma = length_s / LINE_GRID_S
    reach = int(3 * sigma) + 1
    at = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (at / sigma) ** 2)
    if side:
        kernel[at * side < 0] = 0.0

    def local(values: np.ndarray) -> np.ndarray:
        sums = np.bincount(grid, values, n_grid)
        return fftconvolve(sums, kernel[::-1], "same" if False else "full")[reach : reach + n_grid][grid]

    return local


def _lines(midi_s: np.ndarray, found_s: np.ndarray, length_s: float, side: int = 0) -> np.ndarray:
    """Return straight lines through the times within about `length_s`, at each of them."""
    x, weight = midi_s - midi_s[0], np.ones(len(midi_s))
    local = _window(midi_s, length_s, side)
    for _ in range(LINE_ROUNDS):
        w, wx, wy = local(weight), local(weight * x), local(weight * found_s)
        wxx, wxy = local(weight * x * x), local(weight * x * found_s)
        slope = (w * wxy - wx * wy) / np.maximum(w * wxx - wx * wx, 1e-6)
        line_s = wy / w + slope * (x - wx / w)
        residual_s = np.abs(found_s - line_s)
        weight = 1.0 / (1.0 + np.square(residual_s / (0.02 + 2 * np.median(residual_s))))
    return line_s


SIDES = (0, -1, 1)
SWITCH_COST, SIMPLER = 3.0, 0.02


def _local_lines(midi_s: np.ndarray, found_s: np.ndarray) -> np.ndarray:
    """Return lines that end where the tempo jumps: each as long, and to the side, as it fits."""
    best, chosen = None, None
    for length_s in LINES_S:
        lines, residuals = [], []
        for side in SIDES:
            line_s = _lines(midi_s, found_s, length_s, side)
            off_s = np.abs(found_s - line_s).clip(max=FAR_S)
            lines.append(line_s)
            residuals.append(_window(midi_s, length_s, side)(off_s) / _window(midi_s, length_s, side)(np.ones(len(off_s))))
        lines, residuals = np.array(lines), np.array(residuals)
        residuals[0] /= 1.1
        side = residuals.argmin(axis=0)
        line_s, residual = (np.take_along_axis(each, side[None], axis=0)[0] for each in (lines, residuals))
        if best is None:
            best, chosen = residual.copy(), line_s
        else:
            fits = residual <= LOOSER * best + 0.001
            chosen = np.where(fits, line_s, chosen)
    return chosen


def merged(ways):
    """Return onset, confidence and status of each note from the way that hears its passage best."""
    if len(ways) == 1:
        return ways[0]
    gain = np.array([(status == "aligned") for _, _, status in ways], float)
    gain[:-1] += SIMPLER
    n_ways, n = gain.shape
    total = gain[:, 0].copy()
    back = np.zeros((n, n_ways), np.int64)
    for k in range(1, n):
        top = int(total.argmax())
        switched = total[top] - SWITCH_COST
        back[k] = np.where(total >= switched, np.arange(n_ways), top)
        total = np.maximum(total, switched) + gain[:, k]
    chosen = np.zeros(n, np.int64)
    chosen[-1] = int(total.argmax())
    for k in range(n - 1, 0, -1):
        chosen[k - 1] = back[k, chosen[k]]
    import os
    if os.environ.get("DBG"): print("chosen", np.bincount(chosen,minlength=n_ways)/n, "gain", gain.mean(axis=1))
    return tuple(np.stack([way[field] for way in ways])[chosen, np.arange(n)] for field in range(3))
