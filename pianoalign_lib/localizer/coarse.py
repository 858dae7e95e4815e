"""The global warp from the time of a MIDI file to that of a recording, where tempo or start differ.

Dynamic time warping of onsets with free ends, from coarse to fine in a band (the idea of
MrMsDTW, Prätzlich, Driedger, Müller 2016), so that memory grows with the length only. Then the lag
that remains, second by second, from the rises at the notes' own pitches.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from .banded_dtw import warping_path
from .spectra import LONG_FPS, LOWEST_ROW, N_ROWS, Spectra
from .warp import Warp

RATE = 20  # frames per second of the features
SMOOTH_FRAMES = 1.2
SHARP = 0.6  # weight of the onsets over what rings on
DECAY_S = 1.0
LONGEST = 3000  # frames of a level that is searched as a whole
BAND = 60  # frames to each side of the path of the level before
FLOOR_BELOW = 80  # bytes (40 dB) below the recording's level that count as silence
RISE_FRAMES = 3  # a rise is measured over 60 ms
HARMONICS = ((0, 1.0), (12, 0.5), (19, 0.3), (24, 0.2))  # semitones and weights
RISE_LEAD_S = 0.02  # by which a rise, seen through a long window, comes before its onset
LAG_S, NODE_S, NEAR_S = 0.5, 1.0, 1.0  # lags searched, spacing of lags, notes that say one lag
LAG_PENALTY = 0.15  # for a change of the lag by 10 ms from node to node


def coarse_warp(spectra: Spectra, notes: pd.DataFrame) -> Warp:
    """Find the warp from the notes' time to the recording's.

    Either may begin or end earlier than the other. `Warp.score` is the mean cosine similarity
    along the path.

    Parameters
    ----------
    spectra
        Of the recording.
    notes
        Note table.
    """
    order = np.argsort(notes["onset_s"].to_numpy(), kind="stable")
    onset_s = notes["onset_s"].to_numpy(np.float64)[order]
    pitch = notes["pitch"].to_numpy(np.int64)[order]
    start_s = float(onset_s[0])
    floor = int(max(0.0, spectra.reference - FLOOR_BELOW))
    audio = _audio_onsets(spectra.long, floor)
    score = _note_onsets(onset_s - start_s, pitch)
    path, similarity = _multi_level(score, audio)
    warp = _warp(path[:, 0] / RATE + start_s, path[:, 1] / RATE, similarity)
    for _ in range(2):
        warp = _refined(warp, spectra, floor, onset_s, pitch)
    return warp


def _audio_onsets(long: np.ndarray, floor: int) -> np.ndarray:
    """Return the rises per semitone and frame [shape=(n, 99)]."""
    step = LONG_FPS // RATE
    onsets = np.zeros((len(long) // step + 1, N_ROWS), np.float32)
    for first in range(0, len(onsets), 600):
        begin, end = first * step, min((first + 600) * step, len(long))
        rows = np.clip(np.arange(begin - RISE_FRAMES, end + RISE_FRAMES), 0, len(long) - 1)
        level = np.maximum(long[rows], floor).astype(np.int16)
        rise = np.maximum(level[2 * RISE_FRAMES :] - level[: -2 * RISE_FRAMES], 0)
        starts = np.arange(0, end - begin, step)
        if len(starts):
            onsets[first : first + len(starts)] = np.add.reduceat(rise, starts, axis=0)
    return onsets


def _note_onsets(onset_s: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Return what the notes let expect of `_audio_onsets`."""
    onsets = np.zeros((int(onset_s[-1] * RATE) + 2, N_ROWS), np.float32)
    frame = (onset_s * RATE).astype(np.int64)
    for interval, weight in HARMONICS:
        row = pitch - LOWEST_ROW + interval
        inside = row < N_ROWS
        np.add.at(onsets, (frame[inside], row[inside]), weight)
    return onsets


def _folded(onsets: np.ndarray) -> np.ndarray:
    """Return the sums over pitch classes [shape=(n, 12)]."""
    padded = np.pad(onsets, ((0, 0), (0, -onsets.shape[1] % 12)))
    return padded.reshape(len(onsets), -1, 12).sum(axis=1)


def _normalised(onsets: np.ndarray, decay_frames: float) -> np.ndarray:
    """Return onsets per pitch class and, beside them, their decaying sums: when, and what."""
    sharp = gaussian_filter1d(_folded(onsets), SMOOTH_FRAMES, axis=0, mode="constant")
    keep = np.exp(-1.0 / decay_frames)
    ringing = lfilter([1.0 - keep], [1.0, -keep], sharp, axis=0)
    parts = [_unit(np.sqrt(part)) for part in (sharp, ringing)]
    return np.hstack([SHARP * parts[0], (1.0 - SHARP) * parts[1]]).astype(np.float32)


def _unit(features: np.ndarray) -> np.ndarray:
    """Return vectors of about unit length; frames with little in them stay small."""
    features = np.maximum(features - features.mean(axis=1, keepdims=True), 0)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / (length + 0.3 * length.mean() + 1e-9)


