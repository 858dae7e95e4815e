"""Sound in and out, whole or block by block: always mono float32 at the project's sample rate.

There are two resamplers, because neither can take the other's place without changing results: a
whole signal, as the corpora and DTW need it, goes through scipy's polyphase filter, which every
rendered recording and published number comes from; the blocks that the aligner sees of a recording
of hours go through soxr's, which keeps its state from one to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile as sf

from ..common.errors import InputError
from ..common.files import atomic_path

SAMPLE_RATE = 16_000  # Hz; 50, 100, 200 and 400 frames per second divide it exactly
BLOCK_S = 20  # seconds of audio in memory at a time
SILENT_PEAK = 1e-5


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
    with open_sound(path) as file:
        samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    if len(samples) == 0:
        raise InputError(f"{path}: holds no samples; record or export it again")
    audio = samples.mean(axis=1)
    if not np.isfinite(audio).all():
        raise InputError(f"{path}: holds samples that are not numbers (NaN); export it again")
    if not np.abs(audio).max() > SILENT_PEAK:
        raise InputError(f"{path}: is silent; give a recording with sound")
    return resample(audio, rate)


@contextmanager
def open_sound(path: str | Path) -> Iterator[sf.SoundFile]:
    """Open a file that libsndfile reads.

    Raises
    ------
    InputError
        If it is missing or unreadable, also while it is read.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        with sf.SoundFile(path) as file:
            yield file
    except (sf.LibsndfileError, RuntimeError, OSError) as error:
        reason = str(error).rstrip(".").split(": ")[-1]
        raise InputError(
            f"{path}: not readable as audio ({reason}); convert it to WAV or FLAC"
        ) from error


def read_blocks(
    source: str | Path | np.ndarray, sample_rate: int | None = None
) -> Iterator[np.ndarray]:
    """Yield a recording as mono blocks at 16 kHz, of any lengths.

    Parameters
    ----------
    source
        A file, or samples of shape (n_samples,) or (n_samples, n_channels).
    sample_rate
        Of samples, in Hz; by default 16 kHz.

    Raises
    ------
    InputError
        If the file is missing or unreadable.
    """
    if isinstance(source, np.ndarray):
        rate = int(sample_rate or SAMPLE_RATE)
        samples, size = source.reshape(len(source), -1), BLOCK_S * rate
        parts = (samples[start : start + size] for start in range(0, len(samples), size))
        yield from _resampled(parts, rate)
        return
    with open_sound(source) as file:
        parts = file.blocks(BLOCK_S * file.samplerate, dtype="float32", always_2d=True)
        yield from _resampled(parts, file.samplerate)


def _resampled(blocks: Iterable[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    """Yield mono blocks at 16 kHz; soxr's stream makes up for its filter's delay."""
    mono = (np.ascontiguousarray(block.mean(axis=1), np.float32) for block in blocks)
    if sample_rate == SAMPLE_RATE:
        yield from mono
        return
    import soxr

    stream = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="MQ")
    for block in mono:
        if not np.isfinite(block).all():  # the resampler would hide it
            yield block[~np.isfinite(block)][:1]
            return
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def write_flac(path: str | Path, audio: np.ndarray) -> None:
    """Write a mono 16 kHz signal in [-1, 1] as 16-bit FLAC, atomically."""
    with atomic_path(path) as temporary:
        sf.write(temporary, audio, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
