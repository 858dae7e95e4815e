"""Labels, targets, peaks and scores of the transcription study, each against a case by hand."""

from __future__ import annotations

import mir_eval
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pianoalign_lib.common.config import load_params
from pianoalign_lib.common.errors import CheckpointError, ConfigError, CorpusError
from pianoalign_lib.corpora.recordings import load_notes, read_index
from pianoalign_lib.corpora.timing_errors import loose_notes
from pianoalign_lib.crnn.features import DYNAMIC_RANGE_DB, compute_features
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import note_table
from pianoalign_lib.io.placement import NOT_HEARD, placed
from studies.transcription import labels as labels_module
from studies.transcription.augment import Augmentation, augmented, moved
from studies.transcription.flaws import with_flaws
from studies.transcription.labels import labels_of, make_labels, quality, read_labels
from studies.transcription.matching import match, precision_recall_f1
from studies.transcription.onsets import onset_targets, pick_onsets
from studies.transcription.plan import TRUE, Labels, labels_named, planned
from studies.transcription.score import scores

FLAWS = {
    "seed": 1, "missing_share": 0.1, "wrong_share": 0.15, "within_keys": 12, "within_s": 0.5
}  # fmt: skip


def notes_of(count: int) -> pd.DataFrame:
    onset_s = 1.0 + 0.25 * np.arange(count)
    pitch = np.linspace(21, 108, count).astype(int)  # both ends of the keyboard
    notes = note_table(pitch, [64] * count, onset_s, onset_s + 0.2)
    return notes.assign(onset_true_s=notes["onset_s"])


# --- Labels ---------------------------------------------------------------------------------------


def test_the_plan_has_true_labels_first_and_every_method_on_every_midi(repository):
    kinds = planned(load_params(repository, "maps"))
    assert kinds[0] == TRUE and TRUE.name == "exact-none"
    names = [kind.name for kind in kinds]
    assert len(set(names)) == len(names) == 2 * (1 + 2 * 5)
    assert names[11] == "exact_flawed-none"
    assert {"note100-hybrid_of_demo", "drift10_note30_flawed-localizer"} < set(names)
    assert Labels("note100", True, "dtw").loose.name == "note100_flawed-none"
    with pytest.raises(ConfigError, match="unknown labels 'note100-magic'"):
        labels_named(load_params(repository, "maps"), "note100-magic")


def test_a_tenth_is_missing_and_wrong_notes_are_moved_or_added():
    true = notes_of(40)
    found = with_flaws(true, FLAWS, np.random.default_rng(5))
    # Of 40 notes 4 are missing, 6 wrong: 3 sound on another key and 3 are added.
    assert len(found) == 40 - 4 + 3
    right, wrong = found[found["onset_true_s"].notna()], found[found["onset_true_s"].isna()]
    assert (len(right), len(wrong)) == (33, 6)
    assert found["note_id"].tolist() == list(range(39))
    assert found["onset_s"].is_monotonic_increasing
    columns = ["pitch", "velocity", "onset_s", "offset_s", "onset_true_s"]
    assert len(right.merge(true, on=columns)) == 33  # the others are as they were
    on_time = wrong["onset_s"].isin(true["onset_s"])
    assert on_time.sum() == 3  # these have another key, those are elsewhere
    for note in wrong.itertuples():
        near = true[(true["onset_s"] - note.onset_s).abs() <= 0.5]
        steps = (near["pitch"] - note.pitch).abs()
        assert steps.between(1, 12).any() and 21 <= note.pitch <= 108
    again = with_flaws(true, FLAWS, np.random.default_rng(5))
    pd.testing.assert_frame_equal(found, again)
    assert not found.equals(with_flaws(true, FLAWS, np.random.default_rng(6)))


def test_no_flaws_change_nothing():
    true = notes_of(10)
    none = FLAWS | {"missing_share": 0.0, "wrong_share": 0.0}
    pd.testing.assert_frame_equal(with_flaws(true, none, np.random.default_rng(1)), true)


def shift_by(seconds: float, deaf_to=lambda notes: np.zeros(len(notes), bool)):
    def place(notes):
        placement = placed(notes["onset_s"].to_numpy() + seconds)
        placement.status[deaf_to(notes)] = NOT_HEARD
        return placement

    return place


