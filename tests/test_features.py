"""The time grid and the representations, against clicks at known samples and against librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from pianoalign_lib.common.config import FRAME_RATES, REPRESENTATIONS
from pianoalign_lib.common.errors import ConfigError
from pianoalign_lib.crnn.features import compute_features, hop_length
from pianoalign_lib.io.audio import SAMPLE_RATE


def _centroid_s(energy: np.ndarray, fps: int) -> float:
    return float((energy * np.arange(len(energy))).sum() / energy.sum() / fps)


@pytest.mark.parametrize("fps", FRAME_RATES)
@pytest.mark.parametrize("representation", ["cqt", "mel"])
@pytest.mark.parametrize("sample", [16_000, 20_037, 31_999])
def test_a_click_lies_where_it_is(representation, fps, sample):
    """A click's energy is centred on its own time, on the grid k / fps, within 1 ms."""
    audio = np.zeros(3 * SAMPLE_RATE, dtype=np.float32)
    audio[sample] = 1.0
    # Bins whose windows span several frames at 50 fps and end well inside the three seconds.
    energy = compute_features(audio, representation, fps)[:, 20:44].sum(axis=1) ** 2
    assert _centroid_s(energy, fps) == pytest.approx(sample / SAMPLE_RATE, abs=1e-3)


@pytest.mark.parametrize("fps", FRAME_RATES)
@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_shape_range_and_frame_count(representation, fps):
    audio = np.random.default_rng(0).standard_normal(SAMPLE_RATE + 123).astype(np.float32)
    features = compute_features(audio, representation, fps)
    assert features.shape == (1 + len(audio) // hop_length(fps), 88)
    assert features.dtype == np.float32
    assert features.min() >= 0 and features.max() == pytest.approx(1.0)


@pytest.mark.parametrize("pitch", [21, 45, 69, 93, 108])
@pytest.mark.parametrize("representation", ["cqt", "log_cqt"])
def test_cqt_bin_is_the_pitch(representation, pitch):
    time_s = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    audio = np.sin(2 * np.pi * librosa.midi_to_hz(pitch) * time_s).astype(np.float32)
    features = compute_features(audio, representation, 100)
    assert features[100].argmax() == pitch - 21


def test_log_cqt_is_decibels_of_librosa():
    audio = np.random.default_rng(1).standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    reference = np.abs(
        librosa.cqt(audio, sr=SAMPLE_RATE, hop_length=160, fmin=27.5, n_bins=88, bins_per_octave=12)
    )
    decibel = librosa.amplitude_to_db(reference, ref=np.max, top_db=80.0)
    features = compute_features(audio, "log_cqt", 100)
    np.testing.assert_allclose(features.T, (1 + decibel / 80)[:, : len(features)], atol=1e-4)


def test_level_does_not_matter():
    audio = np.random.default_rng(2).standard_normal(SAMPLE_RATE).astype(np.float32)
    loud, soft = (compute_features(audio * gain, "log_cqt", 100) for gain in (1.0, 1e-3))
    np.testing.assert_allclose(loud, soft, atol=1e-3)


def test_impossible_grids_and_representations_are_refused():
    with pytest.raises(ConfigError, match="do not divide"):
        hop_length(60)
    with pytest.raises(ConfigError, match="unknown representation 'stft'"):
        compute_features(np.zeros(1000, np.float32), "stft", 100)
