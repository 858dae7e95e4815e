"""Dry recordings as if recorded anywhere: tuning, room, equalisation, noise, level and coding.

Every step leaves each onset on its sample, except that detuning stretches time, and the note table
with it. Rooms begin with their direct sound, filters have no phase or no delay, and what a codec
delays is taken back.
"""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd
import soundfile as sf
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, fftconvolve, iirpeak, lfilter, resample_poly, sosfilt

from pianoalign_lib.corpora.rooms import apply_room, draw_room, normalise
from pianoalign_lib.io.audio import SAMPLE_RATE

DRY_SHARE = 0.25  # without a room
DETUNE_CENTS = 30.0
SNR_DB = (15.0, 60.0)
PEAK_DB = (-30.0, 0.0)
DIRECT_DB = (-8.0, 20.0)  # direct sound over all reflections: across the room to within reach
REVERBERATION_S = (0.2, 2.0)
BROAD_DB = 8.0  # of the equaliser's broad curve
BANDS_HZ = np.array([62.5, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])
# Format, subtype, and the compression levels of soundfile between which it still sounds like music.
CODECS = (
    ("MP3", "MPEG_LAYER_III", (0.0, 0.9)),
    ("OGG", "VORBIS", (0.0, 0.6)),
    ("OGG", "OPUS", (0.3, 0.9)),
)
CODED_SHARE = 0.2
THUMPED_SHARE = 0.4
THUMPS_PER_S = (0.3, 4.0)
THUMP_DB = (-40.0, -12.0)  # their peak over the recording's own level
KEY_BED_S = (-0.005, 0.035)  # when a key reaches its bed: the softer, the later after the hammer
CODEC_SHARES = (0.4, 0.4, 0.2)  # Opus takes six times as long as Vorbis
CODEC_LEVELS = 4  # a codec's delay is measured once for each