ALIGNERS = {
    "none": shift_by(0.0),
    "dtw": shift_by(0.010),
    "crnn_of_demo": shift_by(0.001),
    # Not heard: every note whose key is a C.
    "localizer": shift_by(0.100, lambda notes: (notes["pitch"] % 12 == 0).to_numpy()),
}


def test_labels_are_where_the_method_puts_the_notes_and_ends_move_along(repository):
    params = load_params(repository, "maps")
    notes = notes_of(40).drop(columns="onset_true_s")
    table = labels_of("a", notes, ALIGNERS.__getitem__, params)
    of = {name: part.reset_index(drop=True) for name, part in table.groupby("labels")}
    assert set(of) == {kind.name for kind in planned(params)}
    loose = loose_notes(notes, "note100", "a", params)
    for method, shift_s in (("none", 0), ("dtw", 0.010), ("crnn_of_demo", 0.001),
                            ("hybrid_of_demo", 0.011), ("localizer", 0.1)):  # fmt: skip
        label = of[f"note100-{method}"]
        for end in ("onset_s", "offset_s"):
            np.testing.assert_allclose(label[end], loose[end] + shift_s, atol=1e-12)
        assert label["onset_true_s"].tolist() == notes["onset_s"].tolist()
    assert of[TRUE.name]["onset_s"].tolist() == notes["onset_s"].tolist()
    # What the localizer does not hear is dropped where notes may be wrong, and only there.
    assert (of["note100-localizer"]["pitch"] % 12 == 0).any()
    flawed, kept = of["note100_flawed-none"], of["note100_flawed-localizer"]
    assert len(flawed) == 40 - 4 + 1  # 5 % of 40 are 2: one moved, one added
    assert kept["pitch"].tolist() == flawed.loc[flawed["pitch"] % 12 != 0, "pitch"].tolist()
    assert len(of["note100_flawed-dtw"]) == len(of["exact_flawed-none"]) == len(flawed)


def test_the_quality_of_labels_counts_wrong_notes_as_wrong():
    kind, tolerances_ms = Labels("note100", True, "none"), [10, 50]
    labels = pd.DataFrame({"labels": kind.name, "onset_s": [1.0, 2.02, 3.3, 4.0],
                           "onset_true_s": [1.005, 2.0, 3.0, np.nan]})  # fmt: skip
    (row,) = quality(labels, [kind], 5, tolerances_ms).to_dict("records")
    assert row == {"labels": kind.name, "n_notes": 4, "n_true": 5, "wrong_share": 0.25,
                   "acc_10ms": 0.25, "acc_50ms": 0.5}  # fmt: skip


def test_labels_are_made_once_per_recording_and_read_by_kind(
    toy_project, copy_checkpoint, monkeypatch
):
    params, made = load_params(), []

    def prepared(method, *_):
        made.append(method)
        return ALIGNERS[method]

    monkeypatch.setattr(labels_module, "_prepared", prepared)
    with pytest.raises(CheckpointError, match="crnn.safetensors: not found"):
        make_labels(toy_project, params)
    copy_checkpoint(toy_project, "crnn")
    recordings = read_index(toy_project.split("train"), split="train")
    with pytest.raises(CorpusError, match="labels"):
        read_labels(toy_project, params, recordings, TRUE)
    path = make_labels(toy_project, params)
    assert sorted(made) == sorted(3 * [*ALIGNERS])  # each once per recording, for all its MIDIs
    whole = path.read_bytes()
    rows = pd.read_csv(path).set_index("labels")
    assert rows.loc["exact-none", "acc_10ms"] == 1 and rows.loc["note100-none", "acc_10ms"] < 0.3
    true = [load_notes(toy_project.split("train"), item) for item in recordings]
    for table, notes in zip(read_labels(toy_project, params, recordings, TRUE), true, strict=True):
        assert table["onset_s"].tolist() == notes["onset_s"].tolist()
    files = sorted(labels_module.label_folder(toy_project, params).iterdir())
    files[1].unlink()  # as a run that was stopped leaves it
    made.clear()
    assert make_labels(toy_project, params).read_bytes() == whole
    assert sorted(made) == sorted(ALIGNERS)
    changed = params | {"perturbation_seed": 101}
    assert labels_module.label_folder(toy_project, changed) != files[0].parent


# --- Targets and peaks ----------------------------------------------------------------------------


