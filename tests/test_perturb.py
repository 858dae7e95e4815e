"""Timing errors: their size, their seed, and that notes keep their identity."""

from __future__ import annotations

import numpy as np
import pytest

from pianoalign_lib.common.config import load_params
from pianoalign_lib.common.errors import ConfigError
from pianoalign_lib.corpora.timing_errors import Condition, conditions, generator, perturb
from pianoalign_lib.io.notes import note_table


@pytest.fixture
def notes():
    rng = np.random.default_rng(3)
    onset_s = np.sort(rng.uniform(1.0, 120.0, 2000))
    return note_table(rng.integers(21, 109, 2000), [64] * 2000, onset_s, onset_s + 0.4)


def test_note_errors_are_uniform_within_their_bound(notes):
    moved = perturb(notes, Condition("x", note_ms=100), np.random.default_rng(0))
    shift_s = (moved["onset_s"] - notes["onset_s"]).to_numpy()
    assert np.abs(shift_s).max() <= 0.1
    # A uniform error on ±100 ms: 10 % within 10 ms, half within 50 ms, standard deviation 57.7 ms.
    assert np.mean(np.abs(shift_s) <= 0.01) == pytest.approx(0.1, abs=0.02)
    assert np.mean(np.abs(shift_s) <= 0.05) == pytest.approx(0.5, abs=0.03)
    assert shift_s.std() == pytest.approx(0.0577, abs=0.002)
    np.testing.assert_allclose(moved["offset_s"] - moved["onset_s"], 0.4)


def test_tempo_is_exact(notes):
    fast = perturb(notes, Condition("x", tempo_percent=25), np.random.default_rng(0))
    np.testing.assert_allclose(fast["onset_s"], notes["onset_s"] / 1.25)
    np.testing.assert_allclose(fast["offset_s"] - fast["onset_s"], 0.4 / 1.25)


def test_drift_keeps_order_and_bounds_the_tempo(notes):
    moved = perturb(notes, Condition("x", drift_percent=10), np.random.default_rng(0))
    steps = np.diff(moved["onset_s"]) / np.diff(notes["onset_s"])
    assert steps.min() >= 0.9 - 1e-6 and steps.max() <= 1.1 + 1e-6
    assert steps.max() > 1.05 or steps.min() < 0.95


def test_offset_and_identity(notes):
    moved = perturb(notes, Condition("x", offset_s=2.0), np.random.default_rng(0))
    np.testing.assert_allclose(moved["onset_s"] - notes["onset_s"], 2.0)
    for column in ("note_id", "pitch", "velocity"):
        assert (moved[column] == notes[column]).all()


def test_a_drawn_offset_is_one_for_all_notes_and_another_for_each_recording(notes):
    condition = Condition("x", offset_s=2, offset_within_s=1)  # as YAML gives them
    drawn_s = []
    for seed in range(20):
        moved = perturb(notes, condition, np.random.default_rng(seed))
        shift_s = moved["onset_s"] - notes["onset_s"]
        np.testing.assert_allclose(shift_s, shift_s.iloc[0])
        drawn_s.append(shift_s.iloc[0])
    assert 1.0 <= min(drawn_s) < 1.5 and 2.5 < max(drawn_s) <= 3.0
    frames = np.array(drawn_s) / 0.02  # of DTW
    assert np.abs(frames - np.round(frames)).max() > 0.1


def test_onsets_are_never_negative():
    notes = note_table([60], [64], [0.0], [0.5])
    for seed in range(20):
        moved = perturb(notes, Condition("x", note_ms=200), np.random.default_rng(seed))
        assert moved["onset_s"].item() >= 0


def test_same_seed_same_errors_and_other_label_others(notes):
    condition = Condition("x", note_ms=100, drift_percent=10)
    first, again, other = (
        perturb(notes, condition, generator(1, label)) for label in ("a", "a", "b")
    )
    assert first.equals(again)
    assert not np.allclose(first["onset_s"], other["onset_s"])


def test_all_conditions_of_the_parameters_are_valid(repository):
    assert {"note100", "drift10_note100", "tempo+20"} <= set(conditions(load_params(repository)))


@pytest.mark.parametrize("parts", [{"notems": 3}, {"note_ms": -1}, {"tempo_percent": -100}])
def test_bad_conditions_are_refused(parts):
    with pytest.raises(ConfigError, match="params.yaml: condition 'x'"):
        conditions({"conditions": {"x": parts}})