def augment(
    audio: np.ndarray, notes: pd.DataFrame, rng: np.random.Generator
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return a dry recording as it could have been recorded elsewhere, and its note table.

    Parameters
    ----------
    audio
        Mono at 16 kHz [shape=(n_samples,)].
    notes
        Note table with the true onsets.
    rng
        The only source of randomness.

    Returns
    -------
    np.ndarray [shape=(m_samples,), dtype=float32], DataFrame
        m differs from n as the tuning does, by 2 % at most.
    """
    audio, notes = detune(audio, notes, rng.uniform(-DETUNE_CENTS, DETUNE_CENTS))
    if rng.uniform() >= DRY_SHARE:
        response = draw_room(rng)[0] if rng.uniform() < 0.4 else draw_response(rng)
        audio = apply_room(audio, response)
    if rng.uniform() < 0.8:
        audio = colour(audio, rng)
    if rng.uniform() < THUMPED_SHARE:
        audio = add_thumps(audio, notes["onset_s"].to_numpy(), rng)
    audio = add_noise(audio, rng)
    if rng.uniform() < 0.25:
        audio = saturate(audio, rng) if rng.uniform() < 0.5 else compress(audio, rng)
    audio = normalise(audio, 10.0 ** (rng.uniform(*PEAK_DB) / 20.0))
    if rng.uniform() < CODED_SHARE:
        audio = code(audio, rng)
    return audio, notes


def detune(audio: np.ndarray, notes: pd.DataFrame, cents: float) -> tuple[np.ndarray, pd.DataFrame]:
    """Return audio and note table as played on a piano tuned higher by `cents`, hence faster."""
    ratio = Fraction(2.0 ** (cents / 1200.0)).limit_denominator(400)
    audio = resample_poly(audio, ratio.denominator, ratio.numerator).astype(np.float32)
    times = {name: notes[name] / float(ratio) for name in ("onset_s", "offset_s")}
    return audio, notes.assign(**times)


def draw_response(rng: np.random.Generator) -> np.ndarray:
    """Return a random room's impulse response as measured ones look, of peak 1 on sample 0.

    Direct sound, a few early reflections, and noise that decays exponentially, faster towards high
    frequencies (Moorer 1979, "About this reverberation business", Computer Music Journal 3).
    """
    reverberation_s = float(np.exp(rng.uniform(*np.log(REVERBERATION_S))))
    time_s = np.arange(1, round(1.1 * reverberation_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = _decaying_noise(time_s, reverberation_s, rng)
    tail *= 1.0 - np.exp(-time_s / rng.uniform(0.002, 0.03))  # reflections grow dense at first
    early_s = np.exp(rng.uniform(np.log(0.0005), np.log(0.06), rng.integers(3, 20)))
    early = np.zeros_like(tail)
    index = np.minimum((early_s * SAMPLE_RATE).astype(int), len(early) - 1)
    path_s = rng.uniform(0.003, 0.02)  # of the direct sound; a longer path is a weaker reflection
    gains = path_s / (path_s + early_s) * rng.uniform(0.2, 1.0, len(early_s))
    np.add.at(early, index, gains * rng.choice([-1.0, 1.0], len(early_s)))
    tail *= np.sqrt(np.sum(early**2) / np.sum(tail**2)) * 10.0 ** (rng.uniform(-6.0, 9.0) / 20.0)
    reflections = early + tail
    direct_db = rng.uniform(*DIRECT_DB)
    reflections *= 10.0 ** (-direct_db / 20.0) / np.sqrt(np.sum(reflections**2))
    return np.append(1.0, reflections).astype(np.float32)


def _decaying_noise(
    time_s: np.ndarray, reverberation_s: float, rng: np.random.Generator
) -> np.ndarray:
    """Return noise whose octaves decay by 60 dB each in a time of their own."""
    size = next_fast_len(len(time_s), real=True)
    spectrum = rfft(rng.standard_normal(size))
    octave = np.log2(np.maximum(np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE), 1.0))
    slope = rng.uniform(0.0, 0.5)  # how much faster the higher octaves decay
    noise = np.zeros(len(time_s))
    for centre_hz in BANDS_HZ:
        weight = np.maximum(0.0, 1.0 - np.abs(octave - np.log2(centre_hz)))
        decay_s = reverberation_s * np.clip((centre_hz / 500.0) ** -slope, 0.2, 1.5)
        octave_noise = irfft(spectrum * weight, size)[: len(time_s)]
        noise += octave_noise * 10.0 ** (-3.0 * time_s / decay_s)
    return noise


def colour(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `audio` through a random equaliser: broad, with resonances, and cut at both ends.

    The broad curve and the cut of the highs have no phase. Resonances and the cut of the lows are
    causal, as those of a room or a loudspeaker are: they ring after a sound, never before it.
    """
    for _ in range(rng.integers(0, 7)):
        centre_hz = float(np.exp(rng.uniform(np.log(60.0), np.log(6000.0))))
        gain = 10.0 ** (rng.uniform(-15.0, 12.0) / 20.0)
        numerator, denominator = iirpeak(centre_hz, rng.uniform(2.0, 20.0), fs=SAMPLE_RATE)
        audio = audio + (gain - 1.0) * lfilter(numerator, denominator, audio)
    size = next_fast_len(len(audio) + SAMPLE_RATE, real=True)  # keeps the circle's ends apart
    frequency_hz = np.maximum(np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE), 1.0)
    anchors_hz = np.array([20.0, 100.0, 400.0, 1500.0, 5000.0, 8000.0])
    broad_db = rng.uniform(-BROAD_DB, BROAD_DB, len(anchors_hz))
    gain = 10.0 ** (np.interp(np.log(frequency_hz), np.log(anchors_hz), broad_db) / 20.0)
    low_hz, high_hz = np.exp(rng.uniform(np.log([15.0, 3000.0]), np.log([200.0, 12_000.0])))
    order = rng.integers(1, 5, 2)
    gain /= np.sqrt(1.0 + (frequency_hz / high_hz) ** (2 * order[1]))
    audio = sosfilt(butter(order[0], low_hz, "high", fs=SAMPLE_RATE, output="sos"), audio)
    return irfft(rfft(audio, size) * gain, size)[: len(audio)].astype(np.float32)


