"""Sensitivity: every reading does what it says, scores are mir_eval's, stopped runs go on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import mir_eval
import numpy as np
import pandas as pd
import pytest

from companion.figures import paper as figures
from pianoalign_lib.common.config import load_params
from pianoalign_lib.common.errors import CheckpointError, ConfigError, CorpusError, PianoAlignError
from pianoalign_lib.corpora.timing_errors import loose_notes
from pianoalign_lib.crnn.decoding import DetectedOnsets, give_onsets
from pianoalign_lib.io.notes import note_table
from pianoalign_lib.methods import dtw
from pianoalign_lib.methods.predict import predict
from pianoalign_lib.scoring.evaluation import write_metrics
from studies.sensitivity.bench import MATCHINGS, Placed, loosen
from studies.sensitivity.plot import plot_sensitivity
from studies.sensitivity.readings import ALL, QUESTIONS, READINGS, Reading
from studies.sensitivity.run import SHARES, run_sensitivity, summarise, tally
from studies.sensitivity.table import (
    read_sensitivity,
    table_sensitivity,
    training_note,
)

SETTINGS = {"test_set": "test", "condition": "note100", "recordings": 2}
OURS = Reading("scoring", "identity", "ours", ("crnn",))
KINDS = sorted({reading.errors for reading in READINGS})


@pytest.fixture
def params(toy_project) -> dict:
    return load_params() | {"sensitivity": SETTINGS}


@pytest.fixture
def notes() -> pd.DataFrame:
    """Chords and runs, 90 s long, with gaps of 29 and of 31 ms among them."""
    rng = np.random.default_rng(5)
    steps_s = rng.choice([0.0, 0.029, 0.031, 0.2, 0.5], 400)
    onset_s = 0.5 + np.cumsum(steps_s)
    return note_table(rng.integers(40, 80, 400), 70, onset_s, onset_s + 0.4)


# --- The readings --------------------------------------------------------------------------------


def test_every_question_begins_with_our_own_procedure_and_has_it_once():
    names = [(reading.question, reading.key) for reading in READINGS]
    assert len(set(names)) == len(names)
    for question in QUESTIONS:
        asked = [reading for reading in READINGS if reading.question == question]
        assert [reading.is_ours for reading in asked] == [True] + [False] * (len(asked) - 1)
        settings = {replace(r, question="", key="", label="", methods=()) for r in asked}
        assert len(settings) == len(asked), "two readings of a question are the same"
    assert {reading.question for reading in READINGS} == set(QUESTIONS)


def test_every_reading_asks_for_something_known():
    for reading in READINGS:
        assert reading.matching in MATCHINGS
        assert reading.scoring in {"identity", *SHARES}
        assert reading.lost in {"kept", "wrong", "left_out"}
        assert set(reading.methods) <= set(ALL)
        if reading.scoring not in {"identity", "rematched"}:
            assert not {"none", "dtw"} & set(reading.methods), "they extract no onsets"


# --- How errors are drawn ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_errors_keep_their_bound_and_depend_on_seed_and_recording_only(kind, notes, params):
    moved = loosen(notes, kind, "a", params)
    shift_s = (moved["onset_s"] - notes["onset_s"]).to_numpy()
    assert np.abs(shift_s).max() <= 0.1 + 1e-9
    assert np.abs(shift_s).max() > 0.08, "the bound is not made use of"
    assert (moved["offset_s"] > moved["onset_s"]).all() and (moved["onset_s"] >= 0).all()
    assert moved[["note_id", "pitch", "velocity"]].equals(notes[["note_id", "pitch", "velocity"]])
    assert loosen(notes, kind, "a", params).equals(moved)
    assert not loosen(notes, kind, "b", params).equals(moved)
    assert not loosen(notes, kind, "a", params | {"perturbation_seed": 1}).equals(moved)


def test_our_own_errors_are_the_pipeline_s(notes, params):
    pd.testing.assert_frame_equal(
        loosen(notes, "independent", "a", params), loose_notes(notes, "note100", "a", params)
    )


def test_the_notes_of_a_chord_move_together(params):
    # Within 30 ms of the first: 1.030 is, 1.031 begins a chord, to which 1.060 belongs.
    onset_s = [1.0, 1.0, 1.02, 1.03, 1.031, 1.06, 2.0]
    notes = note_table(range(60, 67), 70, onset_s, [3.0] * 7)
    shift_s = (loosen(notes, "chord", "a", params)["onset_s"] - notes["onset_s"]).round(9)
    assert shift_s[:4].nunique() == shift_s[4:6].nunique() == 1
    assert shift_s[[0, 4, 6]].nunique() == 3


def test_sorted_errors_keep_the_order_and_use_the_same_onsets(notes, params):
    ours = loosen(notes, "independent", "a", params)["onset_s"]
    moved = loosen(notes, "ordered", "a", params)["onset_s"]
    assert not ours.is_monotonic_increasing and moved.is_monotonic_increasing
    np.testing.assert_allclose(moved, np.sort(ours), atol=1e-12)


def test_a_smooth_curve_moves_neighbours_alike(notes, params):
    moved = loosen(notes, "smooth", "a", params)["onset_s"]
    shift_s = (moved - notes["onset_s"]).to_numpy()
    # Knots 4 s apart differ by 0.2 s at most, and the curve is at most 3 times as steep as a line.
    assert (np.abs(np.diff(shift_s)) <= 0.15 * np.diff(notes["onset_s"]) + 1e-9).all()
    assert moved.is_monotonic_increasing and np.ptp(shift_s) > 0.1


def test_gaussian_and_grid_errors_have_their_distribution(notes, params):
    many = pd.concat([notes.assign(onset_s=notes["onset_s"] + 1)] * 20, ignore_index=True)

    def shifts_ms(kind):
        moved = loosen(many, kind, "a", params)
        return 1000 * (moved["onset_s"] - many["onset_s"]).to_numpy()

    gaussian = shifts_ms("gaussian")
    assert np.mean(np.abs(gaussian) <= 50) == pytest.approx(0.683, abs=0.02)
    assert np.mean(np.abs(gaussian) >= 99.999) == pytest.approx(0.0455, abs=0.01)
    steps = shifts_ms("grid") / 10
    np.testing.assert_allclose(steps, steps.round(), atol=1e-6)
    assert set(steps.round()) == set(range(-10, 11))


def test_offsets_move_alone(notes, params):
    ours, moved = (loosen(notes, kind, "a", params) for kind in ("independent", "offsets"))
    np.testing.assert_array_equal(moved["onset_s"], ours["onset_s"])
    assert (moved["offset_s"] != ours["offset_s"]).mean() > 0.9


def test_unknown_errors_and_conditions_are_refused(notes, params):
    with pytest.raises(ConfigError, match="unknown kind of errors 'magic'"):
        loosen(notes, "magic", "a", params)
    with pytest.raises(ConfigError, match="only note_ms is meant"):
        loosen(notes, "chord", "a", params | {"sensitivity": SETTINGS | {"condition": "offset2"}})


# --- DTW -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def piece() -> tuple[np.ndarray, pd.DataFrame]:
    """30 s of single tones, one every 0.3 s."""
    onset_s = np.arange(0.5, 29.0, 0.3)
    notes = note_table(60 + np.arange(len(onset_s)) * 5 % 12, 80, onset_s, onset_s + 0.25)
    audio = np.zeros(30 * 16_000, np.float32)
    for note in notes.itertuples():
        time_s = np.arange(4000) / 16_000
        tone = np.sin(2 * np.pi * 440 * 2 ** ((note.pitch - 69) / 12) * time_s)
        first = round(note.onset_s * 16_000)
        audio[first : first + 4000] += 0.3 * tone * np.exp(-time_s / 0.1)
    return audio, notes


def warp(piece, onsets: bool = True, **options) -> np.ndarray:
    audio, notes = piece
    sound = dtw.audio_features(audio, **options)
    score = dtw.note_features(notes, rate=sound.rate)
    if not onsets:
        sound, score = (replace(each, dlnco=0 * each.dlnco) for each in (sound, score))
    return dtw.warping_path(sound, score)


def test_without_onset_features_dtw_is_sync_toolbox_s(piece):
    from synctoolbox.dtw.mrmsdtw import sync_via_mrmsdtw
    from synctoolbox.dtw.utils import make_path_strictly_monotonic

    audio, notes = piece
    path = sync_via_mrmsdtw(
        dtw.audio_features(audio).chroma,
        dtw.note_features(notes).chroma,
        input_feature_rate=50,
        step_weights=np.array([1.5, 1.5, 2.0]),
        threshold_rec=10**6,
    )
    chroma_only = warp(piece, onsets=False)
    np.testing.assert_allclose(chroma_only, make_path_strictly_monotonic(path) / 50)
    assert chroma_only.shape != warp(piece).shape


def test_at_100_hz_chroma_drifts_unless_the_whole_hop_is_counted(piece):
    _, notes = piece
    onset_s = notes["onset_s"].to_numpy()[:-2]

    def drift(**options) -> float:
        error_s = dtw.map_onsets(warp(piece, rate=100, **options), onset_s) - onset_s
        return np.polyfit(onset_s, error_s, 1)[0]

    assert drift() == pytest.approx(0.0, abs=3e-4)
    assert drift(onsets=False) == pytest.approx(0.0, abs=3e-4)
    off = drift(onsets=False, true_clock=False)
    assert off == pytest.approx(22_050 / 22_000 - 1, abs=3e-4)


# --- Matching and scoring ------------------------------------------------------------------------


def test_matchings_by_hand():
    notes = note_table([60, 60, 60, 64], 70, [1.0, 1.1, 2.0, 1.0], [1.05, 1.2, 2.2, 1.2])
    found = DetectedOnsets(
        np.array([60, 60, 60]), np.array([1.08, 1.5, 2.01]), np.ones(3, np.float32)
    )
    # Rows: 60 at 1.0, 64 at 1.0, 60 at 1.1, 60 at 2.0; nothing was found of pitch 64.
    by_rule = {rule: give_onsets(notes, found, 0.25, match) for rule, match in MATCHINGS.items()}
    assert by_rule["in_order"][0].tolist() == [1.0, 1.0, 1.08, 2.01]
    assert by_rule["count"][0].tolist() == [1.08, 1.0, 1.5, 2.01]
    assert by_rule["nearest"][0].tolist() == [1.08, 1.0, 1.08, 2.01]
    assert by_rule["greedy"][0].tolist() == [1.08, 1.0, 1.1, 2.01]
    assert by_rule["greedy"][2].tolist() == [True, False, False, True]


def test_lost_notes_by_hand():
    # Errors of 2, 8 and 40 ms; the second note was lost and stands by luck at 8 ms.
    notes = note_table([60, 62, 64], 70, [1.0, 2.0, 3.0], [1.5, 2.5, 3.5])
    found = Placed(np.array([1.002, 1.992, 3.04]), np.array([True, False, True]))
    shares = {
        rule: [
            f"{hits}/{counted}"
            for hits, counted in zip(part["hits"], part["counted"], strict=True)
        ]
        for rule in ("kept", "wrong", "left_out")
        for part in [tally(replace(OURS, lost=rule), notes, found)]
    }  # fmt: skip
    assert shares["kept"] == ["1/3", "2/3", "2/3", "3/3"]
    assert shares["wrong"] == ["1/3", "1/3", "1/3", "2/3"]
    assert shares["left_out"] == ["1/2", "1/2", "1/2", "2/2"]
    rows = pd.DataFrame([{"reading": 0, "method": "crnn"} | tally(OURS, notes, found)] * 2)
    pooled = summarise(rows, [OURS], samples=10, seed=1).iloc[0]
    assert pooled["lost_share"] == pytest.approx(1 / 3)
    assert pooled["median_abs_error_s"] == pytest.approx(0.008)


@pytest.mark.parametrize("seed", range(5))
def test_matching_by_onset_is_mir_eval_s(seed):
    rng = np.random.default_rng(seed)
    # On a grid of 1 ms, shifted by a third: no distance is within rounding of a tolerance.
    true_s = np.sort(rng.integers(0, 4000, 120)) / 1000
    found_s = (rng.integers(0, 4000, 150) + 1 / 3) / 1000
    pitch, found_pitch = rng.integers(60, 64, 120), rng.integers(60, 65, 150)
    notes = note_table(pitch, 70, true_s, true_s + 1)
    detected = DetectedOnsets(found_pitch, found_s, np.ones(150, np.float32))
    placed = Placed(true_s, np.ones(120, bool), detected)

    def hertz(midi):
        return 440 * 2 ** ((midi - 69) / 12)

    def intervals(onset_s):
        return np.column_stack([onset_s, onset_s + 1])

    counts = {
        name: tally(replace(OURS, scoring=name), notes, placed)
        for name in ("precision", "recall", "f1", "jaccard")
    }
    for index, ms in enumerate((5, 10, 25, 50)):
        expected = mir_eval.transcription.precision_recall_f1_overlap(
            intervals(notes["onset_s"].to_numpy()), hertz(notes["pitch"].to_numpy()),
            intervals(found_s), hertz(found_pitch),
            onset_tolerance=ms / 1000, pitch_tolerance=1, offset_ratio=None,
        )[:3]  # fmt: skip
        found = [part["hits"][index] / part["counted"][index] for part in counts.values()]
        np.testing.assert_allclose(found[:3], expected)
        # By definition F1 = 2 J / (1 + J).
        assert found[2] == pytest.approx(2 * found[3] / (1 + found[3]))


def test_a_placed_onset_may_stand_for_another_note_when_notes_are_matched_anew():
    notes = note_table([60, 60], 70, [1.0, 1.1], [1.05, 1.5])
    swapped = Placed(np.array([1.1, 1.0]), np.ones(2, bool))
    assert tally(OURS, notes, swapped)["hits"] == (0, 0, 0, 0)
    assert tally(replace(OURS, scoring="rematched"), notes, swapped)["hits"] == (2, 2, 2, 2)
    with pytest.raises(ConfigError, match="needs a network"):
        tally(replace(OURS, scoring="f1"), notes, swapped)


# --- The whole run -------------------------------------------------------------------------------

FEW = tuple(
    reading
    for reading in READINGS
    if reading.key in {"independent", "smooth", "0.8", "unlimited", "literal", "wrong", "f1"}
)


@pytest.fixture
def project(toy_project, copy_checkpoint):
    for variant in ("crnn", "cnn"):
        copy_checkpoint(toy_project, variant)
    return toy_project


def test_our_own_reading_gives_the_pipeline_s_scores(project, params):
    frame = read_sensitivity(run_sensitivity(project, params, jobs=1, readings=FEW))
    for method in ALL:
        predict(project, params, method, jobs=1)
    metrics = pd.read_csv(write_metrics(project, params)[0])
    for method in ALL:
        wanted = metrics.query(
            "test_set == 'test' and condition == 'note100' and not calibrated and method == @method"
        ).iloc[0]
        row = frame.query("is_ours and question == 'errors' and method == @method").iloc[0]
        for column in (
            "n_recordings", "n_notes", "acc_5ms", "acc_10ms", "acc_25ms", "acc_50ms",
            "acc_10ms_lo", "acc_10ms_hi", "median_abs_error_s", "lost_share",
        ):  # fmt: skip
            assert row[column] == wanted[column], (method, column)
    assert frame["is_ours"].sum() == len(ALL)


KILLED_AT_THE_SECOND = """
import os, signal
from pianoalign_lib.common.config import corpus_paths, load_params
from studies.sensitivity import run
from studies.sensitivity.readings import READINGS

