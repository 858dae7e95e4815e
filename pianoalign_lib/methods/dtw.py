"""The baseline: a global warping path by Sync Toolbox (chroma and DLNCO features, MrMsDTW).

Follows Sync Toolbox's notebook ``sync_audio_score_full`` (Müller et al., JOSS 2021; version 1.4.2)
with its parameters, except that no transposition is searched. Two properties of the method:

- The feature rate is 50 Hz, whose hop of 441 samples is exact. Sync Toolbox truncates a fractional
  hop: asked for 100 Hz it takes 220 samples at 22,050 Hz, and its features drift by 0.23 %.
- The path carries a bias, because Sync Toolbox moves all onsets it finds in audio 25 ms forward to
  make up for its filters' delay and an attack. Measured with a drift of 10 %, as the median error:
  -9 to +7 ms on sampled, synthesized and closely recorded pianos, +15 ms in simulated rooms, +19
  to +28 ms on a distantly recorded Disklavier. With an exact score it is a whole frame (0 or 20
  ms). It is left as it is, as part of the baseline.

A last chord that rings on after the last note of the score is misplaced, by up to the length of
its tail, because the path must end at both ends.

Importing Sync Toolbox takes seconds, so it is imported on first use.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..common.errors import InputError
from ..io.audio import SAMPLE_RATE, resample
from ..io.notes import HIGHEST_PITCH, LOWEST_PITCH

FEATURE_SAMPLE_RATE = 22_050  # Hz; Sync Toolbox's filterbank is built for this rate only
FEATURE_RATE = 50  # Hz; 22,050 / 50 = 441 exactly
STEP_WEIGHTS = (1.5, 1.5, 2.0)  # vertical, horizontal, diagonal
LARGEST_RECTANGLE = 10**6  # cells of a cost matrix, the bound on memory
VELOCITY_SCALE = 1e6  # brings velocities into the range of the onset energies of audio
SHORTEST_AUDIO_S = 1.5  # the tuning estimate needs two windows of 0.74 s


@dataclass(frozen=True)
class DtwFeatures:
    """What the alignment compares; frame k is centred on k / `rate` seconds.

    Attributes
    ----------
    chroma : np.ndarray [shape=(12, n_frames)]
        Quantized chroma, C first.
    dlnco : np.ndarray [shape=(12, n_frames)]
        Decaying locally adaptive normalized chroma onsets.
    rate : float
        Frames per second by which time is counted.
    """

    chroma: np.ndarray
    dlnco: np.ndarray
    rate: float = FEATURE_RATE


def audio_features(
    audio: np.ndarray,
    sample_rate: int = SAMPLE_RATE,
    rate: int = FEATURE_RATE,
    true_clock: bool = True,
) -> DtwFeatures:
    """Compute the features of a recording (the expensive part: do it once per recording).

    Parameters
    ----------
    audio : np.ndarray [shape=(n_samples,)]
        Mono signal.
    sample_rate : int
        In Hz.
    rate : int
        Features per second asked of Sync Toolbox.
    true_clock : bool
        Count time by the rate that its whole hop gives. By the one asked for, chroma drifts
        against the notes and the onset features, which stand where their peaks are.

    Returns
    -------
    DtwFeatures

    Raises
    ------
    InputError
        If the recording is shorter than 1.5 s, silent, too soft, or holds NaN.
    """
    from synctoolbox.feature.chroma import pitch_to_chroma, quantize_chroma
    from synctoolbox.feature.dlnco import pitch_onset_features_to_DLNCO
    from synctoolbox.feature.pitch import audio_to_pitch_features
    from synctoolbox.feature.pitch_onset import audio_to_pitch_onset_features
    from synctoolbox.feature.utils import estimate_tuning

    if len(audio) < SHORTEST_AUDIO_S * sample_rate:
        raise InputError(
            f"recording of {len(audio) / sample_rate:.2f} s is too short for DTW; "
            f"give at least {SHORTEST_AUDIO_S:g} s"
        )
    if not np.isfinite(audio).all():
        raise InputError("recording holds samples that are not numbers (NaN); export it again")
    if not np.any(audio):
        raise InputError("recording is silent; give a recording with sound")
    audio = resample(audio, sample_rate, FEATURE_SAMPLE_RATE)
    with contextlib.redirect_stdout(io.StringIO()):  # a dot per pitch even if not verbose
        tuning_cents = estimate_tuning(audio, FEATURE_SAMPLE_RATE)
        pitch = audio_to_pitch_features(
            audio, FEATURE_SAMPLE_RATE, rate, tuning_offset=tuning_cents
        )
        peaks = audio_to_pitch_onset_features(
            audio, FEATURE_SAMPLE_RATE, tuning_offset=tuning_cents
        )
    chroma = quantize_chroma(pitch_to_chroma(pitch))
    if not chroma.any():
        raise InputError("recording is silent or far too soft; raise its level")
    counted = FEATURE_SAMPLE_RATE / int(FEATURE_SAMPLE_RATE / rate) if true_clock else rate
    dlnco = pitch_onset_features_to_DLNCO(peaks, chroma.shape[1], feature_rate=counted)
    return DtwFeatures(chroma, dlnco, counted)


def note_features(
    notes: pd.DataFrame, duration_s: float | None = None, rate: float = FEATURE_RATE
) -> DtwFeatures:
    """Compute the features of a note table.

    Equal to Sync Toolbox's ``df_to_pitch_features`` and ``df_to_pitch_onset_features`` with what
    follows them, but vectorised, and without their module's need of music21.

    Parameters
    ----------
    notes : pd.DataFrame
        Note table.
    duration_s : float, optional
        Length of the features; by default and at least the last offset.
    rate : float
        Frames per second, that of the recording's features.

    Returns
    -------
    DtwFeatures

    Raises
    ------
    InputError
        If there are no notes, or some are off the piano or begin before 0.
    """
    from synctoolbox.feature.chroma import pitch_to_chroma, quantize_chroma
    from synctoolbox.feature.dlnco import pitch_onset_features_to_DLNCO

    if not len(notes):
        raise InputError("no notes to align; give a MIDI file with notes")
    if not notes["pitch"].between(LOWEST_PITCH, HIGHEST_PITCH).all():
        raise InputError("notes off the 88 keys of a piano; drop them")
    if notes["onset_s"].min() < 0:
        raise InputError("notes before 0 s; shift the MIDI file to start at 0")
    end_s = max(float(notes["offset_s"].max()), duration_s or 0.0)
    n_frames = max(2, int(np.ceil(end_s * rate)))

    chroma = quantize_chroma(pitch_to_chroma(_pitch_features(notes, n_frames, rate)))
    # A last note shorter than half a frame would round beyond the features.
    pitch = notes["pitch"].to_numpy()
    time_ms = 1000 * np.minimum(notes["onset_s"].to_numpy(), (n_frames - 1) / rate)
    height = notes["velocity"].to_numpy() / VELOCITY_SCALE
    peaks = {p: np.array([time_ms[pitch == p], height[pitch == p]]) for p in np.unique(pitch)}
    dlnco = pitch_onset_features_to_DLNCO(peaks, n_frames, feature_rate=rate)
    return DtwFeatures(chroma, dlnco, rate)


def _pitch_features(notes: pd.DataFrame, n_frames: int, rate: float) -> np.ndarray:
    """Velocity times the share of each two-hop window a note fills [shape=(128, n_frames)]."""
    pitch = notes["pitch"].to_numpy()
    # In hops; frame k's window is [k - 1, k + 1].
    onset = notes["onset_s"].to_numpy() * rate
    offset = notes["offset_s"].to_numpy() * rate
    first = np.floor(onset).astype(np.int64)
    last = np.minimum(np.floor(offset).astype(np.int64) + 1, n_frames - 1)
    count = np.maximum(last - first + 1, 0)
    note = np.repeat(np.arange(len(notes)), count)
    frame = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - first, count)

    overlap = np.minimum(offset[note], frame + 1) - np.maximum(onset[note], frame - 1)
    features = np.zeros((128, n_frames))
    np.add.at(features, (pitch[note], frame), notes["velocity"].to_numpy()[note] * overlap / 2)
    return features


def warping_path(recording: DtwFeatures, score: DtwFeatures) -> np.ndarray:
    """Align a recording and a note table.

    Parameters
    ----------
    recording, score : DtwFeatures
        From `audio_features` and `note_features`, of one rate.

    Returns
    -------
    np.ndarray [shape=(2, N)]
        Seconds in the recording and in the note table, both strictly increasing.

    Raises
    ------
    InputError
        If Sync Toolbox finds no path.
    """
    from synctoolbox.dtw.mrmsdtw import sync_via_mrmsdtw
    from synctoolbox.dtw.utils import make_path_strictly_monotonic

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            path = sync_via_mrmsdtw(
                recording.chroma,
                score.chroma,
                recording.dlnco,
                score.dlnco,
                input_feature_rate=FEATURE_RATE,  # of anchors, which are not used
                step_weights=np.array(STEP_WEIGHTS),
                threshold_rec=LARGEST_RECTANGLE,
            )
    except (ValueError, IndexError, AssertionError) as error:
        lengths = f"{recording.chroma.shape[1]} and {score.chroma.shape[1]} frames"
        raise InputError(
            f"DTW found no path between recording and notes ({lengths}); "
            "check that they hold the same piece"
        ) from error
    return make_path_strictly_monotonic(path) / recording.rate


def map_onsets(path: np.ndarray, onset_s: np.ndarray) -> np.ndarray:
    """Map times of the note table to the recording, by interpolation along a warping path.

    Beyond the ends of the path time goes on at the pace of the note table.

    Parameters
    ----------
    path : np.ndarray [shape=(2, N)]
        From `warping_path`.
    onset_s : np.ndarray [shape=(n,)]
        Seconds in the note table.

    Returns
    -------
    np.ndarray [shape=(n,)]
        Seconds in the recording, in the same order; strictly monotonic.
    """
    onset_s = np.asarray(onset_s, dtype=np.float64)
    recording_s, score_s = path
    inside_s = np.clip(onset_s, score_s[0], score_s[-1])
    return np.interp(inside_s, score_s, recording_s) + (onset_s - inside_s)


def map_notes(path: np.ndarray, notes: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a note table with onsets and offsets mapped to the recording."""
    return notes.assign(
        onset_s=map_onsets(path, notes["onset_s"].to_numpy()),
        offset_s=map_onsets(path, notes["offset_s"].to_numpy()),
    )
