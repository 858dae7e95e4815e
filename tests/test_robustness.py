"""Cases of table 9: their truth, their scores, and no silent errors in cases drawn at random."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.common.errors import ConfigError, CorpusError
from pianoalign_lib.io.audio import SAMPLE_RATE, load_audio
from pianoalign_lib.io.midi_score import read_midi_score
from pianoalign_lib.io.notes import note_table
from studies.robustness import conditions
from studies.robustness.cases import Case, quiet_place, spliced_audio, spliced_midi
from studies.robustness.methods import midi_file, place
from studies.robustness.run import ROBUSTNESS, run_robustness
from studies.robustness.scores import find_scores, score_to_midi
from studies.robustness.scoring import SILENT_S, judge, summarise
from studies.robustness.table import CONDITIONS, SCORE, table9_robustness
from tools.scores_from_asap import read_match

TARGET = 0.005  # silent errors, of the notes called aligned
SPACING_S = 0.5
rng = np.random.default_rng


def clicks(n: int = 80) -> Case:
    """Return a recording of clicks half a second apart, each of a level of its own."""
    onset_s = 1.0 + SPACING_S * np.arange(n)
    audio = np.zeros(round((n * SPACING_S + 2.0) * SAMPLE_RATE), np.float32)
    audio[np.rint(onset_s * SAMPLE_RATE).astype(int)] = 0.5 + 0.005 * np.arange(n)
    notes = note_table(40 + np.arange(n) % 40, np.full(n, 64), onset_s, onset_s + 0.4)
    return Case(audio, notes, (onset_s[:, None],))


def level_at(case: Case, time_s: float) -> float:
    place = round(time_s * SAMPLE_RATE)
    return float(np.abs(case.audio[max(place - 40, 0) : place + 40]).max())


@pytest.mark.parametrize("name", sorted(set(conditions.BUILDS) - {"tuned_415", "tuned_466"}))
def test_every_true_time_has_its_own_click(name: str) -> None:
    case = conditions.build(name, {"played": clicks()}, rng(3))
    levels = 0.5 + 0.005 * np.arange(80)
    pitch = case.notes["pitch"].to_numpy() - (2 if name == "transposed" else 0)
    for true_s in case.truths:
        for note, passes in zip(pitch, true_s, strict=True):
            for time_s in passes[~np.isnan(passes)]:
                expected = levels[(note - 40) :: 40]
                assert np.abs(expected - level_at(case, time_s)).min() < 1e-3
    assert (case.notes["onset_s"].diff().dropna() >= 0).all() and case.notes["onset_s"].min() >= 0
    assert (case.notes["offset_s"] > case.notes["onset_s"]).all()
    again = conditions.build(name, {"played": clicks()}, rng(3))
    assert again.notes.equals(case.notes) and np.array_equal(again.audio, case.audio)


def test_tuning_moves_true_times_with_the_sound() -> None:
    case = conditions.build("tuned_415", {"played": clicks()}, rng(3))
    for index, (time_s,) in enumerate(case.truths[0]):
        near = case.audio[round(time_s * SAMPLE_RATE) - 30 :][:60]
        assert np.abs(near).max() > 0.2 and abs(int(np.abs(near).argmax()) - 30) <= 1, index


def test_a_passage_played_twice_may_be_put_at_either_time() -> None:
    case = spliced_audio(clicks(), rng(0), (0.0, 10.9), (5.9, 42.0))
    onset_s = np.nanmax(case.truths[0], axis=1)
    frame = judge(case, onset_s, np.full(80, "aligned", dtype=object))
    assert np.allclose(frame["error_s"], 0.0) and frame["is_played"].all()
    assert (np.nanmax(case.truths[0], 1) - np.nanmin(case.truths[0], 1) > 4.9).sum() == 10


def test_of_a_repeat_not_played_either_passage_may_be_the_one() -> None:
    case = spliced_midi(clicks(), (0.0, 10.9), (5.9, np.inf))
    assert len(case.notes) == 90 and len(case.truths) == 2
    for true_s in case.truths:
        status = np.where(np.isnan(true_s[:, 0]), "not heard", "aligned").astype(object)
        frame = judge(case, np.nan_to_num(true_s[:, 0]), status)
        row = summarise(frame.assign(test_set="t", condition="c", method="m", recording="r")).iloc[
            0
        ]
        assert (row["n_played"], row["n_silent"], row["acc_10ms"]) == (80, 0, 1.0)
    both = judge(case, case.truths[0][:, 0], np.full(90, "aligned", dtype=object))
    assert (both["error_s"].isna() & (both["status"] == "aligned")).sum() == 10


def test_scores_count_what_they_say() -> None:
    notes = pd.DataFrame(
        {
            "error_s": [0.0, 0.01, -0.05, 0.2, -0.6, np.nan, np.nan, np.nan],
            "is_played": [True] * 6 + [False] * 2,
            "status": ["aligned"] * 4 + ["uncertain", "refused", "aligned", "not heard"],
        }
    ).assign(test_set="t", condition="c", method="m", recording="r")
    row = summarise(notes).iloc[0]
    assert (row["n_notes"], row["n_played"], row["n_aligned"], row["n_silent"]) == (8, 6, 5, 2)
    assert (row["acc_10ms"], row["acc_50ms"], row["far_share"]) == (2 / 6, 3 / 6, 1 / 6)
    assert (row["aligned_share"], row["silent_share"]) == (4 / 6, 2 / 5)
    assert (row["absent_aligned"], row["refused_share"]) == (1 / 2, 1.0)


def test_the_midi_file_says_which_note_is_which() -> None:
    case = conditions.build("doubled", {"played": clicks()}, rng(1))
    midi, rows = midi_file(case.notes)
    read = read_midi_score(midi).notes
    given = case.notes.iloc[rows]
    assert read["pitch"].tolist() == given["pitch"].tolist()
    assert np.allclose(read["onset_s"], given["onset_s"], atol=1e-4)
    assert np.allclose(read["offset_s"], given["offset_s"], atol=2e-4)


def test_a_quiet_place_is_in_the_longest_rest_nearby() -> None:
    case = clicks()
    kept = case.take(np.flatnonzero(~np.isin(np.arange(80), [30, 31])))
    assert quiet_place(kept, 16.0) == pytest.approx(1.0 + 32 * SPACING_S - 0.05)


def test_pieces_are_in_one_part_only_and_pianos_too(tmp_path: Path) -> None:
    params = load_params(ROOT)
    found = {part: find_scores(tmp_path, params, part) for part in ("test", "development")}
    pieces = [{str(Path(score.path).parent) for score in scores} for scores in found.values()]
    assert [len(each) for each in pieces] == [12, 12] and not pieces[0] & pieces[1]
    assert {score.piano for score in found["test"]} == {"iowa"}
    assert "iowa" not in {score.piano for score in found["development"]}
    with pytest.raises(CorpusError, match="PIANOALIGN_SCORES"):
        find_scores(tmp_path / "none", params, "test")


def test_a_match_file_is_read_with_what_was_not_played_and_not_written() -> None:
    notes = read_match(
        "info(midiClockUnits,480).\ninfo(midiClockRate,500000).\n"
        "scoreprop(timeSignature,4/4,1:1,0,0.0000).\n"
        "snote(n1,[C,n],4,1:1,0,1/4,-0.5000,1.0000,[v1,staff1])-note(n0,60,960,1200,64,0,0).\n"
        "snote(n2,[B,bb],3,1:2,0,0,1.0000,1.0000,[v1,staff1,grace])-deletion.\n"
        "insertion-note(n2,67,2000,2100,40,0,0).\nornament(n1,[trill])-note(n3,62,1,2,3,0,0).\n"
        "sustain(0,127).\n"
    )
    assert notes["pitch"].tolist() == [60, 57, 67]
    assert notes["onset_s"].fillna(-1).tolist() == pytest.approx([1.0, -1, 2000 / 960])
    assert notes["score_onset_beat"].fillna(-9).tolist() == [-0.5, 1.0, -9]
    assert notes["score_duration_beat"].fillna(-9).tolist() == [1.5, 0.0, -9]
    with pytest.raises(CorpusError, match="match file"):
        read_match("info(piece,x).\n")


def test_a_score_at_one_tempo_is_slower_than_played_and_keeps_what_was_not_played() -> None:
    beats = np.arange(40)
    rows = pd.DataFrame(
        {
            "score_onset_beat": np.r_[beats, 7.0, 7.0].astype(float),
            "score_duration_beat": np.r_[np.ones(40), 0.0, 1.0],
            "pitch": np.r_[
                60 + beats % 12, 90, 67
            ],  # a grace note, and a key that two voices share
            "onset_s": np.r_[2.0 + 0.5 * beats, np.nan, np.nan],
        }
    )
    rows["true_s"] = rows["onset_s"] + 1.0
    case = score_to_midi(np.zeros(16_000, np.float32), rows, 12.0, 0.15)
    notes, (true_s,) = case.notes, case.truths
    assert len(notes) == 21 and np.isnan(true_s).sum() == 1  # up to 12 s
    assert notes.loc[np.isnan(true_s[:, 0]), "pitch"].tolist() == [90]
    assert notes["onset_s"].max() == pytest.approx(19 * 60 / 102)  # 120 beats a minute, less 15 %
    assert true_s[0, 0] == 3.0 and (notes["offset_s"] > notes["onset_s"]).all()


def test_a_run_goes_on_where_it_stopped(toy_project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIANOALIGN_SCORES", raising=False)
    params = load_params(toy_project.root)
    options = {"methods": ["localizer"], "names": ["start", "cut_in_midi"]}
    table = run_robustness(toy_project, params, **options)
    assert table[["condition", "n_recordings"]].values.tolist() == [
        ["start", 2],
        ["cut_in_midi", 2],
    ]
    files = {path: path.stat().st_mtime_ns for path in toy_project.data.rglob("*-start.parquet")}
    assert len(files) == 2
    next(iter(files)).unlink()
    pd.testing.assert_frame_equal(run_robustness(toy_project, params, **options), table)
    assert sum(path.stat().st_mtime_ns == time for path, time in files.items()) == 1
    assert not (toy_project.results / ROBUSTNESS).exists()  # a part of the conditions is no table
    with pytest.raises(ConfigError, match="unknown: sideways; there are"):
        run_robustness(toy_project, params, names=["sideways"])


def test_table_9_says_what_was_not_run_and_how_far_from_exact() -> None:
    row = {"test_set": "test", "condition": "start", "n_recordings": 4, "n_notes": 100}
    numbers = dict.fromkeys(
        ("acc_10ms", "acc_50ms", "far_share", "aligned_share", "silent_share", "silent_worst"), 0.25
    )
    frame = pd.DataFrame(
        [
            row | numbers | {"method": "localizer", "refused_share": 0.0, "acc_50ms": 0.97},
            row | numbers | {"method": "exact", "refused_share": 0.0, "acc_50ms": 0.99},
        ]
    )
    assert [SCORE, *conditions.BUILDS] == list(CONDITIONS)
    table = table9_robustness(frame, "demo")
    shown = table.frame().set_index(["test_set", "condition"])
    assert shown.loc[("test", "start"), "localizer_below_exact"] == 2.0
    assert "were not here" in shown.loc[("score", "score"), "localizer_acc_10ms"]
    assert shown.loc[("test", "start"), "dtw_acc_50ms"] == "not run"


# --- No silent wrong answer ----------------------------------------------------------------------
def allowed(n_aligned: int) -> float:
    """Return the silent errors that a case may have: the target, and three standard deviations."""
    return TARGET * n_aligned + 3.0 * math.sqrt(TARGET * n_aligned)


def silent_errors(loaded: dict[str, Case], seed: int) -> tuple[str, int, int]:
    """Return what was drawn, the notes called aligned, and those of them that are wrong."""
    what, given = conditions.draw(loaded, rng([2211, seed]))
    answer = place("localizer", given, corpus_paths("demo", ROOT), load_params(ROOT))
    frame = judge(given, *answer)
    aligned = frame["status"] == "aligned"
    wrong = aligned & ~(frame["error_s"].abs() <= SILENT_S)
    return what, int(aligned.sum()), int(wrong.sum())


@pytest.fixture(scope="module")
def example() -> dict[str, Case]:
    notes = pd.read_csv(ROOT / "examples" / "true_notes.csv")
    true_s = notes["onset_s"].to_numpy()[:, None]
    return {"played": Case(load_audio(ROOT / "examples" / "recording.flac"), notes, (true_s,))}


@pytest.mark.parametrize("seed", range(24))
def test_no_silent_errors_in_cases_drawn_from_the_example(example, seed: int) -> None:
    what, aligned, wrong = silent_errors(example, seed)
    assert wrong <= allowed(aligned), f"{what}: {wrong} of {aligned} notes called aligned are wrong"
