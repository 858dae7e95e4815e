"""decoding: threshold, dips, optimal order-preserving matching, and the time grid."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pianoalign_lib.common.errors import InputError
from pianoalign_lib.crnn.decoding import detect_onsets, match_notes, place_notes


def posterior_of(column: list[float], pitch: int = 60) -> np.ndarray:
    posterior = np.zeros((len(column), 88), dtype=np.float32)
    posterior[:, pitch - 21] = column
    return posterior


def onset_frames(column: list[float], threshold: float = 0.5, **options: float) -> list[int]:
    detected = detect_onsets(posterior_of(column), 100, threshold, **options)
    return np.round(detected.onset_s * 100).astype(int).tolist()


# --- Detection -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [50, 100, 200])
@pytest.mark.parametrize("frame", [0, 1, 7, 1999])
def test_frame_k_is_the_instant_k_over_fps(fps: int, frame: int) -> None:
    column = [0.0] * 2000
    column[frame] = 1.0
    detected = detect_onsets(posterior_of(column, pitch=108), fps, 0.5)
    assert detected.onset_s.tolist() == [frame / fps]
    assert detected.pitch.tolist() == [108]


def test_a_run_at_or_above_the_threshold_is_one_note() -> None:
    assert onset_frames([0, 0.4, 0.5, 0.9, 0.9, 0.6, 0.4, 0, 0.8]) == [2, 8]


def test_a_dip_inside_a_run_separates_repeated_notes() -> None:
    column = [0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.9, 0.9, 0.9]
    assert onset_frames(column) == [1, 7]
    assert onset_frames(column, dip_depth=0.4) == [1]
    assert onset_frames(column, dip_depth=1.0) == [1]


def test_a_slow_decay_or_a_wavering_attack_is_no_dip() -> None:
    assert onset_frames(np.linspace(1, 0.5, 60).tolist()) == [0]
    assert onset_frames([0, 0.6, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9]) == [1]


def test_a_wide_or_ragged_dip_counts_once_at_its_rise() -> None:
    assert onset_frames([0.9] * 5 + [0.6, 0.6] + [0.9] * 5) == [0, 7]
    assert onset_frames([0.9] * 5 + [0.6, 0.7, 0.55] + [0.9] * 5) == [0, 8]


def test_confidence_is_the_peak_just_after_the_onset() -> None:
    detected = detect_onsets(posterior_of([0, 0.6, 0.7, 0.65, 0.6, 0.6, 0.6, 0.99]), 100, 0.5)
    assert detected.confidence.tolist() == [np.float32(0.7)]


def test_onsets_are_sorted_by_pitch_then_time_and_an_empty_posterior_has_none() -> None:
    posterior = posterior_of([1, 0, 1, 0], pitch=70) + posterior_of([0, 1, 0, 1], pitch=40)
    detected = detect_onsets(posterior, 100, 0.5)
    assert detected.pitch.tolist() == [40, 40, 70, 70]
    assert detected.onset_s.tolist() == [0.01, 0.03, 0.0, 0.02]
    assert len(detect_onsets(np.zeros((0, 88)), 100, 0.5)) == 0


def test_a_posterior_without_88_columns_is_refused() -> None:
    with pytest.raises(InputError, match="88"):
        detect_onsets(np.zeros((10, 12)), 100, 0.5)


# --- Matching ------------------------------------------------------------------------------------


def cost_of(onsets: np.ndarray, detected: np.ndarray, index: np.ndarray, limit: float) -> float:
    found = index >= 0
    return float(np.abs(onsets[found] - detected[index[found]]).sum() + limit * (~found).sum())


def least_cost(onsets: np.ndarray, detected: np.ndarray, limit: float) -> float:
    """Least cost over every way to pick k notes and k detections and pair them in order."""
    costs = []
    for k in range(min(len(onsets), len(detected)) + 1):
        for rows in itertools.combinations(range(len(onsets)), k):
            for columns in itertools.combinations(range(len(detected)), k):
                shifts = np.abs(onsets[list(rows)] - detected[list(columns)])
                if (shifts <= limit).all():
                    costs.append(shifts.sum() + limit * (len(onsets) - k))
    return float(min(costs))


# Eighths are exact in binary: no rounding at the edge of the permitted shift.
eighths = st.lists(st.integers(0, 24), max_size=6).map(lambda xs: np.sort(np.array(xs)) / 8)


@settings(max_examples=300, deadline=None)
@given(onsets=eighths, detected=eighths, limit=st.integers(1, 8).map(lambda x: x / 8))
def test_matching_is_optimal_ordered_and_uses_nothing_twice(
    onsets: np.ndarray, detected: np.ndarray, limit: float
) -> None:
    index = match_notes(onsets, detected, limit)
    used = index[index >= 0]
    assert (np.diff(used) > 0).all()
    assert (np.abs(onsets[index >= 0] - detected[used]) <= limit).all()
    assert cost_of(onsets, detected, index, limit) == least_cost(onsets, detected, limit)


def test_a_note_does_not_take_its_neighbours_onset() -> None:
    # Greedy by distance would give the first onset to the second note and lose the first note.
    index = match_notes(np.array([1.0, 1.1]), np.array([1.09, 1.2]), 0.2)
    assert index.tolist() == [0, 1]


def test_notes_beyond_the_largest_shift_are_lost() -> None:
    assert match_notes(np.array([1.0, 5.0]), np.array([1.3]), 0.25).tolist() == [-1, -1]
    assert match_notes(np.array([1.0]), np.zeros(0), 0.25).tolist() == [-1]
    assert match_notes(np.zeros(0), np.array([1.0]), 0.25).tolist() == []


def test_fifteen_thousand_notes_take_less_than_a_second() -> None:
    rng = np.random.default_rng(0)
    true = np.sort(rng.uniform(0, 1500, 15_000))
    started = time.perf_counter()
    index = match_notes(np.sort(true + rng.uniform(-0.1, 0.1, true.size)), true, 0.25)
    assert time.perf_counter() - started < 1
    assert (index >= 0).mean() > 0.99


# --- Whole recordings ----------------------------------------------------------------------------


def ideal_roll(pitch: np.ndarray, frame: np.ndarray, end: np.ndarray, n_frames: int) -> np.ndarray:
    """The network's target: ones while a note sounds, one zero before each onset."""
    roll = np.zeros((n_frames, 88), dtype=np.float32)
    for p, first, last in zip(pitch, frame, end, strict=True):
        roll[first:last, p - 21] = 1
    for p, first in zip(pitch, frame, strict=True):
        if first:
            roll[first - 1, p - 21] = 0
    return roll


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fps=st.sampled_from([50, 100, 200]))
def test_an_ideal_roll_gives_back_the_onsets_rounded_to_frames(seed: int, fps: int) -> None:
    rng = np.random.default_rng(seed)
    n_frames, pitches = 20 * fps, np.array([21, 60, 108])
    # At most ±1.5 frames of error on onsets at least 4 frames apart: the order survives.
    frame = np.concatenate([np.arange(1, n_frames - 10, 4 + p % 3) for p in pitches])
    pitch = np.concatenate([np.full(len(range(1, n_frames - 10, 4 + p % 3)), p) for p in pitches])
    keep = rng.random(len(frame)) < 0.4
    frame, pitch = frame[keep], pitch[keep]
    onset_s = (frame + rng.uniform(-0.49, 0.49, len(frame))) / fps
    posterior = ideal_roll(pitch, frame, frame + rng.integers(1, 30, len(frame)), n_frames)

    shuffle = rng.permutation(len(frame))
    notes = pd.DataFrame(
        {"pitch": pitch, "onset_s": onset_s + rng.uniform(-1.4, 1.4, len(frame)) / fps},
    ).iloc[shuffle]
    placed_s, confidence, placed = place_notes(notes, posterior, fps, 0.5, 0.25)
    assert placed.all() and (confidence == 1).all()
    np.testing.assert_array_equal(placed_s, (np.round(onset_s * fps) / fps)[shuffle])