def add_noise(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `audio` with noise between white and brown, sometimes with hum, at a random level."""
    size = next_fast_len(len(audio), real=True)
    spectrum = rfft(rng.standard_normal(size, dtype=np.float32))
    slope = rng.uniform(0.0, 0.8)
    spectrum /= np.maximum(np.arange(len(spectrum), dtype=np.float32), 1.0) ** np.float32(slope)
    noise = irfft(spectrum, size)[: len(audio)]
    noise /= np.sqrt(np.mean(noise**2))
    if rng.uniform() < 0.3:
        time_s = np.arange(len(audio)) / SAMPLE_RATE
        hum_hz = rng.choice([50.0, 60.0]) * np.arange(1, 9)
        gains = rng.uniform(0.0, 1.0, len(hum_hz)) / np.arange(1, len(hum_hz) + 1)
        for gain, partial_hz in zip(gains, hum_hz, strict=True):
            noise += gain * np.sin(2 * np.pi * (partial_hz * time_s + rng.uniform()))
    level = np.sqrt(np.mean(audio**2)) * 10.0 ** (-rng.uniform(*SNR_DB) / 20.0)
    return (audio + level / np.sqrt(np.mean(noise**2)) * noise).astype(np.float32)


def add_thumps(audio: np.ndarray, onset_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `audio` with thuds of keys, half of them near onsets, of pedal and bench."""
    count = round(len(audio) / SAMPLE_RATE * rng.uniform(*THUMPS_PER_S))
    keys_s = rng.choice(onset_s, count // 2) + rng.uniform(*KEY_BED_S, count // 2)
    times_s = np.append(keys_s, rng.uniform(0, len(audio) / SAMPLE_RATE, count - count // 2))
    decay_s, top_hz = rng.uniform(0.008, 0.06), rng.uniform(120.0, 900.0)
    size = round(6 * decay_s * SAMPLE_RATE)
    fall = np.exp(-np.arange(size) / (decay_s * SAMPLE_RATE))
    rise = np.minimum(1.0, np.arange(size) / (0.003 * SAMPLE_RATE))
    lows = sosfilt(butter(2, top_hz, fs=SAMPLE_RATE, output="sos"), rng.standard_normal((8, size)))
    thuds = lows * fall * rise / np.abs(lows * fall * rise).max(axis=1, keepdims=True)
    level = np.sqrt(np.mean(audio**2)) * 10.0 ** (rng.uniform(*THUMP_DB) / 20.0)
    heard = np.pad(audio, (0, size)).astype(np.float32)
    for place in np.clip(times_s * SAMPLE_RATE, 0, len(audio)).astype(int):
        heard[place : place + size] += level * rng.uniform(0.2, 1.0) * thuds[rng.integers(8)]
    return heard[: len(audio)]


def saturate(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `audio` with its loudest moments softly clipped."""
    drive = rng.uniform(0.5, 4.0)
    return np.tanh(drive * normalise(audio, 1.0))


def compress(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `audio` through a feed-forward compressor, as phones and broadcasters have."""
    audio = normalise(audio, 1.0)
    pole = np.exp(-1.0 / (rng.uniform(0.01, 0.2) * SAMPLE_RATE))
    power = lfilter([1.0 - pole], [1.0, -pole], audio.astype(np.float64) ** 2)
    over_db = 10.0 * np.log10(np.maximum(power, 1e-12)) - rng.uniform(-45.0, -20.0)
    gain_db = -np.maximum(over_db, 0.0) * (1.0 - 1.0 / rng.uniform(1.5, 6.0))
    return (audio * 10.0 ** (gain_db / 20.0)).astype(np.float32)


def code(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `audio` coded as MP3, Vorbis or Opus and decoded again, without the coder's delay."""
    name, subtype, levels = CODECS[rng.choice(len(CODECS), p=CODEC_SHARES)]
    level = float(rng.choice(np.linspace(*levels, CODEC_LEVELS)))
    return _shift(round_trip(audio, name, subtype, level), -codec_delay(name, subtype, level))


def round_trip(audio: np.ndarray, name: str, subtype: str, level: float) -> np.ndarray:
    """Return `audio` coded and decoded, as long as it was; level 0 is the best quality."""
    mode = {"bitrate_mode": "CONSTANT"} if name == "MP3" else {}
    with io.BytesIO() as file:
        sf.write(
            file, audio, SAMPLE_RATE, format=name, subtype=subtype, compression_level=level, **mode
        )
        file.seek(0)
        decoded = sf.read(file, dtype="float32")[0]
    return np.pad(decoded, (0, max(0, len(audio) - len(decoded))))[: len(audio)]


@cache
def codec_delay(name: str, subtype: str, level: float) -> int:
    """Return by how many samples a codec delays, measured by cross-correlation on bursts."""
    probe = np.zeros(2 * SAMPLE_RATE, dtype=np.float32)
    rng = np.random.default_rng(0)
    for start in range(4000, len(probe) - 4000, 4000):
        burst = 0.2 * rng.standard_normal(1600) * np.exp(-np.arange(1600) / 300)
        probe[start : start + 1600] = burst
    correlation = fftconvolve(round_trip(probe, name, subtype, level), probe[::-1])
    return int(np.argmax(correlation)) - (len(probe) - 1)


def _shift(audio: np.ndarray, samples: int) -> np.ndarray:
    """Return `audio` later by `samples`, of the same length."""
    return np.pad(audio, (max(0, samples), max(0, -samples)))[max(0, -samples) :][: len(audio)]
