"""What the localizer sees of a recording: three spectrograms, computed in one pass over the audio.

A long window tells the pitches apart, a short one and broadband levels tell when. All are stored as
bytes of half a decibel: 33 kB per second of audio, whatever the length of the recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..common.errors import InputError
from ..io.audio import SAMPLE_RATE, SILENT_PEAK, read_blocks
from .tuning import A4_HZ, fraction, turns

LOWEST_ROW = 21  # MIDI pitch of row 0
N_ROWS = 99  # semitones, up to 7,902 Hz
LONG_FPS, LONG_WINDOW = 100, 2048  # 128 ms
SHORT_FPS, SHORT_WINDOW = 200, 512  # 32 ms
BANDS_FPS, BANDS_WINDOW = 400, 128  # 8 ms
BAND_EDGES_HZ = (62, 312, 687, 1187, 1812, 2562, 3687, 5187, 8001)
N_BANDS = len(BAND_EDGES_HZ) - 1
FLOOR_DB = -117.0  # a byte of 0
STEPS_PER_DB = 2.0
IN_CACHE = 256  # frames transformed at a time, few enough for the processor's cache
FILTERS_TOGETHER = 12  # in one matrix product
SOFTEST = np.float32(1e-12)  # power added, so that silence has a level
LOUDEST_PEAK = 100.0  # full scale is 1
IN_TUNE = 0.25  # semitones from A = 440 Hz; the network knows pianos up to 0.3 away


@dataclass(frozen=True)
class Spectra:
    """Levels in bytes: dB (0 dB is a sine of amplitude 1) = value / 2 - 117.

    Frame k of each is centred on k / its rate.

    Attributes
    ----------
    long : np.ndarray [shape=(n, 99), dtype=uint8]
        100 frames per second, window of 128 ms; row r is the semitone of MIDI pitch 21 + r.
    short : np.ndarray [shape=(2 n, 99), dtype=uint8]
        200 frames per second, window of 32 ms, same rows.
    bands : np.ndarray [shape=(4 n, 8), dtype=uint8]
        400 frames per second, window of 8 ms, eight broad bands.
    duration_s : float
    tuning : float
        Semitones from A = 440 Hz to the recording's, of which the rows make up for more than 0.25.
    """

    long: np.ndarray
    short: np.ndarray
    bands: np.ndarray
    duration_s: float
    tuning: float = 0.0

    @cached_property
    def reference(self) -> float:
        """Byte value that 95 % of `long` lie below: the recording's level."""
        counts = np.zeros(256, np.int64)
        for start in range(0, len(self.long), 6000):  # bincount makes eight bytes of each
            counts += np.bincount(self.long[start : start + 6000].ravel(), minlength=256)
        total = np.cumsum(counts)
        return float(np.searchsorted(total, 0.95 * total[-1]))