def test_a_target_tells_where_between_frames_an_onset_is():
    notes = pd.DataFrame({"pitch": [60, 60, 108], "onset_s": [0.103, 0.13, 0.999]})
    target = onset_targets(notes, 100, 100, 0.010)
    assert target.shape == (100, 88) and target.dtype == np.float32
    key = 60 - 21
    by_hand = {9: 1.3, 10: 0.3, 11: 0.7, 12: 1.0, 13: 0.0, 14: 1.0}  # widths to the nearest onset
    for frame, widths in by_hand.items():
        assert target[frame, key] == pytest.approx(np.exp(-(widths**2) / 2), rel=1e-5)
    assert not target[:7, key].any() and not target[17:, key].any()
    # One beyond the end leaves what reaches into the recording; its middle is frame 100.
    assert target[99, 87] == pytest.approx(np.exp(-(0.9**2) / 2), rel=1e-5)
    assert np.count_nonzero(target[:, [0, 86]]) == 0
    assert not onset_targets(notes[:0], 10, 100, 0.010).any()


def test_a_sound_20_db_softer_lies_as_low_in_the_spectrum_as_the_augmentation_assumes():
    time_s = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 440 * time_s) * np.where(time_s < 1, 1.0, 0.1)
    spectrum = compute_features(tone.astype(np.float32), "log_cqt", 100)[:, 69 - 21]
    lower = spectrum[40:60].mean() - spectrum[140:160].mean()
    assert lower == pytest.approx(20 / DYNAMIC_RANGE_DB, rel=0.01)


@pytest.mark.parametrize("keys", [-88, -3, 0, 2, 88])
def test_an_image_is_moved_by_keys_and_filled_with_nothing(keys):
    image = np.arange(1.0, 2 * 88 + 1).reshape(2, 88)
    by_hand = np.zeros_like(image)
    for key in range(88):
        if 0 <= key - keys < 88:
            by_hand[:, key] = image[:, key - keys]
    np.testing.assert_array_equal(moved(image, keys), by_hand)


@given(seed=st.integers(0, 10_000), semitones=st.integers(0, 5), decibel=st.floats(0, 12))
def test_another_piano_plays_the_same_notes_on_moved_keys(seed, semitones, decibel):
    rng = np.random.default_rng(seed)
    target = (rng.random((5, 88)) < 0.2).astype(np.float32)
    spectrum = 0.5 * target  # what sounds lies 40 dB below full scale, the rest is silent
    limits = Augmentation(semitones, decibel, decibel)
    heard, labels = augmented(spectrum, target, limits, np.random.default_rng(seed))
    possible = [moved(target, keys) for keys in range(-semitones, semitones + 1)]
    assert any(np.array_equal(labels, each) for each in possible)
    np.testing.assert_array_equal(heard > 0, labels > 0)  # silence stays silent
    change_db = 80 * (heard[labels > 0] - 0.5)
    assert np.abs(change_db).max(initial=0) <= 2 * decibel + 1e-3 and heard.dtype == np.float32
    if not semitones and not decibel:
        np.testing.assert_array_equal(heard, spectrum)


def test_excerpts_differ_by_as_much_as_they_may():
    spectrum = np.full((2, 88), 0.5, np.float32)
    target = np.zeros_like(spectrum)
    target[:, 44] = 1.0
    rng, limits = np.random.default_rng(0), Augmentation(2, 6.0, 6.0)
    drawn = [augmented(spectrum, target, limits, rng) for _ in range(200)]
    assert {int(labels[0].argmax()) for _, labels in drawn} == set(range(42, 47))
    gains_db = np.array([80 * (heard[0, 44] - 0.5) for heard, _ in drawn])
    assert gains_db.max() > 6 and gains_db.min() < -6 and abs(gains_db.mean()) < 1


def test_peaks_are_found_between_frames_by_the_parabola():
    """Logarithms of -1, 0 and -2 have their peak at 0.5 · (-1 + 2) / (-1 - 2) = -1/6 of a frame."""
    posterior = np.zeros((30, 88))
    posterior[9:12, 5] = 0.9 * np.exp([-1.0, 0.0, -2.0])
    (found,) = pick_onsets(posterior, 100, 0.5, 0.05).to_dict("records")
    assert found["pitch"] == 26 and found["confidence"] == 0.9
    assert found["onset_s"] == pytest.approx((10 - 1 / 6) / 100)


