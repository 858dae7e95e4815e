"""Sound in and out, whole or block by block: always mono float32 at the project's sample rate.

There are two resamplers, because neither can take the other's place without changing results: a
whole signal, as the corpora and DTW need it, goes through scipy's polyphase filter, which every
rendered recording and published number comes from; the blocks that the aligner sees of a recording
of hours go through soxr's, which keeps its state from one to the next.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile as sf

from ..common.errors import InputError
from ..common.files import atomic_path
from .given import HEAD, MIDI, RECORDING, given_file, kind_of
from .media import MEDIA, MEDIA_SUFFIXES, MediaSound, open_media

SAMPLE_RATE = 16_000  # Hz; 50, 100, 200 and 400 frames per second divide it exactly
BLOCK_S = 20  # seconds of audio in memory at a time
SILENT_PEAK = 1e-5
OPPOSITE = 0.25  # of the power of unrelated channels, mixed: channels with less cancel each other
OFFSET = 0.2  # of the standard deviation: a lesser offset costs no note
OFFSET_HZ = 5.0  # slower changes are no sound: two octaves below the lowest key
LONGEST_HEADER = 65_536  # bytes
# How files begin, and what stands there for a length that is not known yet.
ENDLESS: tuple[tuple[int, bytes, bytes, Literal["little", "big"]], ...] = (
    (8, b"WAVE", bytes(4), "little"),
    (0, b"caff", bytes(8), "big"),
    (0, b"caff", b"\xff" * 8, "big"),
)
# The same where the sound does not follow the length: how the file begins, where the length stands
# and how it is not known; where, and what, to write so that the sound goes on to the file's end.
UNSIZED = ((b"RF64", 28, bytes(8), 0, b"RIFF"), (b".snd", 8, bytes(4), 8, b"\xff" * 4))
SOUND_SUFFIXES = (
    ".wav", ".flac", ".mp3", ".ogg", ".opus", ".aif", ".aiff", ".aifc", ".au", ".caf",
    *MEDIA_SUFFIXES,
)  # fmt: skip
NO_SOUND = (MIDI, "a web page", "an XML file", "a text file")


class _Stream(sf.SoundFile):
    """Read from begin to end only: not every kind of file, nor every header, allows to seek."""

    def seekable(self) -> bool:
        return False

    def parts(self) -> Iterator[np.ndarray]:
        """Yield blocks of shape (n_samples, n_channels)."""
        while len(part := self.read(BLOCK_S * self.samplerate, dtype="float32", always_2d=True)):
            yield part


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
        rate, parts = file.samplerate, list(file.parts())
    if not parts:
        raise InputError(f"{path}: holds no samples; record or export it again")
    audio = next(mixed([np.concatenate(parts)])).astype(np.float32)
    if not np.isfinite(audio).all():
        raise InputError(f"{path}: holds samples that are not numbers (NaN); export it again")
    if not np.abs(audio).max() > SILENT_PEAK:
        raise InputError(f"{path}: is silent; give a recording with sound")
    return resample(audio, rate)


@contextmanager
def open_sound(path: str | Path) -> Iterator[_Stream | MediaSound]:
    """Open a file that libsndfile reads, or PyAV where it is installed.

    Raises
    ------
    InputError
        If it is missing or unreadable, also while it is read.
    """
    file, kind = given_file(path), ""
    try:
        with file.open("rb") as opened:
            header = opened.read(LONGEST_HEADER)
            kind = kind_of(header[:HEAD])
            # In these libmpg123 would search for sound, and print what it meets.
            if kind in NO_SOUND:
                raise InputError(
                    f"{path}: not readable as audio (it is {kind}); the recording comes first, "
                    "then the MIDI file"
                )
            if kind in MEDIA:
                with open_media(file, kind) as sound:
                    yield sound
                return
            with _Stream(_repaired(opened, header) or file) as stream:
                yield stream
    except (sf.LibsndfileError, RuntimeError, OSError) as error:
        reason = getattr(error, "strerror", "") or str(error).rstrip(".").split(": ")[-1]
        reason = reason if kind in ("", RECORDING) else f"it is {kind}"
        raise InputError(
            f"{path}: not readable as audio ({reason}); convert it to WAV or FLAC"
        ) from error


def _repaired(file: BinaryIO, header: bytes) -> mmap.mmap | None:
    """Return what to read instead of a file that libsndfile would take for empty, or for raw."""
    for form, place, unknown, at, instead in UNSIZED:
        if header.startswith(form) and header[place:].startswith(unknown):
            memory = _Memory(file.fileno(), 0, access=mmap.ACCESS_COPY)
            memory[at : at + len(instead)] = instead
            return memory
    for place, form, unknown, order in ENDLESS:
        start = header.find(b"data" + unknown) + 4
        if start > 4 and header[place:].startswith(form):
            memory, end = _Memory(file.fileno(), 0, access=mmap.ACCESS_COPY), start + len(unknown)
            n_bytes = min(len(memory) - end, 256 ** len(unknown) - 1)
            memory[start:end] = n_bytes.to_bytes(len(unknown), order)
            return memory
    is_raw = header and Path(file.name).suffix.lower() == ".raw"
    return _Memory(file.fileno(), 0, access=mmap.ACCESS_READ) if is_raw else None


class _Memory(mmap.mmap):
    """A file without a name; places beyond it, where damaged headers point to, are not gone to."""

    def seek(self, place: int, whence: Literal[0, 1, 2, 3, 4] = 0) -> None:
        with suppress(ValueError):
            super().seek(place, whence)


def mixed(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Mix blocks of shape (n_samples, n_channels) to mono, or take the loudest channel.

    That from the first block on where channels cancel each other (a cable with crossed wires).
    """
    channel = None
    for block in blocks:
        mono = block.mean(axis=1, dtype=np.float64)
        if channel is None and block.shape[1] > 1:
            power = np.einsum("ij,ij->j", block, block, dtype=np.float64)
            if mono @ mono < OPPOSITE * power.mean() / len(power):
                channel = int(power.argmax())
        yield mono if channel is None else block[:, channel]


def _centred(blocks: Iterable[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    """Take a constant or slowly changing offset out of mono blocks, from where there is one on."""
    state, keep = None, np.exp(-2 * np.pi * OFFSET_HZ / sample_rate)
    for block in blocks:
        if state is None and len(block) >= sample_rate:
            mean = float(block.mean())
            state = np.array([keep * mean]) if abs(mean) > OFFSET * block.std() else None
        if state is not None:
            from scipy.signal import lfilter

            slow, state = lfilter([1 - keep], [1, -keep], block, zi=state)
            block = block - slow
        yield block


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
        yield from _resampled(file.parts(), file.samplerate)


def _resampled(blocks: Iterable[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    """Yield mono blocks at 16 kHz; soxr's stream makes up for its filter's delay."""
    mono = (np.ascontiguousarray(b, np.float32) for b in _centred(mixed(blocks), sample_rate))
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
