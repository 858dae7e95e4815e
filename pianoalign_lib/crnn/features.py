"""What the network hears: log-CQT, CQT, log-Mel or Mel, 88 bins, on one exact time grid.

Frame k is centred on ``k / fps`` seconds: librosa's centred frames with a hop that divides the
sample rate. At 16 kHz the hops are 320, 160 and 80 samples for 50, 100 and 200 frames per second.
Each recording is scaled by its own loudest value, so that level does not matter.
"""

from __future__ import annotations

import librosa
import numpy as np

from ..common.config import REPRESENTATIONS
from ..common.errors import ConfigError
from ..io.audio import SAMPLE_RATE

N_BINS = 88
_LOWEST_HZ = 27.5
DYNAMIC_RANGE_DB = 80.0
_MEL_WINDOW = 2048  # samples, 128 ms


def hop_length(fps: int) -> int:
    """Return the hop in samples.

    Raises
    ------
    ConfigError
        If the hop would not be a whole number of samples.
    """
    if fps <= 0 or SAMPLE_RATE % fps:
        raise ConfigError(
            f"{fps} frames per second do not divide {SAMPLE_RATE} Hz; use 50, 100 or 200"
        )
    return SAMPLE_RATE // fps


def compute_features(audio: np.ndarray, representation: str, fps: int) -> np.ndarray:
    """Return one representation of a recording.

    Parameters
    ----------
    audio : np.ndarray [shape=(n_samples,)]
        Mono, 16 kHz.
    representation
        ``log_cqt`` or ``cqt`` (88 bins, 12 per octave, from 27.5 Hz; paper, input representation),
        ``log_mel`` or ``mel`` (88 bands from 27.5 Hz to 8 kHz; the paper's number of bands is not
        in our source, 88 keeps the network the same).
    fps
        Frames per second.

    Returns
    -------
    np.ndarray [shape=(n_frames, 88), dtype=float32]
        Linear: amplitude over the recording's largest. Log: 0 at 80 dB below it, 1 at it.

    Raises
    ------
    ConfigError
        If the representation or the frame rate is unknown.
    """
    if representation not in REPRESENTATIONS:
        raise ConfigError(
            f"unknown representation '{representation}'; use one of {REPRESENTATIONS}"
        )
    hop = hop_length(fps)
    if representation.endswith("cqt"):
        magnitude = np.abs(
            librosa.cqt(audio, sr=SAMPLE_RATE, hop_length=hop, fmin=_LOWEST_HZ, n_bins=N_BINS)
        )
    else:
        magnitude = librosa.feature.melspectrogram(
            y=audio,
            sr=SAMPLE_RATE,
            hop_length=hop,
            n_fft=_MEL_WINDOW,
            n_mels=N_BINS,
            fmin=_LOWEST_HZ,
            power=1.0,
        )
    magnitude = magnitude / max(float(magnitude.max()), 1e-10)
    if representation.startswith("log"):
        decibel = 20.0 * np.log10(np.maximum(magnitude, 10 ** (-DYNAMIC_RANGE_DB / 20)))
        magnitude = 1.0 + decibel / DYNAMIC_RANGE_DB
    n_frames = 1 + len(audio) // hop  # one every hop, the first on sample 0
    return np.ascontiguousarray(magnitude.T[:n_frames], dtype=np.float32)
