"""The coarse stage: known warps are found back from synthetic spectra."""

import numpy as np
import pandas as pd
import pytest

from pianoalign_lib.io.notes import note_table
from pianoalign_lib.localizer.coarse import coarse_warp
from pianoalign_lib.localizer.coarse_path import find_path, onset_strength
from pianoalign_lib.localizer.spectra import LONG_FPS, LOWEST_ROW, N_ROWS, Spectra
from pianoalign_lib.localizer.warp import Warp

FLOOR, DECAY_BYTES = 40, 0.5  # level of the noise; a note falls by 25 dB per second


def music(n_notes: int, seconds: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    onset_s = np.sort(rng.uniform(0.5, seconds, n_notes))
    pitch, velocity = rng.integers(40, 90, n_notes), rng.integers(30, 100, n_notes)
    return note_table(pitch, velocity, onset_s, onset_s + 0.3)


def spectra_of(onset_s: np.ndarray, pitch: np.ndarray, seconds: float, seed: int) -> Spectra:
    """Return noise with notes in it: each row jumps at its onset and at its octave, then falls."""
    rng = np.random.default_rng(seed)
    long = rng.integers(FLOOR - 8, FLOOR + 8, (round(seconds * LONG_FPS), N_ROWS)).astype(
        np.float64
    )
    fall = 150.0 - DECAY_BYTES * np.arange(150)
    for start, row in zip(np.rint(onset_s * LONG_FPS).astype(int), pitch - LOWEST_ROW, strict=True):
        for harmonic, quieter in ((0, 0.0), (12, 20.0)):
            part = long[start : start + len(fall), min(row + harmonic, N_ROWS - 1)]
            np.maximum(part, fall[: len(part)] - quieter, out=part)
    bytes_ = long.astype(np.uint8)
    return Spectra(bytes_, np.repeat(bytes_, 2, 0), np.zeros((4 * len(long), 8), np.uint8), seconds)


def test_warp_is_linear_between_and_beyond_its_knots():
    warp = Warp(np.array([0.0, 10.0, 20.0]), np.array([5.0, 15.0, 35.0]))
    np.testing.assert_allclose(warp(np.array([-2.0, 5.0, 15.0, 25.0])), [3.0, 10.0, 25.0, 45.0])
    assert warp(np.array([[10.0]])).shape == (1, 1)


@pytest.mark.parametrize(
    ("midi_s", "audio_s"), [([0.0], [0.0]), ([0.0, 1.0], [1.0, 1.0]), ([1.0, 0.0], [0.0, 1.0])]
)
def test_warp_refuses_knots_that_do_not_rise(midi_s, audio_s):
    with pytest.raises(ValueError, match="knots"):
        Warp(np.array(midi_s), np.array(audio_s))


@pytest.mark.parametrize("pace", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("lead_s", [0.0, 30.0])
def test_finds_tempo_and_start(pace, lead_s):
    notes = music(400, 60.0, seed=1)
    true_s = notes["onset_s"].to_numpy() * pace + lead_s
    spectra = spectra_of(true_s, notes["pitch"].to_numpy(), 60.0 * pace + lead_s + 20.0, seed=2)
    error_s = np.abs(coarse_warp(spectra, notes)(notes["onset_s"].to_numpy()) - true_s)
    assert np.median(error_s) < 0.03
    assert np.quantile(error_s, 0.99) < 0.08


def test_wandering_tempo_with_loose_missing_and_extra_notes():
    rng = np.random.default_rng(3)
    notes = music(800, 120.0, seed=4)
    onset_s = notes["onset_s"].to_numpy()
    true_s = onset_s + 1.5 + 0.4 * np.sin(2 * np.pi * onset_s / 30.0)  # up to 8 % faster or slower
    heard = rng.random(800) > 0.05
    spectra = spectra_of(true_s[heard], notes["pitch"].to_numpy()[heard], 125.0, seed=5)
    loose = notes.assign(onset_s=np.maximum(onset_s + rng.uniform(-0.1, 0.1, 800), 0.0))
    error_s = np.abs(coarse_warp(spectra, loose)(onset_s) - true_s)
    assert np.median(error_s) < 0.04
    assert error_s.max() < 0.15


def test_bars_that_only_one_side_has_stay_outside():
    notes = music(700, 100.0, seed=6)
    onset_s, pitch = notes["onset_s"].to_numpy(), notes["pitch"].to_numpy()
    heard, given = onset_s < 80.0, onset_s > 20.0  # the recording ends early, the MIDI begins late
    spectra = spectra_of(onset_s[heard], pitch[heard], 82.0, seed=7)
    midi = notes[given].assign(onset_s=onset_s[given] - 20.0)
    both = (onset_s < 80.0) & given
    error_s = np.abs(coarse_warp(spectra, midi)(onset_s[both] - 20.0) - onset_s[both])
    assert np.quantile(error_s, 0.99) < 0.08
    # The notes that were not recorded go on at the same pace.
    assert abs(coarse_warp(spectra, midi)(np.array([79.0]))[0] - 99.0) < 1.0


def test_slow_rate_and_band_lead_to_the_path_of_one_full_comparison(monkeypatch):
    notes = music(1500, 240.0, seed=8)
    onset_s, pitch = notes["onset_s"].to_numpy(), notes["pitch"].to_numpy()
    levels = spectra_of(onset_s * 1.1 + 5.0, pitch, 280.0, seed=9).long
    full = find_path(levels, 150.0, onset_s, pitch, np.ones(1500))
    monkeypatch.setattr("pianoalign_lib.localizer.coarse_path.MOST_CELLS", 150 * 150)
    monkeypatch.setattr("pianoalign_lib.localizer.coarse_path.BAND_FRAMES", 10)
    banded = find_path(levels, 150.0, onset_s, pitch, np.ones(1500))
    middle_s = np.linspace(10.0, 230.0, 100)
    expected_s = np.interp(middle_s, full.midi_s, full.audio_s)
    np.testing.assert_allclose(
        np.interp(middle_s, banded.midi_s, banded.audio_s), expected_s, atol=0.25
    )
    np.testing.assert_allclose(expected_s, middle_s * 1.1 + 5.0, atol=0.4)


def test_score_tells_another_piece():
    notes = music(400, 60.0, seed=10)
    spectra = spectra_of(notes["onset_s"].to_numpy(), notes["pitch"].to_numpy(), 62.0, seed=11)
    assert coarse_warp(spectra, notes).score > 3 * coarse_warp(spectra, music(400, 60.0, 12)).score


@pytest.mark.parametrize("n_notes", [1, 2, 5])
def test_few_notes_and_little_sound_give_a_rising_warp(n_notes):
    notes = music(n_notes, 2.0, seed=13)
    spectra = spectra_of(np.array([0.05]), np.array([60]), 0.2, seed=14)
    warp = coarse_warp(spectra, notes)
    assert np.isfinite(warp(notes["onset_s"].to_numpy())).all()


def test_rise_stands_where_the_level_jumps():
    levels = np.full((100, N_ROWS), 40, np.uint8)
    levels[50:, 7] = 60
    rise = onset_strength(levels, hop=1, apart=3, reference=150.0)
    assert set(np.flatnonzero(rise[:, 7])) == set(range(47, 53))
    assert rise[50, 7] == 20 and not np.delete(rise, 7, axis=1).any()
