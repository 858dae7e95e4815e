"""How long after its label a note begins to sound, measured without any trained network.

Method
------
A note is *isolated* if no other label lies between 80 ms before and 100 ms after its own. Around
its label the amplitude at the note's first partials is followed in steps of 0.5 ms through a Hann
window of 24 ms (partials of a stiff string: Fletcher 1964; stiffness by pitch: Rigaud, David and
Daudet 2013). Each partial is divided by its level before the note, so that those which stand out
count most, and their mean is the *envelope*; linear in the amplitude, so its rise does not begin
earlier the louder the note. The steepest rise of the envelope finds the note; from there the onset
is tracked back (Bello et al. 2005) to where a quarter of the rise has been reached. A tone that
starts at full amplitude passes a quarter 3.2 ms before its beginning, because the window looks
ahead; this is added, so that such a tone measures exactly zero.

A note is *measured* if the envelope at least doubles and no other rise is half as steep. Notes that
begin together are left out on purpose: the labels say together, the sounds need not.

Window, fraction and number of partials were chosen for the smallest spread on software pianos of
the *training* part, never on a real recording.

References: Fletcher, J. Acoust. Soc. Am. 36 (1964); Rigaud, David and Daudet, J. Acoust. Soc. Am.
133 (2013); Bello et al., IEEE Trans. Speech Audio Process. 13 (2005).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..io.audio import SAMPLE_RATE

ALONE_S = (0.080, 0.100)  # no other label so long before and after
HOP = 8  # samples, 0.5 ms
WINDOW = 384  # samples, 24 ms
FIRST_S, LAST_S, END_S = -0.050, 0.090, 0.120  # searched up to LAST_S, heard up to END_S
BEFORE_S = -0.020  # what is earlier than this is the level before the note
REACH_S = 0.030  # a rise lasts no longer before and after its steepest point
PARTIALS = 12
HIGHEST_HZ = 7500.0  # below half the sample rate
FLOOR = 0.003  # of the loudest partial, 50 dB below: silence before a note counts as this
FRACTION = 0.25  # of the rise that has been reached at the onset
LEAST_RISE = 2.0
OTHER_RISE, APART_S = 0.5, 0.020  # a second rise so steep, so far away, makes a note ambiguous

_SHAPE = np.hanning(WINDOW + 1)[:-1]
_TIMES = np.arange(round(FIRST_S * SAMPLE_RATE), round(END_S * SAMPLE_RATE) + 1, HOP)
TIMES_S = _TIMES / SAMPLE_RATE  # of the envelope, from the label
# When an ideal step, seen through the window, reaches the fraction: before it happens.
STEP_S = float(
    np.interp(
        FRACTION, np.cumsum(_SHAPE) / _SHAPE.sum(), (np.arange(WINDOW) - WINDOW / 2) / SAMPLE_RATE
    )
)


def note_latency(audio: NDArray, notes: pd.DataFrame) -> pd.DataFrame:
    """Measure the notes of one recording.

    Parameters
    ----------
    audio : array, shape (samples,)
        Mono, 16 kHz.
    notes : DataFrame
        Note table with the labels.

    Returns
    -------
    DataFrame
        One row per note: note_id, pitch, velocity, onset_s; sounding (how many other notes are held
        at its label); isolated; latency_s (sound minus label, NaN where it was not measured).
    """
    onset_s = notes["onset_s"].to_numpy(float)
    found = notes[["note_id", "pitch", "velocity", "onset_s"]].assign(
        sounding=_sounding(onset_s, notes["offset_s"].to_numpy(float)),
        isolated=isolated(onset_s),
        latency_s=np.nan,
    )
    margin_s = WINDOW / SAMPLE_RATE
    whole = (onset_s + FIRST_S > margin_s) & (onset_s + END_S < len(audio) / SAMPLE_RATE - margin_s)
    for pitch, rows in found[found["isolated"] & whole].groupby("pitch"):
        envelope = rise_envelope(audio, rows["onset_s"].to_numpy(float), int(str(pitch)))
        found.loc[rows.index, "latency_s"] = onset_of_rise(envelope)
    return found.reset_index(drop=True)


def isolated(onset_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which notes have no other label near (`ALONE_S`)."""
    ordered = np.sort(onset_s)
    first = np.searchsorted(ordered, onset_s - ALONE_S[0], side="left")
    last = np.searchsorted(ordered, onset_s + ALONE_S[1], side="right")
    return last - first == 1


