"""Augmentation leaves onsets where they are: measured on clicks and on decaying tones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pianoalign_lib.corpora.recordings import notes_path
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import note_table
from training.localizer import augment as steps
from training.localizer.sources import label_latencies

CLICKS = np.array([16_000, 31_111, 52_345, 75_000])


@pytest.fixture
def clicks() -> np.ndarray:
    """Return six seconds of silence with four clicks."""
    audio = np.zeros(6 * SAMPLE_RATE, dtype=np.float32)
    audio[CLICKS] = 0.5
    return audio


@pytest.fixture
def notes():
    """Return one note on each click."""
    onset_s = CLICKS / SAMPLE_RATE
    return note_table([60] * 4, [64] * 4, onset_s, onset_s + 0.5)


def peaks(audio: np.ndarray, around: np.ndarray, within: int = 800) -> np.ndarray:
    """Return the loudest sample near each place."""
    return np.array([p - within + np.abs(audio[p - within : p + within]).argmax() for p in around])


def test_detuning_stretches_time_exactly(clicks, notes) -> None:
    for cents in (-30.0, -7.3, 12.0, 30.0):
        audio, moved = steps.detune(clicks, notes, cents)
        expected = moved["onset_s"].to_numpy() * SAMPLE_RATE
        assert np.abs(peaks(audio, np.rint(expected).astype(int)) - expected).max() <= 1.0
        ratio = notes["onset_s"] / moved["onset_s"]
        assert 1200 * np.log2(ratio).to_numpy() == pytest.approx(cents, abs=0.05)
        length = moved["offset_s"] - moved["onset_s"]
        assert (length * ratio).to_numpy() == pytest.approx(0.5)


def test_detuning_moves_the_pitch_by_the_cents(notes) -> None:
    time_s = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    audio, _ = steps.detune(np.sin(2 * np.pi * 1000.0 * time_s), notes, 30.0)
    windowed = audio * np.hanning(len(audio))
    peak_hz = np.argmax(np.abs(np.fft.rfft(windowed, 1 << 20))) * SAMPLE_RATE / (1 << 20)
    assert 1200 * np.log2(peak_hz / 1000.0) == pytest.approx(30.0, abs=0.3)


@pytest.mark.parametrize("step", ["colour", "saturate", "compress", "code"])
def test_a_step_leaves_clicks_on_their_samples(clicks, step) -> None:
    for seed in range(12):
        audio = getattr(steps, step)(clicks, np.random.default_rng(seed))
        assert len(audio) == len(clicks)
        # A coder at a low bit rate smears a click over some samples.
        slack = 8 if step == "code" else 1
        assert np.abs(peaks(audio, CLICKS) - CLICKS).max() <= slack, seed


def test_noise_has_the_drawn_level(clicks) -> None:
    for seed in range(12):
        difference = steps.add_noise(clicks, np.random.default_rng(seed)) - clicks
        snr_db = 10 * np.log10(np.mean(clicks**2) / np.mean(difference**2))
        assert steps.SNR_DB[0] - 0.1 <= snr_db <= steps.SNR_DB[1] + 0.1


def test_thuds_are_low_fall_short_and_stay_below_the_music(clicks, notes) -> None:
    """Most of their energy is below 1 kHz, and none lasts longer than a key's bed rings."""
    onset_s = notes["onset_s"].to_numpy()
    for seed in range(12):
        thuds = steps.add_thumps(clicks, onset_s, np.random.default_rng(seed)) - clicks
        power = np.abs(np.fft.rfft(thuds)) ** 2
        low = np.fft.rfftfreq(len(thuds), 1 / SAMPLE_RATE) < 1500
        assert power[low].sum() > 0.9 * power.sum() > 0
        rms = np.sqrt(np.mean(clicks**2))
        assert np.abs(thuds).max() <= 3 * rms * 10 ** (steps.THUMP_DB[1] / 20)


def test_no_equaliser_rings_before_a_click_like_a_resonance(clicks) -> None:
    """The energy 5 ms and more before a click stays 25 dB below the click's own."""
    for seed in range(20):
        audio = steps.colour(clicks, np.random.default_rng(seed)).astype(float)
        before = audio[CLICKS[0] - 800 : CLICKS[0] - 80]
        after = audio[CLICKS[0] - 80 : CLICKS[0] + 800]
        assert np.sum(before**2) < 10**-2.5 * np.sum(after**2), seed