def _multi_level(score: np.ndarray, audio: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the path in frames [shape=(k, 2)] and its mean similarity."""
    factors = [1]
    while max(len(score), len(audio)) / factors[-1] > LONGEST:
        factors.append(factors[-1] * 4)
    centre = None
    path, similarity = np.zeros((0, 2)), 0.0
    for factor in reversed(factors):
        rows, columns = (
            _normalised(_pooled(part, factor), DECAY_S * RATE / factor) for part in (score, audio)
        )
        centre = None if factor == factors[-1] else _band_centre(path, len(rows), factor)
        path, similarity = warping_path(rows, columns, centre, BAND)
        path = (path + 0.5) * factor - 0.5
    return path, similarity


def _band_centre(path: np.ndarray, n_rows: int, factor: int) -> np.ndarray:
    """Return the column of each row of a finer level, at the tempo 1 beyond the path's ends."""
    row = (np.arange(n_rows) + 0.5) * factor - 0.5
    column = np.interp(row, path[:, 0], path[:, 1]) + row - np.clip(row, path[0, 0], path[-1, 0])
    return np.rint((column + 0.5) / factor - 0.5).astype(np.int64)


def _pooled(onsets: np.ndarray, factor: int) -> np.ndarray:
    padded = np.pad(onsets, ((0, -len(onsets) % factor), (0, 0)))
    return padded.reshape(-1, factor, N_ROWS).sum(axis=1)


def _warp(midi_s: np.ndarray, audio_s: np.ndarray, similarity: float) -> Warp:
    """Thin a path out to a knot every two seconds, each the mean of the path around it."""
    n_knots = max(2, int((midi_s[-1] - midi_s[0]) / 2.0) + 1)
    knots = np.linspace(midi_s[0], midi_s[-1], n_knots)
    smooth = gaussian_filter1d(audio_s - midi_s, 8, mode="nearest")
    return _rising(knots, knots + np.interp(knots, midi_s, smooth), similarity)


def _rising(midi_s: np.ndarray, audio_s: np.ndarray, score: float) -> Warp:
    if len(midi_s) < 2 or midi_s[-1] - midi_s[0] < 1e-3:
        midi_s, audio_s = midi_s[0] + np.array([0.0, 1.0]), audio_s[0] + np.array([0.0, 1.0])
    slow = 0.2 * (midi_s - midi_s[0])  # never slower than a fifth of the tempo
    return Warp(midi_s, np.maximum.accumulate(audio_s - slow) + slow, score)


def _refined(
    warp: Warp, spectra: Spectra, floor: int, onset_s: np.ndarray, pitch: np.ndarray
) -> Warp:
    """Move the warp, second by second, to where the notes' own pitches rise."""
    expected_s = warp(onset_s)
    n_lags = round(LAG_S * LONG_FPS)
    nodes = np.arange(onset_s[0], onset_s[-1] + NODE_S, NODE_S)
    profiles = np.zeros((len(nodes), 2 * n_lags + 1), np.float32)
    node = np.clip(((onset_s - onset_s[0]) / NODE_S).astype(np.int64), 0, len(nodes) - 1)
    for start in range(0, len(onset_s), 4096):
        part = slice(start, start + 4096)
        rise = _rises(spectra.long, floor, expected_s[part], pitch[part], n_lags)
        np.add.at(profiles, node[part], rise)
    profiles = gaussian_filter1d(profiles, NEAR_S / NODE_S, axis=0, mode="constant")
    profiles = gaussian_filter1d(profiles, 4.0, axis=1, mode="nearest")
    profiles /= profiles.max(axis=1, keepdims=True) + 1e-9
    lag = _smooth_lags(profiles) - n_lags
    midi_s = nodes + NODE_S / 2
    return _rising(midi_s, warp(midi_s) + lag / LONG_FPS + RISE_LEAD_S, warp.score)


def _rises(
    long: np.ndarray, floor: int, expected_s: np.ndarray, pitch: np.ndarray, n_lags: int
) -> np.ndarray:
    """Return the rise at each note's pitch and octave, at every lag [shape=(n, 2 n_lags + 1)]."""
    frame = np.rint(expected_s * LONG_FPS).astype(np.int64)
    frames = frame[:, None] + np.arange(-n_lags - RISE_FRAMES, n_lags + RISE_FRAMES + 1)
    frames = np.clip(frames, 0, len(long) - 1)
    total = np.zeros((len(frame), 2 * n_lags + 1), np.float32)
    for interval in (0, 12):
        row = np.minimum(pitch - LOWEST_ROW + interval, long.shape[1] - 1)[:, None]
        level = np.maximum(long[frames, row], floor).astype(np.int16)
        total += np.maximum(level[:, 2 * RISE_FRAMES :] - level[:, : -2 * RISE_FRAMES], 0)
    return total


def _smooth_lags(profiles: np.ndarray) -> np.ndarray:
    """Return a lag index for each node: high in its profile, close to its neighbours' (Viterbi)."""
    n_nodes, n_lags = profiles.shape
    distance = np.abs(np.arange(n_lags)[:, None] - np.arange(n_lags))
    penalty = (LAG_PENALTY * np.minimum(distance, 12)).astype(np.float32)
    total, back = profiles[0].copy(), np.zeros((n_nodes, n_lags), np.int16)
    for index in range(1, n_nodes):
        reached = total[None, :] - penalty
        back[index] = reached.argmax(axis=1)
        total = reached.max(axis=1) + profiles[index]
    chosen = np.zeros(n_nodes, np.int64)
    chosen[-1] = total.argmax()
    for index in range(n_nodes - 1, 0, -1):
        chosen[index - 1] = back[index, chosen[index]]
    return gaussian_filter1d(chosen.astype(np.float64), 1.0, mode="nearest")
