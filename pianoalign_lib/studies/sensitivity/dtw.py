"""The DTW baseline at other feature rates and without onset features, for the sensitivity study.

At 50 Hz with onset features it equals :mod:`.methods.dtw`. Sync Toolbox steps by whole
samples: asked for 100 Hz it takes 220 at 22,050 Hz, so its features really come at 100.23 Hz.
Reading them by that rate is exact; reading them as 100 Hz makes chroma drift by 0.23 % against the
notes and against the onset features, which are placed by the times of their peaks.
"""

from __future__ import annotations

import contextlib
import io
from functools import cached_property

import numpy as np
import pandas as pd

from ...io.audio import SAMPLE_RATE, resample
from ...methods.dtw import (
    FEATURE_RATE,
    FEATURE_SAMPLE_RATE,
    VELOCITY_SCALE,
    DtwFeatures,
    note_features,
    warping_path,
)


class DtwBench:
    """One recording, to be aligned at any feature rate; the expensive parts are computed once.

    Parameters
    ----------
    audio : np.ndarray [shape=(n_samples,)]
        Mono, 16 kHz.
    """

    def __init__(self, audio: np.ndarray) -> None:
        self._audio = resample(audio, SAMPLE_RATE, FEATURE_SAMPLE_RATE)
        self._chroma: dict[int, np.ndarray] = {}
        self._dlnco: dict[float, np.ndarray] = {}

    def path(
        self, notes: pd.DataFrame, rate: int = 50, true_clock: bool = True, onsets: bool = True
    ) -> np.ndarray:
        """Return the warping path from the recording to a note table.

        Parameters
        ----------
        notes
            Note table.
        rate
            Features per second asked for.
        true_clock
            Count time by the rate that Sync Toolbox's whole hop gives, not by the one asked for.
        onsets
            Use DLNCO features beside chroma.

        Returns
        -------
        np.ndarray [shape=(2, N)]
            Seconds in the recording and in the note table, both strictly increasing.

        Raises
        ------
        InputError
            If there is no path.
        """
        counted = FEATURE_SAMPLE_RATE / int(FEATURE_SAMPLE_RATE / rate) if true_clock else rate
        chroma = self._chroma_at(rate)
        if counted not in self._dlnco:
            self._dlnco[counted] = _dlnco(self._peaks, chroma.shape[1], counted)
        recording = DtwFeatures(chroma, self._dlnco[counted])
        score = _note_features(notes, counted)
        if not onsets:
            # Costs of zero leave the chroma to decide.
            recording, score = (
                DtwFeatures(part.chroma, np.zeros_like(part.chroma)) for part in (recording, score)
            )
        # MrMsDTW counts frames; only their conversion to seconds knows a rate.
        return warping_path(recording, score) * (FEATURE_RATE / counted)

    @cached_property
    def _tuning_cents(self) -> int:
        from synctoolbox.feature.utils import estimate_tuning

        with contextlib.redirect_stdout(io.StringIO()):
            return estimate_tuning(self._audio, FEATURE_SAMPLE_RATE)

    @cached_property
    def _peaks(self) -> dict[int, np.ndarray]:
        """Onset peaks by pitch, in milliseconds: the same for every rate."""
        from synctoolbox.feature.pitch_onset import audio_to_pitch_onset_features

        with contextlib.redirect_stdout(io.StringIO()):
            return audio_to_pitch_onset_features(
                self._audio, FEATURE_SAMPLE_RATE, tuning_offset=self._tuning_cents
            )

    def _chroma_at(self, rate: int) -> np.ndarray:
        from synctoolbox.feature.chroma import pitch_to_chroma, quantize_chroma
        from synctoolbox.feature.pitch import audio_to_pitch_features

        if rate not in self._chroma:
            with contextlib.redirect_stdout(io.StringIO()):
                pitch = audio_to_pitch_features(
                    self._audio, FEATURE_SAMPLE_RATE, rate, tuning_offset=self._tuning_cents
                )
            self._chroma[rate] = quantize_chroma(pitch_to_chroma(pitch))
        return self._chroma[rate]


def _note_features(notes: pd.DataFrame, rate: float) -> DtwFeatures:
    """Return the features of a note table at any rate [shapes (12, n_frames)]."""
    # Chroma at one rate is that at another of the same notes, played so much faster or slower.
    onset_s, offset_s = notes["onset_s"].to_numpy(), notes["offset_s"].to_numpy()
    pace = rate / FEATURE_RATE
    played = notes.assign(onset_s=onset_s * pace, offset_s=offset_s * pace)
    chroma = note_features(played).chroma
    n_frames, pitch = chroma.shape[1], notes["pitch"].to_numpy()
    time_ms = 1000 * np.minimum(onset_s, (n_frames - 1) / rate)
    height = notes["velocity"].to_numpy() / VELOCITY_SCALE
    peaks = {p: np.array([time_ms[pitch == p], height[pitch == p]]) for p in np.unique(pitch)}
    return DtwFeatures(chroma, _dlnco(peaks, n_frames, rate))


def _dlnco(peaks: dict[int, np.ndarray], n_frames: int, rate: float) -> np.ndarray:
    from synctoolbox.feature.dlnco import pitch_onset_features_to_DLNCO

    return pitch_onset_features_to_DLNCO(peaks, n_frames, feature_rate=rate)