def test_rooms_begin_with_their_direct_sound() -> None:
    rng = np.random.default_rng(3)
    responses = [steps.draw_response(rng) for _ in range(60)]
    assert all(response[0] == 1.0 for response in responses)
    direct_db = [-10 * np.log10(np.sum(response[1:] ** 2)) for response in responses]
    low, high = steps.DIRECT_DB
    assert low - 0.1 <= min(direct_db) < low + 6 and high - 6 < max(direct_db) <= high + 0.1


def test_a_room_decays_in_its_time(monkeypatch) -> None:
    """Schroeder's backward integral of the tail falls by 60 dB in the reverberation time drawn."""
    monkeypatch.setattr(steps, "REVERBERATION_S", (0.8, 0.8))
    slopes = []
    for seed in range(8):
        response = steps.draw_response(np.random.default_rng(seed))
        decay_db = 10 * np.log10(np.cumsum(response[:0:-1].astype(float) ** 2)[::-1])
        time_s = np.arange(len(decay_db)) / SAMPLE_RATE
        late = (time_s > 0.1) & (time_s < 0.5)
        slopes.append(-60.0 / np.polyfit(time_s[late], decay_db[late], 1)[0])
    assert 0.5 < np.median(slopes) < 1.1


@pytest.mark.parametrize(("name", "subtype", "levels"), steps.CODECS)
def test_what_a_codec_delays_is_taken_back(name, subtype, levels) -> None:
    rng = np.random.default_rng(1)
    audio = np.zeros(3 * SAMPLE_RATE, dtype=np.float32)
    for start in (9_001, 20_202, 33_333):
        time_s = np.arange(8000) / SAMPLE_RATE
        tone = np.sin(2 * np.pi * 440 * time_s) + 0.5 * np.sin(2 * np.pi * 1320 * time_s)
        audio[start : start + 8000] = 0.2 * tone * np.exp(-time_s / 0.1)
        audio[start : start + 80] += 0.1 * rng.standard_normal(80)
    for level in np.linspace(*levels, steps.CODEC_LEVELS):
        delay = steps.codec_delay(name, subtype, float(level))
        decoded = steps._shift(steps.round_trip(audio, name, subtype, float(level)), -delay)
        correlation = np.correlate(decoded[8_000:44_000], audio[10_000:42_000])
        assert np.argmax(correlation) == 2000, (name, level)


def test_the_whole_is_repeatable_finite_and_in_range(clicks, notes) -> None:
    for seed in range(10):
        audio, moved = steps.augment(clicks, notes, np.random.default_rng(seed))
        again, _ = steps.augment(clicks, notes, np.random.default_rng(seed))
        assert np.array_equal(audio, again)
        assert audio.dtype == np.float32 and np.isfinite(audio).all()
        assert abs(len(audio) / len(clicks) - 1) < 0.02 and np.abs(audio).max() < 1.5
        assert (moved["pitch"] == notes["pitch"]).all()
    assert notes["onset_s"].iloc[0] == 1.0  # the input is left alone


def test_the_whole_moves_no_attack(notes) -> None:
    """Where noise bursts rise in each result is where the note table says, to a millisecond."""
    rng = np.random.default_rng(5)
    audio = np.zeros(6 * SAMPLE_RATE, dtype=np.float32)
    for start in CLICKS:
        audio[start : start + 4000] = rng.standard_normal(4000) * np.exp(-np.arange(4000) / 800)
    for seed in range(30):
        heard, moved = steps.augment(audio, notes, np.random.default_rng(seed))
        for onset_s in moved["onset_s"]:
            first = round(onset_s * SAMPLE_RATE)
            energy = np.cumsum(heard[first - 160 : first + 160].astype(float) ** 2)
            before = energy[144] / energy[-1]  # up to 1 ms before the onset
            assert before < 0.25, seed
            assert (energy[208] - energy[144]) / energy[-1] > 0.1, seed  # within 3 ms after


def test_the_time_from_label_to_sound_is_measured_on_each_recording(toy_project):
    """The toy tones sound on their labels; moved by 10 ms, they come that much later."""
    folder = toy_project.split("train")
    before_s = label_latencies(folder)
    assert len(before_s) == 3 and before_s.abs().max() < 0.005
    for name in before_s.index:
        notes = pd.read_parquet(notes_path(folder, name))
        notes.assign(onset_s=notes["onset_s"] - 0.010).to_parquet(notes_path(folder, name))
    moved_s = label_latencies(folder) - before_s
    assert moved_s.to_numpy() == pytest.approx(0.010, abs=0.002)
