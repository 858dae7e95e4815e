"""The coarse stage: from MIDI time to the recording's when tempo or start differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from .coarse_lags import Search, track_lags
from .coarse_path import Path, find_path
from .spectra import Spectra
from .warp import Warp

GRID_S = 1.0  # knots of the rough warp
SMOOTHING_S = 10.0  # standard deviation of the window of the rough warp's local lines
RISE_LEAD_S = 0.012  # by which a rise, through the long window, comes before its onset
SLOWEST = 0.3  # least pace of a warp, recording over MIDI
SEARCHES = (
    Search(hop=5, apart=5, reach_s=3.0, node_s=1.0, jitter_s=0.04, paces=6, pace_cost=4.0),
    Search(hop=1, apart=3, reach_s=0.1, node_s=0.5, jitter_s=0.05, paces=4, pace_cost=2.0),
)


def coarse_warp(spectra: Spectra, notes: pd.DataFrame) -> Warp:
    """Find the warp from the notes' times to the recording's.

    First a rough path through the onsets of both (:mod:`.coarse_path`), which finds start and tempo
    and leaves out what only one of them has; then the lag behind it, twice (:mod:`.coarse_lags`).

    Parameters
    ----------
    spectra
        Of the recording.
    notes
        Note table, on the 88 keys, in any order; at least one note.

    Returns
    -------
    Warp
        Over all notes; beyond the part that both have, at the local pace. Its `score` is the mean
        gain of a note over chance, in nats: about zero for another piece.
    """
    notes = notes.sort_values("onset_s", kind="stable")
    onset_s = notes["onset_s"].to_numpy(np.float64)
    pitch = notes["pitch"].to_numpy(np.int64)
    loudness = np.sqrt(notes["velocity"].to_numpy(np.float64) / 64.0)
    reference = spectra.reference
    path = find_path(spectra.long, reference, onset_s, pitch, loudness)
    if path is None:
        return Warp(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.0)
    warp = _rough_warp(path, onset_s[0], onset_s[-1])
    for search in SEARCHES:
        time_s, lag_s, score = track_lags(spectra.long, reference, warp(onset_s), pitch, search)
        warp = _rising(_inverse(warp, time_s), time_s + lag_s + RISE_LEAD_S, score)
    return warp


def _rough_warp(path: Path, first_s: float, last_s: float) -> Warp:
    """Return local straight lines through a path, weighted by what its frames say."""
    grid_s = np.arange(path.midi_s[0], path.midi_s[-1] + GRID_S, GRID_S)
    bin_ = ((path.midi_s - grid_s[0]) / GRID_S).astype(np.int64)
    weight = np.bincount(bin_, path.weight, len(grid_s)) + 1e-3
    x = np.arange(len(grid_s)) * GRID_S
    y = np.interp(grid_s, path.midi_s, path.audio_s)

    def local(values: np.ndarray) -> np.ndarray:
        return gaussian_filter1d(values, SMOOTHING_S / GRID_S, mode="constant", truncate=3.0)

    for _ in range(3):
        w, wx, wy = local(weight), local(weight * x), local(weight * y)
        wxx, wxy = local(weight * x * x), local(weight * x * y)
        slope = (w * wxy - wx * wy) / np.maximum(w * wxx - wx * wx, 1e-9)
        line = wy / w + slope * (x - wx / w)
        residual = np.abs(y - line)
        weight = weight / (1.0 + np.square(residual / (0.1 + 2 * np.median(residual))))
    return _rising(grid_s, line, float("nan"))


def _inverse(warp: Warp, audio_s: np.ndarray) -> np.ndarray:
    return Warp(warp.audio_s, warp.midi_s)(audio_s)


def _rising(midi_s: np.ndarray, audio_s: np.ndarray, score: float) -> Warp:
    audio_s = np.maximum.accumulate(audio_s - SLOWEST * midi_s) + SLOWEST * midi_s
    if len(midi_s) < 2:
        midi_s, audio_s = midi_s + np.array([0.0, 1.0]), audio_s + np.array([0.0, 1.0])
    return Warp(midi_s, audio_s, score)
