"""Read a recording block by block: mono, 16 kHz, whatever it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile as sf

from ..common.errors import InputError

SAMPLE_RATE = 16_000  # Hz
BLOCK_S = 20  # seconds of audio in memory at a time


def file_blocks(path: Path) -> Iterator[np.ndarray]:
    """Yield a file's blocks.

    Raises
    ------
    InputError
        If the file is missing or libsndfile cannot read it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with sf.SoundFile(path) as file:
            yield from _resampled(
                file.blocks(BLOCK_S * file.samplerate, dtype="float32", always_2d=True),
                file.samplerate,
            )
    except (sf.LibsndfileError, RuntimeError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> InputError:
    """Return what to raise when libsndfile cannot read a file."""
    reason = str(error).rstrip(".").split(": ")[-1]
    return InputError(f"{path}: not readable as audio ({reason}); convert it to WAV or FLAC")


def array_blocks(samples: np.ndarray, sample_rate: int | None) -> Iterator[np.ndarray]:
    """Yield blocks of samples of shape (n_samples,) or (n_samples, n_channels).

    Raises
    ------
    InputError
        If the shape or the type is another, or the sample rate is missing.
    """
    if sample_rate is None or not sample_rate > 0:
        raise InputError("recording given as samples: give its sample_rate in Hz, too")
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "fiu":
        raise InputError("recording: give samples of shape (n_samples,) or (n_samples, n_channels)")
    if samples.dtype.kind in "iu":
        samples = samples / np.float32(np.iinfo(samples.dtype).max)
    samples = samples.reshape(len(samples), -1)
    size = BLOCK_S * int(sample_rate)
    parts = (samples[start : start + size] for start in range(0, len(samples), size))
    yield from _resampled(parts, int(sample_rate))


def _resampled(blocks: Iterator[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    """Yield mono blocks at 16 kHz; soxr's stream makes up for its filter's delay."""
    import soxr

    if sample_rate == SAMPLE_RATE:
        yield from (np.ascontiguousarray(block.mean(axis=1), np.float32) for block in blocks)
        return
    stream = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="MQ")
    for block in blocks:
        mono = np.ascontiguousarray(block.mean(axis=1), np.float32)
        if not np.isfinite(mono).all():
            mono = mono[~np.isfinite(mono)][:1]  # the resampler would hide it
            yield mono
            return
        yield stream.resample_chunk(mono)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def even_blocks(blocks: Iterator[np.ndarray], step: int) -> Iterator[np.ndarray]:
    """Yield blocks whose lengths are multiples of `step`, except the last."""
    rest = np.zeros(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block])
        whole = len(rest) // step * step
        if whole:
            yield rest[:whole]
            rest = rest[whole:]
    if len(rest):
        yield rest