load = run.load_recording

def load_or_die(folder, recording):
    if recording.recording == "e1":
        os.killpg(0, signal.SIGKILL)  # this process, its parent and nobody else
    return load(folder, recording)

run.load_recording = load_or_die
params = load_params() | {{"sensitivity": {settings}}}
readings = [reading for reading in READINGS if reading.question == "threshold"]
run.run_sensitivity(corpus_paths("demo"), params, 1, readings)
"""


def test_a_killed_run_goes_on_and_ends_in_equal_bytes(project, params):
    readings = [reading for reading in READINGS if reading.question == "threshold"]
    code = KILLED_AT_THE_SECOND.format(settings=SETTINGS)
    killed = subprocess.run(
        [sys.executable, "-c", code], start_new_session=True, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (project.results / "sensitivity.csv").exists()
    cache = project.data / "sensitivity"
    (kept,) = cache.iterdir()
    (first,) = kept.iterdir()
    stamp = first.stat().st_mtime_ns

    resumed = run_sensitivity(project, params, jobs=2, readings=readings).read_bytes()
    assert first.stat().st_mtime_ns == stamp, "what was known has been computed again"
    shutil.rmtree(cache)
    assert run_sensitivity(project, params, jobs=1, readings=readings).read_bytes() == resumed
    # Another reading starts afresh, and what no longer holds goes.
    other = [replace(readings[0], errors="grid")]
    assert run_sensitivity(project, params, jobs=1, readings=other).read_bytes() != resumed
    assert not kept.exists() and len(list(cache.iterdir())) == 1


def test_missing_checkpoints_and_test_sets_are_named(project, params):
    with pytest.raises(CorpusError, match="no recordings of test set 'moon'"):
        run_sensitivity(project, params | {"sensitivity": SETTINGS | {"test_set": "moon"}})
    (project.checkpoints / "cnn.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"cnn\.safetensors: not found"):
        run_sensitivity(project, params, jobs=1, readings=FEW)


# --- Table and plot ------------------------------------------------------------------------------


def study(crnn: dict[str, float], cnn: dict[str, float]) -> pd.DataFrame:
    """Return a frame with the given shares at 10 ms by reading; 0.7 and 0.5 elsewhere."""
    rows = []
    for reading in READINGS:
        for method in reading.methods:
            given = {"crnn": crnn, "cnn": cnn}.get(method, {})
            share = given.get(reading.key, {"crnn": 0.7, "cnn": 0.5}.get(method, 0.2))
            rows.append(
                {
                    "test_set": "test", "condition": "note100", "question": reading.question,
                    "reading": reading.key, "label": reading.label, "method": method,
                    "is_ours": reading.is_ours, "n_recordings": 3, "n_notes": 300,
                    "acc_5ms": share, "acc_10ms": share, "acc_25ms": share, "acc_50ms": share,
                    "acc_10ms_lo": share - 0.02, "acc_10ms_hi": share + 0.02,
                    "median_abs_error_s": 0.01, "lost_share": 0.05,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def sentence(frame: pd.DataFrame, start: str) -> str:
    (found,) = [note for note in table_sensitivity(frame).notes if note.startswith(start)]
    return found


def test_the_table_s_numbers_are_the_frame_s_and_ours_is_marked():
    frame = study({"jaccard": 0.48}, {"jaccard": 0.2})
    plain = table_sensitivity(frame).frame()
    assert list(plain["reading"]) == [reading.key for reading in READINGS]
    row = plain[plain["reading"] == "jaccard"].iloc[0]
    assert row["crnn_acc_10ms"] == 48.0 and row["crnn_acc_10ms_lo"] == 46.0
    assert row["crnn_minus_paper"] == pytest.approx(0.59) and row["dtw_acc_10ms"] == "–"
    assert row["cnn_minus_paper"] == pytest.approx(-2.06)
    text = table_sensitivity(frame, notes=["More."]).markdown()
    assert text.count("(ours)") == len(QUESTIONS) and "- More." in text
    assert text.count("| What counts as right |") == 1


def test_the_notes_name_the_readings_near_the_paper_by_the_numbers():
    near = study({"jaccard": 0.48, "0.8": 0.60}, {"jaccard": 0.2})
    assert "Nearest to the paper: “any extracted onset: TP" in sentence(near, "CRNN: 70.0 % here")
    assert sentence(near, "CRNN: 70.0").endswith(
        "value in it: “any extracted onset: TP / (TP + FP + FN)” (what counts as right)."
    )
    both = sentence(near, "Within 5 points")
    assert "CRNN and CNN only: “any extracted onset: TP" in both and "48.0 and 20.0 %" in both
    assert "is 25.35 points in the paper and 20.0 here; 10.0 to 28.0" in both
    assert sentence(near, "What moves CRNN most").startswith(
        "What moves CRNN most: what counts as right 48.0 to 70.0 %; decision threshold 60.0"
    )
    far = study({}, {})
    assert "CRNN and CNN only: no reading; nearest" in sentence(far, "Within 5 points")
    assert sentence(far, "CRNN: 70.0").endswith("value in it: no reading.")
    assert "within that: none; the least, 50.0 points" in sentence(far, "CRNN − DTW")
    close = study({"count": 0.35}, {})
    assert "within that: “n-th onset of a pitch" in sentence(close, "CRNN − DTW")


def test_the_training_note_finds_the_epoch():
    log = pd.DataFrame({"step": [500, 1000, 1500], "val_acc_10ms": [0.2, 0.48, 0.7]})
    text = training_note({"crnn": log, "cnn": log.assign(val_acc_10ms=0.1)})
    assert "CRNN is first above the paper's 47.41 % after 1,000 updates (48.0 %)" in text
    assert "CNN only is never above the paper's 22.06 % and has 10.0 % after all 1,500" in text


def test_the_file_is_checked_on_reading(tmp_path):
    with pytest.raises(PianoAlignError, match="cannot read"):
        read_sensitivity(tmp_path / "none.csv")
    study({}, {}).drop(columns="label").to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(PianoAlignError, match="no column label"):
        read_sensitivity(tmp_path / "bad.csv")
    study({}, {}).to_csv(tmp_path / "good.csv", index=False)
    pd.testing.assert_frame_equal(read_sensitivity(tmp_path / "good.csv"), study({}, {}))


def test_the_plot_s_data_are_the_frame_s(tmp_path):
    frame = study({"jaccard": 0.48}, {})
    figure, data = plot_sensitivity(frame, methods=("crnn", "cnn"))
    drawn = data[(data["reading"] == "jaccard") & (data["method"] == "crnn")].iloc[0]
    assert (drawn["accuracy"], drawn["lo"], drawn["hi"]) == pytest.approx((48, 46, 50))
    assert len(data) == frame["method"].isin(["crnn", "cnn"]).sum()
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    drawn_readings = data[["question", "reading"]].drop_duplicates()
    assert len(labels) == data["question"].nunique() + len(drawn_readings)
    assert data["question"].nunique() == len(QUESTIONS) - 1  # DTW's features concern no network
    first = [path.read_bytes() for path in figures.save_figure(figure, tmp_path, "s", data)]
    again, _ = plot_sensitivity(frame, methods=("crnn", "cnn"))
    assert [path.read_bytes() for path in figures.save_figure(again, tmp_path, "s", data)] == first
    with pytest.raises(PianoAlignError, match="nothing to draw"):
        plot_sensitivity(frame, methods=("gru",))
