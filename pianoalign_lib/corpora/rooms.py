"""Simulated rooms, equalisation and noise, none of which moves an onset.

The same samples on every Linux machine with AVX2 (2013 and later): what would depend on the number
of cores, or on whether the processor has AVX-512, is not left to the libraries.
"""

from __future__ import annotations

import math

import numpy as np

from ..io.audio import SAMPLE_RATE

SPEED_OF_SOUND = 343.0  # m/s
SIMULATOR_DELAY = 40  # samples that pyroomacoustics adds besides the distance
SIMULATOR_THREADS = 2  # each sums its part of the echoes, so their number decides the last bits


def draw_room(rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """Return a random room's impulse response, its direct sound on sample 0, and a description.

    The image-source method of pyroomacoustics; its fixed delay and the distance are removed, so
    that convolving with the response leaves every onset where it was.
    """
    import pyroomacoustics as pra

    pra.constants.set("num_threads", SIMULATOR_THREADS)
    size_m = rng.uniform([4.0, 3.5, 2.4], [14.0, 10.0, 5.0])
    reverberation_s = float(rng.uniform(0.25, 1.0))
    absorption, order = pra.inverse_sabine(reverberation_s, size_m)
    room = pra.ShoeBox(
        size_m,
        fs=SAMPLE_RATE,
        materials=pra.Material(min(absorption, 0.95)),
        max_order=min(int(order), 12),
    )
    source = rng.uniform(0.25, 0.75, 3) * size_m
    microphone = rng.uniform(0.1, 0.9, 3) * size_m
    room.add_source(source)
    room.add_microphone(microphone)
    room.compute_rir()
    distance_m = float(np.linalg.norm(source - microphone))
    start = SIMULATOR_DELAY + round(distance_m / SPEED_OF_SOUND * SAMPLE_RATE)
    response = np.asarray(room.rir[0][0], dtype=np.float32)[start:]
    return response, f"RT60 {reverberation_s:.2f} s, {distance_m:.1f} m"


def apply_room(audio: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Return `audio` in a room, of the same length."""
    from scipy.signal import fftconvolve

    return fftconvolve(audio, response)[: len(audio)].astype(np.float32)


def equalise(audio: np.ndarray, rng: np.random.Generator, depth_db: float = 6.0) -> np.ndarray:
    """Return `audio` through a random smooth equaliser without phase, hence without delay."""
    size = len(audio) + SAMPLE_RATE  # padding keeps the circular convolution's ends apart
    spectrum = np.fft.rfft(audio, size) * equaliser_gain(size, rng, depth_db)
    return np.fft.irfft(spectrum, size)[: len(audio)].astype(np.float32)


def equaliser_gain(size: int, rng: np.random.Generator, depth_db: float) -> np.ndarray:
    """Return a random smooth gain for each frequency of a real spectrum of `size` samples.

    By the C library's logarithm and power: NumPy's have other last bits where there is AVX-512.
    """
    anchors_hz = [20.0, 100.0, 400.0, 1500.0, 5000.0, 8000.0]
    gains_db = rng.uniform(-depth_db, depth_db, len(anchors_hz))
    frequency_hz = np.maximum(np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE), 1.0)
    places, anchors = (
        [math.log(hz) for hz in each] for each in (frequency_hz.tolist(), anchors_hz)
    )
    levels_db = np.interp(places, anchors, gains_db).tolist()
    return np.array([math.pow(10.0, level_db / 20.0) for level_db in levels_db])


def add_noise(audio: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Return `audio` with pink noise at a signal-to-noise ratio over the whole recording."""
    spectrum = np.fft.rfft(rng.standard_normal(len(audio)))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
    noise = np.fft.irfft(spectrum, len(audio))
    scale = np.sqrt(np.mean(audio**2) / np.mean(noise**2)) * 10.0 ** (-snr_db / 20.0)
    return (audio + scale * noise).astype(np.float32)


def normalise(audio: np.ndarray, peak: float = 0.7) -> np.ndarray:
    """Return `audio` scaled to a peak."""
    return (audio * (peak / max(float(np.abs(audio).max()), 1e-9))).astype(np.float32)
