"""Onsets as targets for a network, and from its output back to onsets. Loads no torch."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from pianoalign_lib.io.notes import LOWEST_PITCH, N_PITCHES

_REACH = 3  # standard deviations to which a target reaches
_FLOOR = 1e-6  # of a probability, before its logarithm is taken


def onset_targets(notes: pd.DataFrame, n_frames: int, fps: int, width_s: float) -> np.ndarray:
    """Return 1 at each onset, falling as a normal curve to both sides.

    Its height in a frame tells how far the onset is from the frame's centre: that carries onsets
    between frames, as the triangles of Kong et al. (2021) do; Hawthorne et al. (2018) have whole
    frames.

    Parameters
    ----------
    notes
        Note table; onsets outside the recording leave what reaches into it.
    n_frames, fps
        Frame k is centred on k / fps seconds.
    width_s
        The curve's standard deviation.

    Returns
    -------
    np.ndarray [shape=(n_frames, 88), dtype=float32]
    """
    target = np.zeros((n_frames, N_PITCHES), dtype=np.float32)
    onset_s = notes["onset_s"].to_numpy()
    key = notes["pitch"].to_numpy() - LOWEST_PITCH
    reach = int(np.ceil(_REACH * width_s * fps))
    for step in range(-reach, reach + 1):
        frame = np.rint(onset_s * fps).astype(np.int64) + step
        height = np.exp(-0.5 * ((frame / fps - onset_s) / width_s) ** 2)
        inside = (frame >= 0) & (frame < n_frames)
        np.maximum.at(target, (frame[inside], key[inside]), height[inside].astype(np.float32))
    return target


def pick_onsets(posterior: np.ndarray, fps: int, threshold: float, gap_s: float) -> pd.DataFrame:
    """Return the peaks of a posterior, between frames by the parabola through three values.

    A peak is the largest value within `gap_s` to both sides, the first of equal ones. The parabola
    goes through logarithms, in which a normal curve is one.

    Parameters
    ----------
    posterior : np.ndarray [shape=(n_frames, 88)]
        Probability of an onset.
    fps
        Frames per second.
    threshold
        The least height of a peak.
    gap_s
        At least so far apart are two onsets of a key; one frame or more.

    Returns
    -------
    pd.DataFrame
        Columns: pitch, onset_s (not before 0), confidence (the height); by onset, then pitch.
    """
    reach = max(1, round(gap_s * fps))
    padded = np.pad(posterior, ((reach, reach), (0, 0)))
    highest = sliding_window_view(padded, reach, axis=0).max(axis=-1)
    before, after = highest[: len(posterior)], highest[reach + 1 :]
    frame, key = np.nonzero((posterior >= threshold) & (posterior > before) & (posterior >= after))
    around = np.clip(frame + np.array([[-1], [0], [1]]), 0, len(posterior) - 1)
    left, middle, right = np.log(np.maximum(posterior[around, key], _FLOOR))
    bend = 2.0 * (left - 2.0 * middle + right)
    shift = np.divide(left - right, bend, out=np.zeros_like(bend), where=bend < 0)
    onset_s = np.maximum((frame + shift.astype(np.float64)) / fps, 0.0)
    found = pd.DataFrame(
        {"pitch": key + LOWEST_PITCH, "onset_s": onset_s, "confidence": posterior[frame, key]}
    )
    return found.sort_values(["onset_s", "pitch"], ignore_index=True)