def partials(pitch: int) -> NDArray[np.float64]:
    """Return the frequencies in Hz of a piano tone's first partials that the audio holds."""
    number = np.arange(1, PARTIALS + 1)
    stiffness = np.exp(0.0926 * pitch - 13.64) + np.exp(-0.0847 * pitch - 5.82)
    frequency = 440.0 * 2 ** ((pitch - 69) / 12) * number * np.sqrt(1 + stiffness * number**2)
    return frequency[frequency < HIGHEST_HZ]


def rise_envelope(audio: NDArray, onset_s: NDArray[np.float64], pitch: int) -> NDArray[np.float64]:
    """Return the amplitude at a pitch's partials, each relative to its level before the note.

    Parameters
    ----------
    audio : array, shape (samples,)
        Must reach beyond every note's window.
    onset_s : array, shape (notes,)
        Labels of notes of this pitch.

    Returns
    -------
    array, shape (notes, len(TIMES_S))
        Zero where the audio is silent throughout.
    """
    place = np.arange(WINDOW) - WINDOW // 2
    wave = np.exp(-2j * np.pi * np.outer(place, partials(pitch)) / SAMPLE_RATE) * _SHAPE[:, None]
    frames = sliding_window_view(np.asarray(audio, np.float32), WINDOW)
    label = onset_s * SAMPLE_RATE
    start = np.rint(label).astype(np.int64)
    cut = frames[start[:, None] + _TIMES - WINDOW // 2]
    amplitude = np.hypot(cut @ wave.real.astype(np.float32), cut @ wave.imag.astype(np.float32))
    level = amplitude[:, TIMES_S < BEFORE_S].mean(axis=1, keepdims=True)
    scale = level + FLOOR * amplitude.max(axis=(1, 2), keepdims=True)
    return (amplitude / np.maximum(scale, 1e-12)).mean(axis=2).astype(np.float64)


def onset_of_rise(envelope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return when, from the label, each note begins; NaN where that is not clear.

    Parameters
    ----------
    envelope : array, shape (notes, len(TIMES_S))

    Returns
    -------
    array, shape (notes,)
        Seconds.
    """
    rows, column = np.arange(len(envelope)), np.arange(len(TIMES_S))
    slope = np.diff(envelope, axis=1)
    slope[:, TIMES_S[1:] > LAST_S] = 0
    steepest = slope.argmax(axis=1)
    away = column - steepest[:, None]
    reach, apart = (round(seconds * SAMPLE_RATE / HOP) for seconds in (REACH_S, APART_S))
    base = np.where((away <= 0) & (away >= -reach), envelope, np.inf).min(axis=1)
    after = np.where((away >= 0) & (away <= reach), envelope, -np.inf)
    top, peak = after.max(axis=1), after.argmax(axis=1)
    threshold = base + FRACTION * (top - base)
    below = (envelope < threshold[:, None]) & (column < peak[:, None])
    last = len(column) - 1 - below[:, ::-1].argmax(axis=1)  # the last time below, before the peak
    last = np.where(below.any(axis=1), last, 0)
    step = envelope[rows, last + 1] - envelope[rows, last]
    part = (threshold - envelope[rows, last]) / np.maximum(step, 1e-12)
    latency_s = TIMES_S[last] + part * HOP / SAMPLE_RATE - STEP_S
    other = np.where(np.abs(away[:, 1:]) > apart, slope, 0).max(axis=1)
    clear = (top > LEAST_RISE * base) & (other < OTHER_RISE * slope[rows, steepest])
    return np.where(clear & below.any(axis=1), np.round(latency_s, 6), np.nan)


def _sounding(onset_s: NDArray[np.float64], offset_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many other notes have begun earlier and are held at each label."""
    begun = np.searchsorted(np.sort(onset_s), onset_s, side="left")
    ended = np.searchsorted(np.sort(offset_s), onset_s, side="right")
    return np.maximum(begun - ended, 0)
