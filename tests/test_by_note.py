"""Table 8b and figure 5: classes and scores against notes worked out by hand, and invariants."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from synthetic_predictions import predictions

from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.common.errors import CorpusError, PianoAlignError
from pianoalign_lib.scoring.metrics import evaluate_all
from studies.by_note import tables
from studies.by_note.classes import GAPS_S, KINDS, VELOCITIES, class_label, class_of, with_gaps
from studies.by_note.plot import figure5_by_note
from studies.by_note.scores import load_predictions_of, scores_by_note, write_by_note

INF = np.inf
# A recording by hand: two chords, key 60 struck four times and once more in another recording,
# key 64 twice at the same time, the others once or twice.
PLAYED = pd.DataFrame(
    [
        # recording, pitch, onset, velocity, since the note before, until the note after
        ("a", 60, 1.00, 10, INF, 0.10),
        ("a", 64, 1.00, 24, INF, 0.00),
        ("a", 64, 1.00, 25, 0.00, 0.40),
        ("a", 67, 1.00, 34, INF, INF),
        ("a", 60, 1.10, 35, 0.10, 0.20),
        ("a", 60, 1.30, 49, 0.20, 0.70),
        ("a", 64, 1.40, 50, 0.40, INF),
        ("a", 60, 2.00, 127, 0.70, INF),
        ("b", 60, 1.05, 64, INF, INF),
    ],
    columns=["recording", "pitch", "onset_true_s", "velocity", "before", "after"],
)


def played(errors_ms: list[float] | float = 0.0, **columns) -> pd.DataFrame:
    """Return `PLAYED` as predictions with the errors given."""
    notes = PLAYED.drop(columns=["before", "after"])
    notes["note_id"] = notes.groupby("recording").cumcount()
    base = {
        "test_set": "test", "method": "localizer", "condition": "note100",
        "performance": notes["recording"], "onset_in_s": notes["onset_true_s"], "placed": True,
        "onset_s": notes["onset_true_s"] + np.array(errors_ms) / 1000, "confidence": 0.5,
    }  # fmt: skip
    return notes.assign(**(base | columns))


def only(scores: pd.DataFrame, kind: str, lower: float, calibrated: bool = False) -> dict:
    (row,) = scores[
        (scores["kind"] == kind) & (scores["lower"] == lower) & (scores["calibrated"] == calibrated)
    ].to_dict("records")
    return row


# --- Classes -------------------------------------------------------------------------------------


def test_times_on_a_key_are_those_worked_out_by_hand() -> None:
    found = with_gaps(played())
    np.testing.assert_allclose(found["previous"], PLAYED["before"], atol=1e-12)
    np.testing.assert_allclose(found["next"], PLAYED["after"], atol=1e-12)


def test_every_row_of_a_note_gets_its_times_whatever_the_order() -> None:
    both = pd.concat([played(), played(70.0, method="dtw"), played(condition="exact")])
    shuffled = both.sample(frac=1, random_state=1)
    found = with_gaps(shuffled).groupby(["recording", "note_id"])[["previous", "next"]]
    assert (found.size() == 3).all() and (found.nunique() == 1).all(axis=None)
    # The same recording in another test set is another recording.
    other = with_gaps(pd.concat([played(), played(test_set="room")]))
    np.testing.assert_allclose(other["previous"], [*PLAYED["before"]] * 2, atol=1e-12)


def test_what_comes_after_one_note_comes_before_another() -> None:
    notes = with_gaps(predictions(["none"], ["exact"], recordings=4, notes=200))
    before, after = (np.sort(notes.loc[notes[k] < INF, k]) for k in ("previous", "next"))
    np.testing.assert_allclose(before, after)
    keys = notes.groupby(["recording", "pitch"]).ngroups
    assert np.isinf(notes["previous"]).sum() == np.isinf(notes["next"]).sum() == keys
    assert (notes["previous"] >= 0).all() and (notes["next"] >= 0).all()


def test_a_class_holds_its_lower_edge() -> None:
    velocity = class_of(PLAYED["velocity"], "velocity")
    assert velocity.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3]
    gaps = pd.Series([0.0, 0.119, 0.12, 0.25, 0.5, 90.0, INF])
    assert class_of(gaps, "next").tolist() == [0, 0, 1, 2, 3, 3, 3]
    labels = [class_label("velocity", *edges) for edges in pairwise(VELOCITIES)]
    assert labels == ["0–24", "25–34", "35–49", "50–127"]
    labels = [class_label("next", *edges) for edges in pairwise(GAPS_S)]
    assert labels == ["below 120 ms", "120–250 ms", "250–500 ms", "500 ms or more, or none"]


# --- Scores --------------------------------------------------------------------------------------

ERRORS_MS = [4, 10, -12, 30, 4, 4, 60, 4, 20]  # the median of recording a is 4, of b 20


def test_scores_by_hand() -> None:
    scores = scores_by_note(played(ERRORS_MS), samples=20)
    soft = only(scores, "velocity", 0)
    assert (soft["n_notes"], soft["n_recordings"]) == (2, 1)
    assert (soft["acc_10ms"], soft["acc_50ms"]) == (1.0, 1.0)  # 10 ms are within 10 ms
    assert soft["bias_s"] == pytest.approx(0.007) and soft["spread_s"] == pytest.approx(0.003)
    assert np.isnan(soft["acc_10ms_lo"])  # one recording tells nothing about others
    assert only(scores, "velocity", 25)["acc_10ms"] == 0.0  # −12 and 30 ms
    loud = only(scores, "velocity", 50)  # 60, 4 and, of the other recording, 20 ms
    assert (loud["n_notes"], loud["n_recordings"]) == (3, 2)
    assert loud["acc_10ms"] == pytest.approx(1 / 3) and loud["acc_50ms"] == pytest.approx(2 / 3)
    loud = only(scores, "velocity", 50, calibrated=True)  # 56, 0 and 0 ms
    assert loud["acc_10ms"] == loud["acc_50ms"] == pytest.approx(2 / 3)
    assert loud["bias_s"] == pytest.approx(0.0) and loud["spread_s"] == pytest.approx(0.028)


def test_repeated_notes_by_hand() -> None:
    scores = scores_by_note(played(ERRORS_MS), samples=20)
    soon = only(scores, "previous", 0.0)  # the second of the two at once, and 0.1 s after
    assert (soon["n_notes"], soon["acc_10ms"]) == (2, 0.5)
    assert only(scores, "previous", 0.12)["n_notes"] == 1
    assert only(scores, "previous", 0.25)["acc_50ms"] == 0.0  # 60 ms off
    assert only(scores, "previous", 0.5)["n_notes"] == 5  # four first notes, and one 0.7 s after
    assert only(scores, "next", 0.0)["n_notes"] == 2
    assert only(scores, "next", 0.5)["n_notes"] == 5


@pytest.mark.parametrize("calibrated", [False, True])
def test_the_classes_add_up_to_the_metrics(calibrated: bool) -> None:
    given = predictions(["none", "crnn", "localizer"], ["note100", "exact"], ("test", "room"))
    given["velocity"] = np.random.default_rng(2).integers(1, 128, len(given))
    given["velocity"] = given.groupby(["test_set", "recording", "note_id"])["velocity"].transform(
        "first"
    )
    scores = scores_by_note(given, samples=20)
    whole = evaluate_all(given, [10, 50], 20)[0].set_index(["test_set", "method", "condition"])
    whole = whole[whole["calibrated"] == calibrated]
    parts = scores[scores["calibrated"] == calibrated]
    for ms in (10, 50):
        parts[f"hits_{ms}"] = parts[f"acc_{ms}ms"] * parts["n_notes"]
        assert parts[f"acc_{ms}ms_lo"].dropna().between(0, 1).all()
        assert (parts[f"acc_{ms}ms_lo"] <= parts[f"acc_{ms}ms_hi"] + 1e-12).dropna().all()
    for kind in KINDS:
        sums = (
            parts[parts["kind"] == kind]
            .groupby(["test_set", "method", "condition"])
            .sum(numeric_only=True)
        )
        assert (sums["n_notes"] == whole["n_notes"]).all()
        for ms in (10, 50):
            np.testing.assert_allclose(sums[f"hits_{ms}"] / sums["n_notes"], whole[f"acc_{ms}ms"])


def test_the_order_of_rows_decides_nothing() -> None:
    given = predictions(["dtw", "localizer"], ["note100"])
    shuffled = given.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(scores_by_note(given), scores_by_note(shuffled))


# --- Files, tables, figure -----------------------------------------------------------------------


@pytest.fixture
def by_note() -> pd.DataFrame:
    given = predictions(
        ["none", "dtw", "crnn", "hybrid", "localizer"], ["note100"], ("room", "test")
    )
    exact = predictions(["localizer"], ["exact"], recordings=2)
    return scores_by_note(pd.concat([given, exact]), samples=20)


def test_tables_hold_the_scores_and_say_what_is_missing(by_note: pd.DataFrame) -> None:
    table = tables.table8b_velocity(by_note)
    shown = table.frame().set_index(["test_set", "method", "velocity"])
    assert shown.index.unique("test_set").tolist() == ["test", "room"]
    assert len(shown) == 4 * (2 * 5 + 1)  # the exact MIDI on one test set
    chosen = by_note[(by_note["method"] == "crnn") & (by_note["test_set"] == "test")]
    raw, calibrated = (only(chosen, "velocity", 50, kind) for kind in (False, True))
    row = shown.loc[("test", "crnn", "50–127")]
    assert float(row["raw_10ms"]) == pytest.approx(100 * raw["acc_10ms"], abs=0.005)
    assert float(row["calibrated_10ms_lo"]) == pytest.approx(
        100 * calibrated["acc_10ms_lo"], abs=0.005
    )
    assert float(row["spread_ms"]) == pytest.approx(1000 * calibrated["spread_s"], abs=0.005)
    assert "fewer than 20" in str(shown.loc[("test", "crnn", "0–24"), "n_notes"])
    without = tables.table8b_velocity(by_note[by_note["method"] != "hybrid"])
    (reason,) = [note for note in without.markdown().splitlines() if "no predictions of" in note]
    assert reason.startswith("- (")


def test_the_table_of_repetitions_has_both_sides(by_note: pd.DataFrame) -> None:
    shown = tables.table8c_repetition(by_note).frame().set_index(["test_set", "method", "gap"])
    chosen = by_note[(by_note["method"] == "dtw") & (by_note["test_set"] == "room")]
    row = shown.loc[("room", "dtw", "500 ms or more, or none")]
    for kind in ("previous", "next"):
        assert row[f"{kind}_n_notes"] == only(chosen, kind, 0.5)["n_notes"]
        expected = 100 * only(chosen, kind, 0.5, True)["acc_50ms"]
        assert float(row[f"{kind}_calibrated_50ms"]) == pytest.approx(expected, abs=0.005)


def test_the_figure_shows_every_class_of_every_set(by_note: pd.DataFrame) -> None:
    figure, data = figure5_by_note(by_note)
    assert len(figure.axes) == 2 * 3
    drawn = by_note[by_note["calibrated"]]
    assert len(data) == len(drawn)
    np.testing.assert_allclose(data["accuracy"], 100 * drawn["acc_10ms"])
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {
        "Input MIDI", "DTW", "CRNN", "DTW + CRNN", "Localizer", "Localizer, exact MIDI",
    }  # fmt: skip
    with pytest.raises(PianoAlignError, match="no scores by note"):
        figure5_by_note(by_note[:0])


def test_the_stage_takes_what_is_stored_and_writes_the_same_bytes(tmp_path) -> None:
    paths, params = corpus_paths("demo", tmp_path), load_params(ROOT)
    params["evaluation"]["bootstrap"]["samples"] = 20
    with pytest.raises(CorpusError, match="holds no predictions"):
        write_by_note(paths, params)
    paths.predictions.mkdir(parents=True)
    for method in ("none", "localizer"):
        stored = predictions([method], ["note100", "exact", "tempo+5"])
        stored.to_parquet(paths.predictions / f"{method}.parquet")
    kept = load_predictions_of(paths)
    assert set(kept.groupby("method")["condition"].unique().map(sorted).map(tuple).items()) == {
        ("none", ("note100",)), ("localizer", ("exact", "note100")),
    }  # fmt: skip
    written = []
    for _ in range(2):
        write_by_note(paths, params)
        written.append({file.name: file.read_bytes() for file in paths.results.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"metrics_by_note.csv", "confidence_by_velocity.csv"}
    # Real recordings need their measured sound.
    stored = predictions(["localizer"], ["note100"], ("ENSTDkCl",))
    stored.to_parquet(paths.predictions / "localizer.parquet")
    with pytest.raises(CorpusError, match="run the latency stage"):
        write_by_note(paths, params)
