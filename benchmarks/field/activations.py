"""Sync Toolbox on what a transcriber answers, key by key, in place of chroma and its onsets.

After Zeitler, Maman and Müller ("Robust and Accurate Audio Synchronization Using Raw Features From
Transcription Models", ISMIR 2024): which keys sound and which begin, at the step of the baseline,
take the places of chroma and DLNCO in MrMsDTW; its parameters are the baseline's. Of basic-pitch
these are the network's activations. Transkun has none (it scores whole intervals), so its notes
stand for them, sounding for as long as here the notes of the MIDI do.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import LOWEST_PITCH, N_PITCHES
from pianoalign_lib.io.placement import Aligner, Placement, placed
from pianoalign_lib.methods.dtw import FEATURE_RATE, DtwFeatures, map_onsets, warping_path

from . import basic_pitch, transkun

LONGEST_S = 0.5  # a note sounds, where the transcriber gives onsets only; a piano decays


class OnBasicPitch:
    """The combination with basic-pitch, as an adapter."""

    start = staticmethod(basic_pitch.start)

    @staticmethod
    def prepare(audio: np.ndarray) -> Aligner:
        """Return a function that places notes on a recording (mono, 16 kHz)."""
        keys, begins, time_s = basic_pitch.activations(audio)
        grid_s = np.arange(_n_frames(len(audio) / SAMPLE_RATE)) / FEATURE_RATE
        sounding, onsets = (
            np.stack([np.interp(grid_s, time_s, key) for key in values.T])
            for values in (keys, begins)
        )
        return _warp(DtwFeatures(sounding, onsets))


class OnTranskun:
    """The combination with Transkun, whose notes are those kept of it alone."""

    start = staticmethod(transkun.start)
    hear = staticmethod(transkun.hear)

    @staticmethod
    def place_on(heard: pd.DataFrame) -> Aligner:
        """Return a function that warps notes to those heard."""
        return _warp(of_onsets(heard))


def of_onsets(notes: pd.DataFrame) -> DtwFeatures:
    """Return which keys sound and which begin, of notes (columns pitch, onset_s).

    Parameters
    ----------
    notes
        Those off the 88 keys are left out.

    Returns
    -------
    DtwFeatures
        ``chroma`` and ``dlnco`` of shape (88, n_frames), as long as the last note sounds.

    Raises
    ------
    InputError
        If there are none.
    """
    if not len(notes):
        raise InputError("no notes were heard; DTW needs some")
    n_frames = _n_frames(notes["onset_s"].max() + LONGEST_S)
    first = np.round(notes["onset_s"].to_numpy() * FEATURE_RATE).astype(int)
    key = notes["pitch"].to_numpy() - LOWEST_PITCH
    sounding, onsets = np.zeros((2, N_PITCHES, n_frames))
    inside = (key >= 0) & (key < N_PITCHES) & (first >= 0)
    for row, frame in zip(key[inside], first[inside], strict=True):
        sounding[row, frame : frame + round(LONGEST_S * FEATURE_RATE)] = 1.0
        onsets[row, max(frame - 1, 0) : frame + 2] = 0.5  # less than two frames off still agrees
        onsets[row, frame] = 1.0
    return DtwFeatures(sounding, onsets)


def _warp(recording: DtwFeatures) -> Aligner:
    def place(notes: pd.DataFrame) -> Placement:
        path = warping_path(recording, of_onsets(notes))
        return placed(map_onsets(path, notes["onset_s"].to_numpy()))

    return place


def _n_frames(length_s: float) -> int:
    return max(2, int(np.ceil(length_s * FEATURE_RATE)))
