"""Audio in and out: always mono float32 at the project's sample rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile as sf

from ..common.errors import InputError
from ..common.files import atomic_path

SAMPLE_RATE = 16_000  # Hz; 50, 100 and 200 frames per second divide it exactly


def resample(audio: np.ndarray, rate_in: int, rate_out: int = SAMPLE_RATE) -> np.ndarray:
    """Resample a mono signal by a zero-delay polyphase filter (scipy.signal.resample_poly)."""
    if rate_in == rate_out:
        return audio.astype(np.float32, copy=False)
    from scipy.signal import resample_poly

    common = int(np.gcd(rate_in, rate_out))
    up, down = rate_out // common, rate_in // common
    return resample_poly(audio, up, down).astype(np.float32)


def load_audio(path: str | Path) -> np.ndarray:
    """Read a recording as mono at 16 kHz.

    Returns
    -------
    np.ndarray [shape=(n_samples,), dtype=float32]

    Raises
    ------
    InputError
        If the file is missing, unreadable, empty, silent or holds samples that are no numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        samples, rate = sf.read(path, dtype="float32", always_2d=True)
    except (sf.LibsndfileError, RuntimeError) as error:
        reason = str(error).rstrip(".").split(": ")[-1]
        raise InputError(
            f"{path}: not readable as audio ({reason}); convert it to WAV or FLAC"
        ) from error
    if len(samples) == 0:
        raise InputError(f"{path}: holds no samples; record or export it again")
    audio = samples.mean(axis=1)
    if not np.isfinite(audio).all():
        raise InputError(f"{path}: holds samples that are not numbers (NaN); export it again")
    if not np.abs(audio).max() > 1e-5:
        raise InputError(f"{path}: is silent; give a recording with sound")
    return resample(audio, rate)


def write_flac(path: str | Path, audio: np.ndarray) -> None:
    """Write a mono 16 kHz signal in [-1, 1] as 16-bit FLAC, atomically."""
    with atomic_path(path) as temporary:
        sf.write(temporary, audio, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