def test_a_lost_note_keeps_its_input_onset() -> None:
    notes = pd.DataFrame({"pitch": [60, 61, 60], "onset_s": [0.05, 0.05, 9.0]}, index=[7, 7, 3])
    onset_s, confidence, placed = place_notes(notes, posterior_of([0, 0, 0.8, 0.8]), 100, 0.5, 0.1)
    assert onset_s.tolist() == [0.02, 0.05, 9.0]
    assert placed.tolist() == [True, False, False]
    assert confidence[0] == np.float32(0.8) and np.isnan(confidence[1:]).all()
    assert notes["onset_s"].tolist() == [0.05, 0.05, 9.0]  # the caller's table is untouched


def test_swapped_repeated_notes_are_matched_in_the_order_of_their_input_onsets() -> None:
    notes = pd.DataFrame({"pitch": [60, 60], "onset_s": [0.2, 0.1]})
    onset_s, _, _ = place_notes(
        notes, posterior_of([0] * 12 + [1] * 3 + [0] + [1] * 3), 100, 0.5, 1
    )
    assert onset_s.tolist() == [0.16, 0.12]


def test_a_pitch_off_the_piano_is_refused() -> None:
    with pytest.raises(InputError, match="21..108"):
        place_notes(
            pd.DataFrame({"pitch": [20], "onset_s": [0.0]}), np.zeros((5, 88)), 100, 0.5, 0.25
        )