def compute_spectra(
    audio: str | Path | np.ndarray, sample_rate: int | None = None, tuning: float | None = None
) -> Spectra:
    """Compute the spectrograms of a recording, block by block.

    Parameters
    ----------
    audio
        A file that libsndfile reads, or samples of shape (n_samples,) or (n_samples, n_channels).
    sample_rate
        Of samples, in Hz; by default 16 kHz.
    tuning
        Semitones by which the rows are moved; by default the recording's, if it is out of tune.

    Raises
    ------
    InputError
        If the recording is missing, unreadable, empty, silent, or holds samples that are no
        numbers or far beyond full scale.
    """
    name = "recording" if isinstance(audio, np.ndarray) else str(audio)
    banks = [
        _Bank(LONG_FPS, LONG_WINDOW, _semitone_filters(LONG_WINDOW, tuning or 0.0)),
        _Bank(SHORT_FPS, SHORT_WINDOW, _semitone_filters(SHORT_WINDOW, tuning or 0.0)),
        _Bank(BANDS_FPS, BANDS_WINDOW, _band_filters(BANDS_WINDOW)),
    ]
    n_samples, peak = 0, 0.0
    partials: list[tuple[complex, float]] = []
    for block in read_blocks(audio, sample_rate):
        if not np.isfinite(block).all():
            raise InputError(f"{name}: holds samples that are not numbers (NaN); export it again")
        n_samples += len(block)
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        if peak > LOUDEST_PEAK:
            raise InputError(
                f"{name}: holds samples of {peak:.3g}, where full scale is 1; it is damaged or not "
                "scaled: export it again, as 16-bit or 24-bit integers"
            )
        if tuning is None:
            partials.extend(turns(block))
        for bank in banks:
            bank.push(block)
    if n_samples == 0:
        raise InputError(f"{name}: holds no samples; record or export it again")
    if peak <= SILENT_PEAK:
        raise InputError(f"{name}: is silent; give a recording with sound")
    found = fraction(partials) if tuning is None else tuning
    if tuning is None and abs(found) > IN_TUNE:
        return compute_spectra(audio, sample_rate, found)
    n_frames = n_samples * LONG_FPS // SAMPLE_RATE + 1
    long, short, bands = (bank.finish(n_frames * bank.fps // LONG_FPS) for bank in banks)
    return Spectra(long, short, bands, n_samples / SAMPLE_RATE, found)


class _Bank:
    """One spectrogram, fed block by block."""

    def __init__(self, fps: int, window: int, filters: np.ndarray) -> None:
        self.fps = fps
        self._hop = SAMPLE_RATE // fps
        hann = np.hanning(window + 1)[:-1]
        self._window = (hann * 2.0 / hann.sum()).astype(np.float32)
        self._n_rows = filters.shape[1]
        self._groups = _groups(filters)
        self._buffer = np.zeros(window // 2, np.float32)  # frame 0 is centred on sample 0
        self._done = np.zeros((0, self._n_rows), np.uint8)

    def push(self, block: np.ndarray) -> None:
        """Add the frames that the samples so far complete."""
        self._buffer = np.concatenate([self._buffer, block])
        n_frames = max(0, (len(self._buffer) - len(self._window)) // self._hop + 1)
        if n_frames:
            self._add(n_frames)
            self._buffer = self._buffer[n_frames * self._hop :]

    def finish(self, n_frames: int) -> np.ndarray:
        """Return the first `n_frames` frames, with silence after the end."""
        missing = n_frames - len(self._done)
        needed = max(0, (missing - 1) * self._hop + len(self._window) - len(self._buffer))
        self._buffer = np.concatenate([self._buffer, np.zeros(needed, np.float32)])
        self._add(missing)
        return self._done

    def _add(self, n_frames: int) -> None:
        from scipy.fft import rfft

        frames = np.lib.stride_tricks.sliding_window_view(self._buffer, len(self._window))
        frames = frames[:: self._hop][:n_frames]
        n_before = len(self._done)
        # Grown where it is: blocks put together at the end would be in memory twice.
        self._done.resize((n_before + n_frames, self._n_rows), refcheck=False)
        levels = self._done[n_before:]
        energy = np.empty((IN_CACHE, self._n_rows), np.float32)
        for start in range(0, n_frames, IN_CACHE):
            spectrum = rfft(frames[start : start + IN_CACHE] * self._window, axis=1)
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            found = energy[: len(power)]
            for bins, rows, filters in self._groups:
                found[:, rows] = power[:, bins] @ filters
            # In place, and the natural logarithm: it is the one that numpy vectorises.
            np.log(np.add(found, SOFTEST, out=found), out=found)
            found *= STEPS_PER_DB * 10.0 / np.log(10.0)
            found -= STEPS_PER_DB * FLOOR_DB
            levels[start : start + IN_CACHE] = np.clip(found, 0, 255, out=found)


def _groups(filters: np.ndarray) -> list[tuple[slice, slice, np.ndarray]]:
    """Return neighbouring filters with the bins that they need: most of the matrix is zero."""
    groups = []
    for start in range(0, filters.shape[1], FILTERS_TOGETHER):
        rows = slice(start, min(start + FILTERS_TOGETHER, filters.shape[1]))
        used = np.flatnonzero(filters[:, rows].any(axis=1))
        bins = slice(int(used[0]), int(used[-1]) + 1)
        groups.append((bins, rows, np.ascontiguousarray(filters[bins, rows])))
    return groups


def _semitone_filters(window: int, tuning: float) -> np.ndarray:
    """Triangles a semitone to each side, at least as wide as a bin [shape=(n_bins, 99)]."""
    bins = np.arange(window // 2 + 1)
    semitone = LOWEST_ROW + np.arange(N_ROWS) - 69 + tuning
    centre = A4_HZ * 2.0 ** (semitone / 12) * window / SAMPLE_RATE
    width = np.maximum(centre * (2.0 ** (1 / 12) - 1.0), 1.0)
    return np.maximum(1.0 - np.abs(bins[:, None] - centre) / width, 0.0).astype(np.float32)


def _band_filters(window: int) -> np.ndarray:
    """Sums over broad bands [shape=(n_bins, 8)]."""
    frequency_hz = np.arange(window // 2 + 1) * SAMPLE_RATE / window
    edges = np.array(BAND_EDGES_HZ)
    inside = (frequency_hz[:, None] >= edges[:-1]) & (frequency_hz[:, None] < edges[1:])
    return inside.astype(np.float32)
