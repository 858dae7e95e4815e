"""A recording as users give it: a file, or samples with their rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..common.errors import InputError
from .audio import load_audio, mixed, open_sound, resample

SAMPLE_RATES = (1_000, 1_000_000)  # Hz; anything else is a damaged file or a slip
LONGEST_S = 12 * 3600.0
UNKNOWN = 2**62  # samples: more than any header can mean
FULL_SCALES = tuple(2 ** (bits - 1) - 1 for bits in (16, 24, 32))  # of integers of any type
MOST_CHANNELS = 64  # of samples; more means that their axes are swapped


@dataclass(frozen=True)
class Recording:
    """A file's path, or mono samples with their rate."""

    name: str
    source: Path | np.ndarray
    sample_rate: int

    def samples(self) -> np.ndarray:
        """Return mono samples at 16 kHz."""
        if isinstance(self.source, Path):
            return load_audio(self.source)
        return resample(self.source, self.sample_rate)


def open_recording(audio: Any, sample_rate: float | None) -> Recording:
    """Return a recording from a path, or from samples and their rate.

    Samples are mixed to mono; those beyond ±1 are scaled down to it. Integers of more
    than 16 bits are taken for 16-bit, 24-bit or 32-bit samples, the least that holds them all.

    Raises
    ------
    InputError
        If it is neither, or its header or sample rate cannot be believed.
    """
    if isinstance(audio, (str, Path)):
        if sample_rate is not None:
            raise InputError(f"{audio}: a file has its own sample rate; leave out sample_rate")
        return _check_file(audio)
    return _check_samples(audio, sample_rate)


def _check_file(path: str | Path) -> Recording:
    """Return a recording whose header, at least, can be believed."""
    with open_sound(path) as file:
        rate, n_samples = file.samplerate, file.frames
    if not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1]:
        raise InputError(f"{path}: claims {rate:,} samples per second; export it again")
    if LONGEST_S * rate < n_samples < UNKNOWN:
        raise InputError(
            f"{path}: claims to last {n_samples / rate / 3600:,.0f} hours (at most "
            f"{LONGEST_S / 3600:.0f}); convert it to WAV or FLAC, or cut it"
        )
    return Recording(str(path), Path(path), rate)


def _check_samples(audio: Any, sample_rate: float | None) -> Recording:
    """Return samples as mono float32."""
    try:
        samples, rate = np.asarray(audio), float(sample_rate or 0)
    except (TypeError, ValueError) as error:
        raise InputError(
            "recording: neither a path nor samples with a sample_rate in Hz"
        ) from error
    if not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1] or rate != int(rate):
        raise InputError(
            f"recording: sample_rate is {sample_rate}; give that of the samples, in Hz"
        )
    if samples.dtype.kind not in "fiu" or samples.ndim not in (1, 2) or samples.size == 0:
        raise InputError(
            f"recording: samples of shape {samples.shape} and type {samples.dtype}; give numbers "
            "of shape (n_samples,) or (n_samples, n_channels)"
        )
    if samples.ndim == 2 and samples.shape[1] > MOST_CHANNELS:
        samples = samples.T
    mono = next(mixed([samples.reshape(len(samples), -1)])).astype(np.float64)
    if samples.dtype.kind in "iu":
        narrow = samples.dtype.itemsize <= 2
        scales = (np.iinfo(samples.dtype).max,) if narrow else FULL_SCALES
        peak = max(int(samples.max()), -1 - int(samples.min()))
        mono /= next((full for full in scales if peak <= full), peak)
    mono /= max(1.0, float(np.abs(mono).max()))  # integers given as floats, say
    return Recording("recording", mono.astype(np.float32), int(rate))
