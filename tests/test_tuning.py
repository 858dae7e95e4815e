"""Recordings that are not at A = 440 Hz, or in another key than the MIDI file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soxr

from pianoalign_lib import align
from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.audio import SAMPLE_RATE, load_audio
from pianoalign_lib.io.notes import write_midi
from pianoalign_lib.localizer import locate as locate_module
from pianoalign_lib.localizer import transposition
from pianoalign_lib.localizer.spectra import Spectra, compute_spectra
from pianoalign_lib.localizer.transposition import locate

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    return load_audio(EXAMPLES / "recording.flac")


@pytest.fixture(scope="module")
def spectra(audio: np.ndarray) -> Spectra:
    return compute_spectra(audio)


@pytest.fixture(scope="module")
def true() -> pd.DataFrame:
    return pd.read_csv(EXAMPLES / "true_notes.csv")


def loose(true: pd.DataFrame, seed: int, pace: float = 0.95) -> pd.DataFrame:
    """Return the notes at another tempo, each off by up to 80 ms."""
    early_s = np.random.default_rng(seed).uniform(0.0, 0.16, len(true))
    return true.assign(
        onset_s=true["onset_s"] * pace + early_s, offset_s=true["offset_s"] * pace + 0.16
    )


def beating(cents: float, seconds: float = 6.0) -> np.ndarray:
    """Return a chord of pure tones, all tuned away from A = 440 Hz."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitches = np.array([57, 61, 64, 69, 76]) + cents / 100.0
    hz = 440.0 * 2.0 ** ((pitches[:, None] - 69) / 12)
    return (0.1 * np.sin(2 * np.pi * hz * time_s).sum(axis=0)).astype(np.float32)


@pytest.mark.parametrize("cents", [-45, -10, 0, 20, 40])
def test_the_fraction_of_a_semitone_is_that_of_the_tones(cents: int) -> None:
    found = compute_spectra(beating(cents))
    assert 100.0 * found.tuning == pytest.approx(cents, abs=1.5)
    # Rows that make up for it hold each tone in the middle; those of a piano in tune stay.
    in_tune = compute_spectra(beating(0.0), tuning=0.0).long[300]
    as_it_is = compute_spectra(beating(cents), tuning=0.0).long[300]
    expected = in_tune if abs(cents) > 25 else as_it_is
    loud = in_tune > 160
    assert np.abs(found.long[300].astype(int) - expected)[loud].max() <= 2  # 1 dB


@pytest.mark.parametrize("seconds", [1.0, 3.0, 30.0])
def test_noise_has_no_tuning(seconds: float) -> None:
    noise = np.random.default_rng(3).uniform(-0.3, 0.3, round(seconds * SAMPLE_RATE))
    assert compute_spectra(noise.astype(np.float32)).tuning == 0.0


@pytest.mark.parametrize("hz", [403, 415, 428, 450, 466])
def test_any_pitch_of_a_and_the_midi_file_keeps_its_own(
    hz: int, audio: np.ndarray, true: pd.DataFrame, tmp_path: Path
) -> None:
    """A tape played at another speed: all is higher and earlier, or lower and later."""
    played = soxr.resample(audio, SAMPLE_RATE * hz / 440, SAMPLE_RATE)
    write_midi(loose(true, seed=hz), tmp_path / "loose.mid")
    result = align(played, tmp_path / "loose.mid", sample_rate=SAMPLE_RATE)
    assert result.tuning == pytest.approx(hz, rel=0.003)  # 5 cents
    assert result.transposition == round(12 * np.log2(hz / 440))
    assert f"A4 of the MIDI file sounds at {result.tuning:.1f} Hz" in result.tuning_text()
    assert result.tuning_text() in result.report_html()
    assert sorted(result.notes["pitch"]) == sorted(true["pitch"])
    near_s = np.sort(result.notes["onset_s"]) - np.sort(true["onset_s"] * 440 / hz)
    assert np.mean(np.abs(near_s) <= 0.01) > 0.97
    assert result.sure_share > 0.95


@pytest.mark.parametrize("key", [-6, -3, 0, 1, 6])
@pytest.mark.parametrize("pace", [0.5, 1.3])
def test_the_path_fits_best_in_the_key_that_is_played(
    key: int, pace: float, spectra: Spectra, true: pd.DataFrame
) -> None:
    given = loose(true, seed=key + 20, pace=pace)
    gains = transposition._gains(spectra, given.assign(pitch=given["pitch"] - key))
    second, first = sorted(gains.values())[-2:]
    assert gains[key] == first > 1.3 * second


@pytest.mark.parametrize("key", [-6, -2, -1, 2, 5])
def test_a_midi_file_in_another_key(key: int, spectra: Spectra, true: pd.DataFrame) -> None:
    given = loose(true, seed=key + 10)
    found, moved = locate(spectra, given.assign(pitch=given["pitch"] - key))
    assert round(moved.tuning) == key
    assert np.mean(np.abs(found.onset_s - true["onset_s"]) <= 0.01) > 0.97
    assert np.mean(found.status == "aligned") > 0.95


def test_music_in_tune_is_located_once_and_as_before(
    spectra: Spectra, true: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = loose(true, seed=1)
    plain, calls = locate_module.locate(spectra, given), []

    def counted(*arguments):
        calls.append(arguments)
        return plain

    monkeypatch.setattr(locate_module, "locate", counted)
    assert locate(spectra, given) == (plain, spectra)
    assert len(calls) == 1 and abs(spectra.tuning) < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_another_piece_is_refused_in_every_key(
    seed: int, spectra: Spectra, true: pd.DataFrame
) -> None:
    """The example's rhythm with a melody drawn anew, and itself upside down."""
    rng = np.random.default_rng(seed)
    pitch = 108 - true["pitch"] + 21 if seed == 0 else rng.integers(45, 85, len(true))
    with pytest.raises(InputError, match="another piece"):
        locate(spectra, loose(true, seed).assign(pitch=pitch))


def test_half_of_the_notes_played_is_no_other_key(spectra: Spectra, true: pd.DataFrame) -> None:
    """A poor match in its own key is not bettered by another one."""
    rng = np.random.default_rng(7)
    pitch = np.where(rng.random(len(true)) < 0.4, true["pitch"], rng.permutation(true["pitch"]))
    found, same = locate(spectra, true.assign(pitch=pitch))
    assert same is spectra
    assert np.mean(found.status[pitch == true["pitch"]] == "aligned") > 0.8