def test_a_target_is_decoded_to_its_onsets():
    rng = np.random.default_rng(3)
    onset_s = np.sort(rng.uniform(0.1, 9.8, 40))
    notes = note_table(rng.permutation(np.arange(30, 70)), [64] * 40, onset_s, onset_s + 0.1)
    found = pick_onsets(onset_targets(notes, 1000, 100, 0.010), 100, 0.5, 0.05)
    assert found["pitch"].tolist() == notes["pitch"].tolist()
    np.testing.assert_allclose(found["onset_s"], notes["onset_s"], atol=1e-4)


def test_one_peak_within_a_gap_the_first_of_equal_ones_and_none_below_the_threshold():
    posterior = np.zeros((40, 88))
    posterior[[0, 10, 14, 20, 21, 30], 0] = [0.6, 0.7, 0.8, 0.9, 0.9, 0.4]

    def found(threshold, gap_s):
        table = pick_onsets(posterior, 100, threshold, gap_s)
        return [round(onset_s * 100) for onset_s in table["onset_s"]]

    assert found(0.5, 0.01) == [0, 10, 14, 20]  # 21 is as high as 20, right beside it
    assert found(0.5, 0.05) == [0, 14, 20]
    assert found(0.5, 0.06) == [0, 20]
    assert found(0.3, 0.05) == [0, 14, 20, 30]
    assert found(0.95, 0.05) == []


# --- Scores ---------------------------------------------------------------------------------------


def test_matching_counts_as_mir_eval_does():
    rng = np.random.default_rng(1)
    for tolerance_s in (0.010, 0.025, 0.050):
        true = pd.DataFrame(
            {"pitch": rng.integers(60, 66, 300), "onset_s": rng.uniform(0, 20, 300)}
        )
        kept = rng.random(300) < 0.8
        found = true[kept].assign(onset_s=true["onset_s"][kept] + rng.normal(0, 0.02, kept.sum()))
        extra = pd.DataFrame({"pitch": rng.integers(60, 66, 50), "onset_s": rng.uniform(0, 20, 50)})
        found = (
            pd.concat([found, extra], ignore_index=True)
            .clip(lower=0)
            .sample(frac=1, random_state=1, ignore_index=True)
        )
        pairs = match(true, found, tolerance_s)
        assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
        gap_s = true["onset_s"].to_numpy()[pairs[:, 0]] - found["onset_s"].to_numpy()[pairs[:, 1]]
        assert np.abs(gap_s).max() <= tolerance_s + 0.5e-4
        same = true["pitch"].to_numpy()[pairs[:, 0]] == found["pitch"].to_numpy()[pairs[:, 1]]
        assert same.all()
        expected = mir_eval.transcription.precision_recall_f1_overlap(
            *(
                part
                for table in (true, found)
                for part in (
                    np.stack([table["onset_s"], table["onset_s"] + 0.1], axis=1),
                    440 * 2 ** ((table["pitch"].to_numpy() - 69) / 12),
                )
            ),
            onset_tolerance=tolerance_s,
            offset_ratio=None,
        )[:3]
        ours = precision_recall_f1(len(pairs), len(true), len(found))
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_nothing_found_scores_nothing():
    true = pd.DataFrame({"pitch": [60], "onset_s": [1.0]})
    assert match(true, true[:0], 0.05).shape == match(true[:0], true, 0.05).shape == (0, 2)
    assert [float(each) for each in precision_recall_f1(0, 1, 0)] == [0, 0, 0]
    raw, calibrated = scores(true, true[:0], [10, 50], 100)
    assert raw == {"calibrated": False, "n_true": 1, "n_found": 0, "matched_10ms": 0,
                   "matched_50ms": 0}  # fmt: skip
    assert calibrated == raw | {"calibrated": True}


def test_calibration_removes_the_median_delay_of_a_recording():
    true = pd.DataFrame({"pitch": [60, 62, 64, 65], "onset_s": [1.0, 2.0, 3.0, 4.0]})
    late_s = [0.030, 0.035, 0.060, 0.500]  # the last is no match within 100 ms: median 35 ms
    found = true.assign(onset_s=true["onset_s"] + late_s)
    raw, calibrated = scores(true, found, [10, 25, 50], 100)
    names = ["matched_10ms", "matched_25ms", "matched_50ms"]
    assert [raw[name] for name in names] == [0, 0, 2]
    assert [calibrated[name] for name in names] == [2, 3, 3]
    assert calibrated["n_found"] == 4
