"""Latency: known onsets are found again, summaries by hand, and nothing is measured in silence."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.signal import fftconvolve

from companion.figures.files import save_figure
from companion.tables.latex import latex
from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.common.errors import CorpusError, PianoAlignError
from pianoalign_lib.common.labels import REAL_SETS
from pianoalign_lib.corpora import sounding
from pianoalign_lib.corpora.recordings import read_index
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import note_table
from studies.latency import label_limit
from studies.latency import measure as latency
from studies.latency import plots as latency_plots
from studies.latency import summary as latency_summary
from studies.latency import tables as label_limit_tables

CLOSE, AMBIENT = REAL_SETS


def tones(onset_s, pitch, seconds, *, level=0.1, decay_s=0.2, stretch=1.0) -> np.ndarray:
    """Return tones that start at once, at any fraction of a sample, with partials 1 to 8.

    The partials of a string whose stiffness is that of a middling piano (Conklin 1999: about 3e-4
    at C4, doubling every eight semitones) times `stretch`.
    """
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    audio = np.zeros(len(time_s))
    for onset, key, loud in np.broadcast(onset_s, pitch, level):
        since = time_s - onset
        hz = 440 * 2 ** ((key - 69) / 12)
        tone = np.zeros(len(time_s))
        stiffness = stretch * 3e-4 * 2 ** ((key - 60) / 8)
        for partial in range(1, 9):
            partial_hz = hz * partial * math.sqrt(1 + stiffness * partial**2)
            if partial_hz < 7000:
                tone += np.sin(2 * np.pi * partial_hz * since + 1.7 * partial) / partial
        audio += loud * tone * np.where(since >= 0, np.exp(-np.maximum(since, 0) / decay_s), 0)
    return audio.astype(np.float32)


def labelled(onset_s, pitch, velocity=64) -> pd.DataFrame:
    onset_s = np.asarray(onset_s, float)
    velocity = np.broadcast_to(velocity, onset_s.shape)
    return note_table(np.broadcast_to(pitch, onset_s.shape), velocity, onset_s, onset_s + 0.2)


# --- Measuring ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stretch", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("late_s", [-0.020, 0.0, 0.0137, 0.060])
def test_known_latencies_are_found(late_s: float, stretch: float) -> None:
    pitch = np.array([45, 52, 60, 67, 74, 81, 88])
    label_s = 0.5 + 0.4 * np.arange(len(pitch))
    audio = tones(label_s + late_s, pitch, 3.6, stretch=stretch)
    found = sounding.note_latency(audio, labelled(label_s, pitch))["latency_s"]
    assert found.notna().all()
    assert np.abs(found - late_s).max() < 0.002


def test_a_latency_that_depends_on_velocity_is_found_in_noise_and_in_a_room() -> None:
    rng = np.random.default_rng(3)
    count = 60
    velocity = rng.integers(25, 100, count)
    pitch = rng.integers(55, 85, count)
    label_s = 0.5 + 0.35 * np.arange(count) + rng.uniform(0, 0.05, count)
    late_s = 0.040 - 0.0004 * velocity
    dry = tones(label_s + late_s, pitch, 23.0, level=0.002 * velocity, decay_s=0.2)
    noisy = dry + 0.003 * rng.standard_normal(len(dry))
    tail = 0.02 * rng.standard_normal(4000) * np.exp(-np.arange(4000) / 1200)
    tail[0] = 1.0
    room = fftconvolve(dry, tail)[: len(dry)] + 0.001 * rng.standard_normal(len(dry))
    for audio, spread_s, least in ((noisy, 0.0015, 0.9), (room, 0.004, 0.6)):
        found = sounding.note_latency(audio, labelled(label_s, pitch, velocity))
        error_s = (found["latency_s"] - late_s).dropna()
        assert len(error_s) >= least * count
        assert abs(error_s.median()) < 0.002
        assert error_s.quantile(0.9) - error_s.quantile(0.1) < spread_s


def test_distance_is_heard() -> None:
    label_s = 0.5 + 0.4 * np.arange(6)
    near = tones(label_s + 0.01, 70, 3.2)
    far = np.concatenate([np.zeros(320, np.float32), 0.2 * near])  # 20 ms, 14 dB
    notes = labelled(label_s, 70)
    one, other = (sounding.note_latency(audio, notes)["latency_s"] for audio in (near, far))
    np.testing.assert_allclose(other - one, 0.020, atol=3e-4)


def test_a_note_over_a_held_chord_is_measured() -> None:
    audio = tones([0.3, 0.3, 0.3, 0.805], [48, 52, 55, 72], 2.0, level=[0.1, 0.1, 0.1, 0.05])
    notes = labelled([0.3, 0.3, 0.302, 0.8], [48, 52, 55, 72])
    notes["offset_s"] = 1.5
    found = sounding.note_latency(audio, notes)
    assert found["isolated"].tolist() == [False, False, False, True]
    assert found["sounding"].tolist() == [0, 0, 2, 3]
    assert found["latency_s"].isna().tolist() == [True, True, True, False]
    assert found["latency_s"].iloc[3] == pytest.approx(0.005, abs=0.0015)


def test_two_rises_are_no_answer() -> None:
    notes = labelled([0.5], 69)
    once = sounding.note_latency(tones([0.5], 69, 1.2), notes)
    twice = sounding.note_latency(
        tones([0.5, 0.55], 69, 1.2, level=[0.1, 0.12], decay_s=0.01), notes
    )
    assert once["latency_s"].notna().all()
    assert twice["latency_s"].isna().all()


def test_where_nothing_begins_nothing_is_measured() -> None:
    rng = np.random.default_rng(0)
    label_s = 0.5 + 0.3 * np.arange(60)
    # A chord rings on, with noise; the labels are of notes that were never played.
    audio = tones([0.1, 0.1], [50, 57], 19.0, decay_s=8.0) + 0.01 * rng.standard_normal(304_000)
    found = sounding.note_latency(audio, labelled(label_s, rng.integers(40, 90, 60)))
    assert found["isolated"].all()
    assert found["latency_s"].notna().mean() < 0.05
    silent = sounding.note_latency(np.zeros(304_000), labelled(label_s, 60))
    assert silent["latency_s"].isna().all()


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 50), st.integers(0, 4000), st.floats(-0.01, 0.01))
def test_level_start_and_label_change_nothing_but_the_label(
    gain: float, shift: int, moved_s: float
) -> None:
    label_s = 0.5 + 0.4 * np.arange(3)
    audio = tones(label_s + 0.01, [60, 66, 72], 1.8)
    plain = sounding.note_latency(audio, labelled(label_s, [60, 66, 72]))["latency_s"]
    # A whole number of steps of the envelope, so that both see the same frames.
    steps = round(moved_s * SAMPLE_RATE / sounding.HOP) * sounding.HOP / SAMPLE_RATE
    later = np.concatenate([np.zeros(shift), gain * audio])
    notes = labelled(label_s + shift / SAMPLE_RATE + steps, [60, 66, 72])
    found = sounding.note_latency(later, notes)["latency_s"]
    np.testing.assert_allclose(found, plain - steps, atol=5e-5)


def test_notes_at_the_edges_and_short_recordings_are_left_alone() -> None:
    audio = tones([0.5], 60, 1.0)
    found = sounding.note_latency(audio, labelled([0.001, 0.5, 0.999, 4.0], 60))
    assert found["latency_s"].notna().tolist() == [False, True, False, False]
    for short in (np.zeros(0), np.zeros(100), np.zeros(2000)):
        assert sounding.note_latency(short, labelled([0.05], 60))["latency_s"].isna().all()
    nothing = sounding.note_latency(audio, labelled([], 60))
    assert nothing.empty and "latency_s" in nothing


@given(st.lists(st.integers(0, 2000), max_size=40))
def test_isolated_by_brute_force(milliseconds: list[int]) -> None:
    # Odd halves of a millisecond: no distance is exactly on a bound.
    onset_s = np.sort(np.array(milliseconds, float)) * 0.0013
    expected = [
        not any(
            -0.080 <= other - mine <= 0.100 for place, other in enumerate(onset_s) if place != index
        )
        for index, mine in enumerate(onset_s)
    ]
    assert sounding.isolated(onset_s).tolist() == expected


def test_the_step_seen_through_the_window_is_the_textbook_one() -> None:
    # The integral of a Hann window of length 1 up to x from its middle.
    at = brentq(lambda x: 0.5 + x + math.sin(2 * math.pi * x) / (2 * math.pi) - 0.25, -0.5, 0)
    assert pytest.approx(at * sounding.WINDOW / SAMPLE_RATE, abs=1e-4) == sounding.STEP_S


def test_partials_are_stretched_as_those_of_a_piano() -> None:
    # The fourth partial of C4 lies 4 to 7 cents above 4 f0 on pianos (Fletcher 1964).
    cents = 1200 * np.log2(sounding.partials(60)[3] / (4 * 261.63))
    assert 2 < cents < 8
    assert len(sounding.partials(100)) < sounding.PARTIALS
    assert sounding.partials(108).max() < SAMPLE_RATE / 2


def test_a_corpus_is_measured_into_one_file(toy_project: CorpusPaths) -> None:
    with pytest.raises(CorpusError, match="latency --corpus"):
        latency.read_latency(toy_project)
    path = latency.measure_latency(toy_project, jobs=1)
    found = latency.read_latency(toy_project)
    tested = read_index(toy_project.split("eval"), split="test")
    assert len(found) == sum(item.n_notes for item in tested)
    assert list(found.columns[:4]) == ["test_set", "recording", "performance", "piano"]
    # The toy tones start at once on their labels; partials they lack are all noise, and early.
    assert found["latency_s"].notna().mean() > 0.9
    assert found["latency_s"].abs().max() < 0.006
    before = path.read_bytes()
    assert latency.measure_latency(toy_project, jobs=2).read_bytes() == before


# --- Summaries ----------------------------------------------------------------------------------


def frame(test_set: str, recording: str, latency_ms, velocity=50, pitch=60) -> pd.DataFrame:
    """Return a table of latencies, one note a second; NaN: not measured."""
    latency_s = np.asarray(latency_ms, float) / 1000
    count = len(latency_s)
    return pd.DataFrame(
        {
            "test_set": test_set, "recording": recording, "performance": recording.split("_")[0],
            "piano": "p", "note_id": np.arange(count), "pitch": np.broadcast_to(pitch, count),
            "velocity": np.broadcast_to(velocity, count), "onset_s": np.arange(count, dtype=float),
            "sounding": np.arange(count) % 3, "isolated": np.isfinite(latency_s),
            "latency_s": latency_s,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def example() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    velocity = rng.integers(25, 95, (4, 80))
    parts = [
        frame(CLOSE, "a_Cl", rng.normal(10, 9, 80), velocity[0], rng.integers(50, 80, 80)),
        frame(CLOSE, "b_Cl", rng.normal(14, 12, 80), velocity[1]),
        frame(AMBIENT, "c_Am", rng.normal(30, 9, 80), velocity[2]),
        frame("test", "d_x", rng.normal(4, 1, 80), velocity[3]),
        frame("pieces", "e_y", np.r_[rng.normal(6, 1, 40), np.full(40, np.nan)], velocity[0]),
    ]
    return pd.concat(parts, ignore_index=True)


def test_limits_by_hand() -> None:
    close = np.r_[np.full(12, 4.0), np.full(4, 12.0), np.full(4, 31.0)]
    soft = np.r_[np.full(15, 5.0), np.full(5, 6.0)]
    table = pd.concat([frame(CLOSE, "a_Cl", close), frame("test", "b_x", soft)])
    rows = label_limit.limits(table, samples=20).set_index(["group", "reading"])
    shares = rows[["share_5ms", "share_10ms", "share_25ms", "share_50ms"]]
    assert shares.loc[(CLOSE, "raw")].tolist() == [0.6, 0.6, 0.8, 1]
    assert shares.loc[(CLOSE, "attack")].tolist() == [0.6, 0.8, 0.8, 1]  # −1, 7 and 26 ms
    assert shares.loc[(CLOSE, "offset")].tolist() == [0.6, 0.8, 0.8, 1]  # 0, 8 and 27 ms
    assert shares.loc[("software", "raw")].tolist() == [0.75, 1, 1, 1]
    assert rows.loc[(CLOSE, "raw"), "n_notes"] == 20
    assert rows["share_10ms_lo"].isna().all()  # one recording tells nothing about others


def test_a_tolerance_includes_its_bound() -> None:
    table = frame(CLOSE, "a_Cl", np.full(20, 10.0))
    raw = label_limit.limits(table, samples=2).set_index("reading").loc["raw"]
    assert (raw["share_5ms"], raw["share_10ms"]) == (0, 1)


def test_a_velocity_curve_is_removed_and_a_note_cannot_remove_itself() -> None:
    rng = np.random.default_rng(1)
    velocity = rng.integers(20, 110, 200)
    curved = 60 - 0.9 * velocity + 0.004 * velocity**2
    rows = label_limit.limits(frame(CLOSE, "a_Cl", curved, velocity), samples=2)
    shares = rows.set_index("reading")["share_5ms"]
    assert shares["velocity"] == 1
    assert shares["offset"] < 0.6
    # Noise is no dependence: the fit, applied to other notes, gains nothing.
    noise = frame(CLOSE, "a_Cl", rng.normal(0, 10, 200), velocity)
    shares = label_limit.limits(noise, samples=2).set_index("reading")["share_10ms"]
    assert shares["velocity"] <= shares["offset"] + 0.03


def test_weights_restore_the_velocities_of_all_notes() -> None:
    # Soft notes are late and half of them were not measured.
    soft, loud = np.r_[np.full(20, 40.0), np.full(20, np.nan)], np.full(60, 10.0)
    velocity = np.r_[np.full(40, 35), np.full(60, 60)]
    found = label_limit.residuals(frame(CLOSE, "a_Cl", np.r_[soft, loud], velocity))
    assert found.groupby("velocity")["weight"].first().to_dict() == {35: 2.0, 60: 1.0}
    assert found["weight"].sum() == 100
    rows = label_limit.limits(frame(CLOSE, "a_Cl", np.r_[soft, loud], velocity), samples=2)
    shares = rows.set_index("reading")["share_25ms"]
    assert shares["offset"] == 0.75
    assert shares["weighted"] == 0.6


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 5)), min_size=1, max_size=30))
def test_weighted_median_is_the_median_of_repeated_values(pairs: list[tuple[int, int]]) -> None:
    values, weights = (np.array(column, float) for column in zip(*pairs, strict=True))
    repeated = np.repeat(values, weights.astype(int))
    assert label_limit.weighted_median(values, weights) == pytest.approx(np.median(repeated))


def test_limits_are_shares_and_seeded(example: pd.DataFrame) -> None:
    one, again = (label_limit.limits(example, samples=200, seed=7) for _ in range(2))
    pd.testing.assert_frame_equal(one, again)
    pd.testing.assert_frame_equal(
        one, label_limit.limits(example.sample(frac=1, random_state=0), samples=200, seed=7)
    )
    shares = one[[f"share_{ms}ms" for ms in (5, 10, 25, 50)]].to_numpy()
    assert (np.diff(shares, axis=1) >= 0).all() and shares.min() >= 0 and shares.max() <= 1
    two = one[one["n_recordings"] > 1]
    assert len(two) and (two["share_10ms_lo"] <= two["share_10ms"]).all()
    assert (two["share_10ms"] <= two["share_10ms_hi"]).all()
    # The control is nearly perfect, the others are not.
    offset = one[one["reading"] == "offset"].set_index("group")["share_10ms"]
    assert offset["software"] == 1 and offset[CLOSE] < 0.9


def test_recordings_with_few_notes_are_left_out(example: pd.DataFrame) -> None:
    few = frame(CLOSE, "f_Cl", np.full(latency_summary.LEAST_NOTES - 1, 0.0))
    more = pd.concat([example, few])
    pd.testing.assert_frame_equal(
        label_limit.limits(more, samples=20), label_limit.limits(example, samples=20)
    )
    assert label_limit.limits(few, samples=20).empty


def test_summaries_by_hand(example: pd.DataFrame) -> None:
    table = frame(CLOSE, "a_Cl", [1, 2, 3, np.nan, 50], [29, 29, 29, 29, 30])
    keyed = latency_summary.grouped(table)
    first, second = latency_summary.summarise(keyed, "band").to_dict("records")
    assert (first["band"], second["band"]) == ("1–29", "30–44")
    assert (first["n_notes"], first["n_isolated"], first["n_measured"]) == (4, 3, 3)
    assert [first[name] for name in ("q1_s", "median_s", "q3_s")] == [0.0015, 0.002, 0.0025]
    whole = latency_summary.summarise(keyed, "group").iloc[0]
    assert (whole["velocity"], whole["velocity_measured"]) == pytest.approx((29.2, 29.25))
    assert whole["sounding_measured"] == pytest.approx((0 + 1 + 2 + 1) / 4)
    groups = latency_summary.summarise(latency_summary.grouped(example), "group")
    assert groups["group"].tolist() == [CLOSE, AMBIENT, "software"]
    assert groups["n_measured"].sum() == example["latency_s"].notna().sum()


def test_microphones_by_hand() -> None:
    rng = np.random.default_rng(0)
    parts = []
    for piece, delay_ms in (("a", 20.0), ("b", 10.0)):
        close_ms = rng.normal(10, 5, 30)
        pitch = rng.integers(60, 63, 30)
        parts.append(frame(CLOSE, f"{piece}_Cl", close_ms, pitch=pitch))
        heard = frame(AMBIENT, f"{piece}_Am", close_ms + delay_ms, pitch=pitch)
        heard.loc[[3, 4], "latency_s"] = np.nan
        parts.append(heard.assign(onset_s=heard["onset_s"] + rng.uniform(1, 1.003, 30)))
    rows = latency_summary.microphone_delay(pd.concat(parts), samples=200, seed=1)
    assert rows["performance"].tolist() == ["a", "b", "all"]
    assert rows["n_notes"].tolist() == [28, 28, 56]
    np.testing.assert_allclose(rows["delay_s"], [0.020, 0.010, 0.015], atol=1e-12)
    np.testing.assert_allclose(rows[["delay_lo_s", "delay_hi_s"]].iloc[2], [0.010, 0.020])
    np.testing.assert_allclose(rows["correlation"].iloc[:2], 1)
    assert latency_summary.microphone_delay(parts[0]).empty


def predicted(table: pd.DataFrame, error_s, method: str = "crnn") -> pd.DataFrame:
    keys = ["test_set", "recording", "performance", "note_id", "pitch", "velocity"]
    onset = {"onset_true_s": table["onset_s"], "onset_s": table["onset_s"] + error_s}
    rows = table[keys].assign(method=method, condition="note100", placed=True, **onset)
    return rows.assign(onset_in_s=rows["onset_true_s"])


def test_a_method_that_hears_the_sound_errs_where_the_labels_do(example: pd.DataFrame) -> None:
    hears = predicted(example, example["latency_s"].fillna(0) - 0.004)
    label = predicted(example, 0.0, "none")
    rows = label_limit.scored_by_sound(example, pd.concat([hears, label]), samples=20)
    rows = rows.set_index(["test_set", "method"])
    limits = label_limit.limits(example, samples=20).set_index(["group", "reading"])
    for group in REAL_SETS:
        crnn, none = rows.loc[(group, "crnn")], rows.loc[(group, "none")]
        limit = limits.loc[(group, "offset"), "share_10ms"]
        assert crnn["limit"] == none["limit"] == pytest.approx(limit)
        assert crnn["label"] == pytest.approx(limit) and crnn["sound"] == 1
        assert none["label"] == 1 and none["sound"] == pytest.approx(limit)
        assert crnn["correlation"] > 0.97
        # Without calibrating, the software pianos' median is what a method takes for zero.
        attack = limits.loc[(group, "attack"), "share_10ms"]
        assert crnn["sound_raw"] == none["label_raw"] == 1
        assert none["sound_raw"] == pytest.approx(attack) and crnn["label_raw"] < 1
    # The other notes of "pieces" were not heard and lie on their labels.
    assert rows.loc[("pieces", "crnn"), "others"] == 1


def test_scores_by_the_sound_are_those_of_the_table(example: pd.DataFrame) -> None:
    late = predicted(example, example["latency_s"].fillna(0) + 0.02 * (example["note_id"] % 3 == 0))
    table = label_limit.scored_by_sound(example, late, samples=20).set_index("test_set")
    scores = label_limit.scores_by_sound(example, late).set_index("recording")
    assert scores["calibrated"].all() and (scores["condition"] == "note100").all()
    assert scores.loc["e_y", "n_notes"] == 40  # the others were not measured
    assert scores.loc["a_Cl", "acc_10ms"] == pytest.approx(
        (example["note_id"] % 3 != 0)[:80].mean()
    )
    hits = (scores["acc_10ms"] * scores["n_notes"]).groupby(scores["test_set"]).sum()
    pooled = hits / scores.groupby("test_set")["n_notes"].sum()
    np.testing.assert_allclose(pooled[table.index], table["sound"])


def test_a_perfect_aligner_is_told_by_real_set(example: pd.DataFrame) -> None:
    found = label_limit.perfect_shares(label_limit.limits(example, samples=20))
    assert set(found) == set(REAL_SETS)
    for group, share in found.items():
        within = example.loc[example["test_set"] == group, "latency_s"].abs() <= 0.01 + 1e-9
        assert share == pytest.approx(within.mean())


# --- Tables and figures -------------------------------------------------------------------------


def test_tables_print_the_numbers(example: pd.DataFrame) -> None:
    options = {"samples": 50, "seed": 7}
    table = label_limit_tables.table_label_limit(example, **options, notes=["Own note."])
    limits = label_limit.limits(example, **options)
    printed = table.frame()
    np.testing.assert_allclose(printed["share_10ms"], 100 * limits["share_10ms"], atol=0.005)
    assert table.name == "label_limit" and table.caption.startswith("Table 6b.")
    text = table.markdown()
    assert "Own note." in text and "360 of 400" not in text
    assert "40 of 160" not in text and "120 of 160 notes measured (75.0 %" in text
    twin = example[example["recording"] == "a_Cl"].assign(
        test_set=AMBIENT, recording="a_Am", latency_s=lambda x: x["latency_s"] + 0.02
    )
    hears = predicted(example, example["latency_s"].fillna(0))
    for other in (
        label_limit_tables.table_latency(example),
        label_limit_tables.table_microphones(pd.concat([example, twin]), **options),
        label_limit_tables.table_scored_by_sound(example, hears, **options),
    ):
        assert len(other.frame()) and latex(other).count(r"\\") > len(other.rows)
        assert "nan" not in other.markdown()


def test_nothing_measured_makes_tables_without_rows_and_no_figure(example: pd.DataFrame) -> None:
    deaf = example.assign(latency_s=np.nan)
    table = label_limit_tables.table_label_limit(deaf)
    assert not table.rows and "nan" not in table.markdown()
    assert "nan" not in label_limit_tables.table_latency(deaf).markdown()
    with pytest.raises(PianoAlignError, match="no latency to draw"):
        latency_plots.figure_latency(deaf)


def test_the_figure_holds_its_data(example: pd.DataFrame, tmp_path: Path) -> None:
    figure, data = latency_plots.figure_latency(example)
    assert [axes.get_title(loc="left").split("\n")[0] for axes in figure.axes[:3]] == [
        latency_plots.SHORT[name] for name in (*REAL_SETS, "software")
    ]
    single = data[data["panel"] == "recording"].set_index("recording")
    close = 1000 * example.loc[example["recording"] == "a_Cl", "latency_s"]
    drawn = single.loc["a_Cl", ["q1_ms", "median_ms", "q3_ms"]]
    np.testing.assert_allclose(drawn.to_numpy(float), np.percentile(close, [25, 50, 75]))
    again = latency_plots.figure_latency(example.sample(frac=1, random_state=1))
    pairs = ((figure, data), again)
    paths = [
        save_figure(drawn, tmp_path / run, "figure_latency", behind)
        for run, (drawn, behind) in zip("ab", pairs, strict=True)
    ]
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_running_quartiles_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency_plots, "LEAST_IN_REACH", 60)
    velocity = np.repeat([40, 45, 46], 30)
    table = frame("test", "a_x", np.repeat([1.0, 3.0, 9.0], 30), velocity)
    rows = latency_plots.running_quartiles(table).set_index("velocity")
    # 40 hears 40 and 45 (60 notes); 41 to 45 all three.
    assert rows.loc[40, "n_notes"] == 60 and rows.loc[40, "median_ms"] == 2.0
    assert rows.loc[43, "n_notes"] == 90 and rows.loc[43, "median_ms"] == 3.0
    monkeypatch.setattr(latency_plots, "LEAST_IN_REACH", 61)
    assert 40 not in latency_plots.running_quartiles(table)["velocity"].tolist()


def test_errors_by_velocity_by_hand(example: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    late = predicted(example, 0.003 + 0.0001 * example["velocity"])
    both = pd.concat([late, predicted(example, 0.0, "dtw")])
    options = {"test_set": CLOSE, "latency": example}
    figure, data = latency_plots.errors_by_velocity(both, band=20, **options)
    assert figure.axes and data["method"].unique().tolist() == ["dtw", "crnn"]
    crnn = data[data["method"] == "crnn"].set_index("velocity")
    inside = example[(example["test_set"] == CLOSE) & example["velocity"].between(40, 59)]
    assert crnn.loc[50, "n_notes"] == len(inside)
    assert crnn.loc[50, "median_ms"] == pytest.approx(3 + 0.1 * inside["velocity"].median())
    assert (data.loc[data["method"] == "dtw", "median_ms"] == 0).all()
    monkeypatch.setattr(latency_plots, "LEAST_IN_REACH", 10)
    # The latency's line is drawn, and only the notes it was measured for.
    half = example.assign(latency_s=example["latency_s"].where(example["recording"] != "b_Cl"))
    _, data = latency_plots.errors_by_velocity(both, band=80, **options | {"latency": half})
    drawn = data[data["method"] == "crnn"]["n_notes"].sum()
    assert drawn <= 80 and (data["method"] == "latency").any()
    with pytest.raises(PianoAlignError, match="nothing to draw"):
        latency_plots.errors_by_velocity(both, test_set="room", latency=example)
