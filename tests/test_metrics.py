"""Metrics against hand-computed cases, mir_eval, scipy and invariants."""

from __future__ import annotations

import mir_eval
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthetic_predictions import predictions

from companion.comparison import Comparison, compare_scores
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.scoring import bootstrap, metrics
from pianoalign_lib.scoring.prediction_frames import validate_predictions
from pianoalign_lib.scoring.scores import read_scores, write_scores


def frame(
    errors_ms: dict[str, list[float]], method: str = "crnn", condition: str = "note100"
) -> pd.DataFrame:
    """Return predictions with these errors, by recording; onsets far from round numbers."""
    parts = []
    for recording, errors in errors_ms.items():
        count = len(errors)
        true = 1234.567 + 0.377 * np.arange(count)
        parts.append(
            pd.DataFrame(
                {
                    "test_set": "test", "recording": recording, "performance": recording,
                    "method": method, "condition": condition, "note_id": np.arange(count),
                    "pitch": 40 + np.arange(count) % 30, "velocity": 64, "onset_true_s": true,
                    "onset_in_s": true, "onset_s": true + np.array(errors) / 1000,
                    "confidence": np.float32(np.nan), "placed": True,
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def per_recording(data: pd.DataFrame, *tolerances: tuple[float, ...]) -> pd.DataFrame:
    return metrics.evaluate_all(data, *tolerances, bootstrap_samples=1)[1]


def compare(data: pd.DataFrame, *what, **options) -> Comparison:
    return compare_scores(per_recording(data), *what, **options)


def only(scores: pd.DataFrame, calibrated: bool = False, **values: str) -> pd.Series:
    chosen = scores[scores["calibrated"] == calibrated]
    for column, value in values.items():
        chosen = chosen[chosen[column] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


# --- Hand-computed ------------------------------------------------------------------------------


def test_every_column_of_a_case_computed_by_hand() -> None:
    data = frame({"a": [0, 10, -10, 60], "b": [4, -30]})
    data.loc[5, "placed"] = False
    row = only(metrics.evaluate(data, (5, 10, 50)))
    assert row["n_recordings"] == 2 and row["n_notes"] == 6
    assert row["acc_5ms"] == pytest.approx(2 / 6)
    assert row["acc_10ms"] == pytest.approx(4 / 6)
    assert row["acc_10ms_mean"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert row["acc_50ms"] == pytest.approx(5 / 6)
    assert row["lost_share"] == pytest.approx(1 / 6)
    assert row["median_abs_error_s"] == pytest.approx(0.010)
    assert row["mean_abs_error_s"] == pytest.approx(0.114 / 6)
    assert row["bias_s"] == pytest.approx(0.002)
    single = per_recording(data, (5, 10, 50))
    assert only(single, recording="a")["acc_10ms"] == pytest.approx(3 / 4)
    assert only(single, recording="b")["lost_share"] == pytest.approx(1 / 2)
    assert not any(column.endswith(("_lo", "_hi", "_mean")) for column in single.columns)


def test_calibrated_rows_by_hand() -> None:
    # Medians: 20 ms and -5 ms; what remains is (-20, 0, 5) and (0, 0, 13).
    data = frame({"a": [0, 20, 25], "b": [-5, -5, 8]})
    row = only(metrics.evaluate(data, (5, 10, 20)), calibrated=True)
    assert [row[f"acc_{ms}ms"] for ms in (5, 10, 20)] == pytest.approx([4 / 6, 4 / 6, 1])
    assert row["bias_s"] == pytest.approx(0, abs=1e-12)
    assert only(metrics.evaluate(data, (5,)))["acc_5ms"] == pytest.approx(3 / 6)


@pytest.mark.parametrize("start", [0.0, 0.1, 1 / 3, 7.3, 1234.567, 5999.99])
@pytest.mark.parametrize("ms", metrics.TOLERANCES_MS)
def test_the_bound_of_a_tolerance_counts(start: float, ms: int) -> None:
    for sign in (1, -1):
        inside = np.array([(start + sign * ms / 1000) - start])
        outside = np.array([(start + sign * (ms + 0.001) / 1000) - start])
        assert metrics.count_hits(inside, [ms]) == 1
        assert metrics.count_hits(outside, [ms]) == 0


def test_a_note_that_was_not_placed_counts_with_its_input_onset() -> None:
    data = frame({"a": [0, 0, 0, 80]})
    data.loc[3, "placed"] = False
    row = only(metrics.evaluate(data))
    assert row["acc_50ms"] == 0.75 and row["acc_100ms"] == 1 and row["lost_share"] == 0.25


def test_the_untouched_input_has_the_accuracy_of_its_uniform_errors() -> None:
    data = predictions(["none"], ["note100"], recordings=4, notes=3000)
    row = only(metrics.evaluate(data))
    for ms in (10, 25, 50):
        assert row[f"acc_{ms}ms"] == pytest.approx(ms / 100, abs=0.02)
    assert row["median_abs_error_s"] == pytest.approx(0.050, abs=0.002)


# --- mir_eval -----------------------------------------------------------------------------------


def mir_eval_f1(pitch: np.ndarray, true: np.ndarray, found: np.ndarray) -> float:
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    intervals = [np.column_stack([onset, onset + 0.1]) for onset in (true, found)]
    return mir_eval.transcription.precision_recall_f1_overlap(
        intervals[0], hertz, intervals[1], hertz, onset_tolerance=0.05, offset_ratio=None
    )[2]


@pytest.mark.parametrize("seed", range(5))
def test_onset_f1_equals_mir_eval_over_all_pitches_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Few pitches in little time: repeated notes that could be matched in many ways.
    pitch = rng.integers(60, 64, 80)
    true = rng.uniform(1, 6, 80)
    found = true + rng.normal(0, 0.08, 80)
    expected = mir_eval_f1(pitch, true, found)
    assert metrics.onset_f1(pitch, true, found) == pytest.approx(expected, abs=1e-12)
    assert 0.3 < expected < 1


def test_onset_f1_ignores_the_identity_of_notes_and_is_never_below_accuracy() -> None:
    data = predictions(["dtw", "crnn"], ["note100"], recordings=6, notes=150)
    single = per_recording(data)
    assert (single["onset_f1_50ms"] >= single["acc_50ms"]).all()
    # Two repeated notes that change places: wrong by identity, right as a set of onsets.
    swapped = frame({"a": [300, -300]})
    swapped["pitch"] = 60
    swapped["onset_true_s"] = [1.0, 1.3]
    swapped["onset_s"] = [1.3, 1.0]
    row = only(metrics.evaluate(swapped))
    assert row["acc_50ms"] == 0 and row["onset_f1_50ms"] == 1


def test_onset_f1_is_the_mean_over_recordings() -> None:
    data = predictions(["dtw"], ["note100"], recordings=3)
    single = per_recording(data)
    mean = single.loc[~single["calibrated"], "onset_f1_50ms"].mean()
    assert only(metrics.evaluate(data))["onset_f1_50ms"] == pytest.approx(mean)


# --- Bootstrap ----------------------------------------------------------------------------------


def test_interval_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    notes = rng.integers(50, 400, 20)
    hits = rng.binomial(notes, rng.uniform(0.3, 0.7, 20))
    lo, hi = bootstrap.interval(hits, notes, samples=20_000, seed=1)
    expected = stats.bootstrap(
        (hits, notes), lambda h, n, axis: h.sum(axis) / n.sum(axis), paired=True, vectorized=True,
        n_resamples=20_000, method="percentile", rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    assert float(lo) == pytest.approx(expected.low, abs=0.004)
    assert float(hi) == pytest.approx(expected.high, abs=0.004)


def test_interval_of_two_recordings_is_their_two_shares() -> None:
    # Both draws fall on the same recording in a quarter of the cases each: beyond 2.5 %.
    lo, hi = bootstrap.interval(np.array([10, 90]), np.array([100, 300]))
    assert (float(lo), float(hi)) == pytest.approx((0.1, 0.3))


def test_interval_is_a_point_without_variation_and_unknown_for_one_recording() -> None:
    lo, hi = bootstrap.interval(np.array([20, 40, 10]), np.array([100, 200, 50]))
    assert (float(lo), float(hi)) == pytest.approx((0.2, 0.2))
    row = only(metrics.evaluate(frame({"a": [0, 30]})))
    assert row["acc_10ms"] == 0.5
    assert np.isnan(row["acc_10ms_lo"]) and np.isnan(row["acc_10ms_hi"])


def test_excerpts_of_one_performance_are_drawn_together() -> None:
    first, second = frame({"a1": [0, 30], "a2": [0, 0]}), frame({"b": [30, 30, 30, 0]})
    data = pd.concat([first.assign(performance="a"), second])
    row = only(metrics.evaluate(data))
    assert (row["n_recordings"], row["acc_10ms"]) == (3, 0.5)
    # As for two recordings: a alone has 3 of 4, b alone 1 of 4.
    assert (row["acc_10ms_lo"], row["acc_10ms_hi"]) == pytest.approx((0.25, 0.75))
    assert np.isnan(only(metrics.evaluate(first.assign(performance="a")))["acc_10ms_lo"])
    sums = bootstrap.by_performance([[1, 2], [3, 4], [5, 6]], ["z", "a", "z"])
    assert sums.tolist() == [[6, 8], [3, 4]]
    assert bootstrap.by_performance([1, 2, 3], ["z", "a", "a"]).tolist() == [1, 5]


def test_interval_covers_the_true_share_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        notes = rng.integers(100, 300, 30)
        hits = rng.binomial(notes, rng.beta(8, 8, 30))  # mean one half, recordings differ
        lo, hi = bootstrap.interval(hits, notes, samples=400)
        covered += float(lo) <= 0.5 <= float(hi)
    assert 0.89 <= covered / 300 <= 0.985


def test_interval_is_wider_than_one_that_takes_notes_for_independent() -> None:
    hits, notes = np.array([20, 80] * 10), np.full(20, 100)
    lo, hi = bootstrap.interval(hits, notes)
    binomial = 2 * 1.96 * np.sqrt(0.25 / notes.sum())
    assert float(hi - lo) > 4 * binomial


def test_the_seed_decides_the_interval() -> None:
    data = predictions(["crnn"], ["note100"], recordings=14)
    first, again = metrics.evaluate(data, seed=1), metrics.evaluate(data, seed=1)
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    other = metrics.evaluate(data, seed=2, bootstrap_samples=200)
    assert (first["acc_10ms"] == other["acc_10ms"]).all()
    assert (first["acc_10ms_lo"] != other["acc_10ms_lo"]).any()


# --- Differences --------------------------------------------------------------------------------


def test_difference_by_hand_and_its_interval_from_two_recordings() -> None:
    a = frame({"x": [0, 0, 0, 60], "y": [0, 0]}, method="a")
    b = frame({"x": [0, 60, 60, 60], "y": [0, 60]}, method="b")
    found = compare(pd.concat([a, b]), "a", "b", "note100", 10)
    assert (found.a, found.b) == pytest.approx((5 / 6, 2 / 6))
    assert found.difference == pytest.approx(3 / 6)
    assert found.relative == pytest.approx(1.5)
    # Each recording alone, and both: 2/4, 1/2 and 3/6. There is no variation in the difference.
    assert (found.lo, found.hi) == pytest.approx((0.5, 0.5))
    # Relative gains: x alone 2/1, y alone 1/1.
    assert (found.relative_lo, found.relative_hi) == pytest.approx((1, 2))


def test_pairing_cancels_what_makes_a_recording_hard() -> None:
    rng = np.random.default_rng(5)
    notes = np.full(12, 200)
    hard = rng.uniform(0.2, 0.8, 12)
    counts = {name: (hard * 200).astype(int) + gain for name, gain in (("a", 8), ("b", 0))}
    rows = pd.DataFrame(
        [
            {
                "test_set": "test", "method": name, "condition": "note100", "calibrated": False,
                "recording": f"r{index}", "performance": f"p{index}", "n_notes": notes[index],
                "acc_10ms": hits / 200,
            }
            for name, values in counts.items()
            for index, hits in enumerate(values)
        ]
    )  # fmt: skip
    found = compare_scores(rows, "a", "b", "note100", 10)
    assert (found.lo, found.hi) == pytest.approx((0.04, 0.04))
    unpaired = bootstrap.interval(counts["a"], notes)
    assert float(unpaired[1] - unpaired[0]) > 0.1


def test_hits_are_counted_alike_in_predictions_and_in_their_stored_scores(tmp_path) -> None:
    data = predictions(["crnn", "gru", "dtw"], ["note100", "exact"], ("test", "room"))
    write_scores(tmp_path / "per_recording.csv", per_recording(data))
    single = read_scores(tmp_path / "per_recording.csv")
    chosen = data[(data["test_set"] == "room") & (data["condition"] == "note100")]
    error = (chosen["onset_s"] - chosen["onset_true_s"]).rename("error")
    by_recording = [chosen["method"], chosen["recording"]]
    for calibrated in (False, True):
        left = error - error.groupby(by_recording).transform("median") * calibrated
        by_performance = [chosen["method"], chosen["performance"]]
        hits = (left.abs() <= 0.010 + 1e-9).groupby(by_performance)
        count, notes = hits.sum().loc[["crnn", "gru"]], hits.size().loc["crnn"].to_numpy()
        drawn = [
            bootstrap.resampled_shares(count.loc[name].to_numpy(), notes, 300, 4)
            for name in ("crnn", "gru")
        ]
        options = {"test_set": "room", "calibrated": calibrated, "samples": 300, "seed": 4}
        found = compare_scores(single, "crnn", "gru", "note100", 10, **options)
        assert (found.lo, found.hi) == bootstrap.bounds(drawn[0] - drawn[1])
        assert found.a == count.loc["crnn"].sum() / notes.sum()


def test_a_comparison_is_the_reverse_of_its_reverse() -> None:
    data = predictions(["crnn", "gru"], ["note100"])
    back = compare(data, "gru", "crnn", "note100", 10)
    there = compare(data, "crnn", "gru", "note100", 10)
    assert there.difference == pytest.approx(-back.difference)
    assert (there.lo, there.hi) == pytest.approx((-back.hi, -back.lo))
    same = compare(data, "crnn", "crnn", "note100", 10)
    assert (same.difference, same.lo, same.hi, same.relative) == (0, 0, 0, 0)


def test_a_gain_over_no_hit_at_all_is_infinite() -> None:
    data = pd.concat(
        [frame({"x": [0], "y": [0]}, "a"), frame({"x": [60], "y": [60]}, "b")], ignore_index=True
    )
    found = compare(data, "a", "b", "note100", 10)
    assert found.relative == found.relative_lo == np.inf


def test_compare_refuses_what_cannot_be_paired() -> None:
    a, b = frame({"x": [0, 0], "y": [0]}, "a"), frame({"x": [0, 0], "z": [0]}, "b")
    data = pd.concat([a, b], ignore_index=True)
    with pytest.raises(PianoAlignError, match="different notes"):
        compare(data, "a", "b", "note100", 10)
    with pytest.raises(PianoAlignError, match="not run"):
        compare(data, "a", "nobody", "note100", 10)
    with pytest.raises(PianoAlignError, match="not run"):
        compare(data, "a", "b", "exact", 10)
    single = per_recording(data, (10,))
    with pytest.raises(PianoAlignError, match="different notes"):
        compare_scores(single, "a", "b", "note100", 10)
    with pytest.raises(PianoAlignError, match="tolerances"):
        compare_scores(single, "a", "b", "note100", 11)


# --- Invariants ---------------------------------------------------------------------------------

errors = st.lists(
    st.lists(st.floats(-300, 300, allow_nan=False), min_size=1, max_size=12), min_size=1, max_size=4
)


def named(recordings: list[list[float]]) -> dict[str, list[float]]:
    return {f"r{index}": values for index, values in enumerate(recordings)}


@settings(max_examples=30, deadline=None)
@given(errors)
def test_accuracy_grows_with_tolerance_and_intervals_hold_their_order(recordings) -> None:
    scores = metrics.evaluate(frame(named(recordings)), bootstrap_samples=50)
    columns = [f"acc_{ms}ms" for ms in metrics.TOLERANCES_MS]
    for end in ("", "_mean", "_lo", "_hi"):
        values = scores[[column + end for column in columns]].to_numpy()
        assert (np.isnan(values[:, 1:]) | (np.diff(values, axis=1) >= 0)).all()
        assert (np.isnan(values) | ((values >= 0) & (values <= 1))).all()
    assert (scores["median_abs_error_s"] <= 0.6).all()


@settings(max_examples=30, deadline=None)
@given(errors, st.integers(-5000, 5000))
def test_a_constant_delay_of_a_recording_does_not_change_calibrated_rows(
    recordings, shift_ms
) -> None:
    # Multiples of 1/8 ms and odd multiples of 1/16 ms as tolerances: no error near a bound.
    rounded = [[round(8 * value) / 8 for value in part] for part in recordings]
    shifted = [
        [value + (shift_ms + 10 * index) for value in part] for index, part in enumerate(rounded)
    ]
    tolerances = (5.03125, 10.03125, 50.03125)
    columns = ["median_abs_error_s", "mean_abs_error_s", *(f"acc_{ms:g}ms" for ms in tolerances)]
    before, after = (
        only(metrics.evaluate(frame(named(part)), tolerances, 20), calibrated=True)[columns]
        for part in (rounded, shifted)
    )
    assert after.to_numpy(float) == pytest.approx(before.to_numpy(float), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(random) -> None:
    data = predictions(["crnn", "dtw"], ["note100", "exact"], ("test", "room"), 3, 12)
    order = list(range(len(data)))
    random.shuffle(order)
    shuffled = metrics.evaluate_all(data.iloc[order], bootstrap_samples=50)
    for expected, found in zip(
        metrics.evaluate_all(data, bootstrap_samples=50), shuffled, strict=True
    ):
        pd.testing.assert_frame_equal(expected, found, check_exact=True)


def test_a_method_scores_the_same_alone_and_among_others() -> None:
    data = predictions(["crnn", "dtw", "none"], ["note100", "exact"])
    together = metrics.evaluate(data)
    for method in ("crnn", "dtw", "none"):
        alone = metrics.evaluate(data[data["method"] == method])
        expected = together[together["method"] == method].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, expected, check_exact=True)


def test_evaluate_all_is_both_frames() -> None:
    data = predictions(["crnn"], ["note100"])
    summary, single = metrics.evaluate_all(data)
    pd.testing.assert_frame_equal(summary, metrics.evaluate(data))
    pd.testing.assert_frame_equal(single, per_recording(data))
    raw = single[~single["calibrated"]]
    pooled = (raw["acc_10ms"] * raw["n_notes"]).sum() / raw["n_notes"].sum()
    assert only(summary)["acc_10ms"] == pytest.approx(pooled)


# --- Bad input ----------------------------------------------------------------------------------


def spoil(column: str, value: object) -> pd.DataFrame:
    data = frame({"a": [0, 5, 10]}).astype({column: object})
    data.loc[1, column] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (frame({"a": [0]}).drop(columns="onset_s"), "column onset_s"),
        (frame({"a": [0]}).iloc[:0], "no note"),
        (spoil("onset_s", np.nan), "missing value in onset_s"),
        (spoil("placed", None), "missing value in placed"),
        (spoil("recording", None), "missing value in recording"),
        (spoil("onset_true_s", np.inf), "not finite"),
        (spoil("note_id", 0), "more than once: .*recording a, note_id 0"),
    ],
)
def test_invalid_predictions_are_refused(data: pd.DataFrame, message: str) -> None:
    with pytest.raises(PianoAlignError, match=message) as caught:
        metrics.evaluate(data)
    assert "\n" not in str(caught.value)


def test_the_same_note_id_elsewhere_is_no_duplicate() -> None:
    data = predictions(["crnn", "dtw"], ["note100", "exact"], ("test", "room"))
    validate_predictions(data)
    # Missing confidence is allowed: DTW has none.
    assert data["confidence"].isna().all()


def test_score_files_round_trip_and_refuse_others(tmp_path) -> None:
    scores = metrics.evaluate(predictions(["none", "crnn"], ["note100"]))
    path = tmp_path / "metrics.csv"
    write_scores(path, scores)
    first = path.read_bytes()
    found = read_scores(path)
    pd.testing.assert_frame_equal(found, scores, atol=1e-6, check_dtype=False)
    assert list(found["method"].unique()) == ["crnn", "none"]
    write_scores(path, scores)
    assert path.read_bytes() == first
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for name, message in (("other.csv", "no column"), ("absent.csv", "cannot read")):
        with pytest.raises(PianoAlignError, match=message):
            read_scores(tmp_path / name)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(PianoAlignError, match="cannot read"):
        read_scores(tmp_path / "empty.csv")
