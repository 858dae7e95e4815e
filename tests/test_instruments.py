"""Other instruments: what can be played, when it sounds, what is kept apart; tables 10 to 10c."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pretty_midi
import pytest
import soundfile as sf
from conftest import ROOT, ClickPiano, write_toy_part

from pianoalign_lib.common.config import CorpusPaths, corpus_paths, load_params
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.corpora.pianos import measure_attack_s
from pianoalign_lib.corpora.recordings import load_recording, read_index
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import note_table
from studies.instruments import measure, names, render, table, voices
from studies.instruments.playable import (
    BOWED,
    CHORD_S,
    DOUBLE_STOPS,
    FRETS,
    OPEN_STRINGS,
    PLUCK_S,
    SPAN,
    STRUM_S,
    fingering,
    folded,
    playable,
)

SETTINGS = load_params(ROOT)["strings"]
PITCHES = (45, 57, 60, 69)  # at which voices are compared by content


@pytest.fixture
def piano() -> pd.DataFrame:
    """Return two minutes of a pianist with ten fingers and a pedal."""
    rng = np.random.default_rng(0)
    onset_s = np.repeat(np.sort(rng.uniform(0, 120, 400)), rng.integers(1, 8, 400))
    onset_s = onset_s + rng.uniform(0, 0.01, len(onset_s))
    pitch, velocity = rng.integers(21, 109, len(onset_s)), rng.integers(20, 110, len(onset_s))
    notes = note_table(pitch, velocity, onset_s, onset_s + rng.uniform(0.1, 0.6, len(onset_s)))
    return notes.assign(sound_end_s=notes["offset_s"] + 1.0)


def sounding(notes: pd.DataFrame) -> int:
    """Return how many notes sound at once at most."""
    begun = np.searchsorted(notes["onset_s"], notes["onset_s"], side="right")
    ended = np.searchsorted(np.sort(notes["offset_s"]), notes["onset_s"] + 1e-9, side="right")
    return int((begun - ended).max())


@pytest.mark.parametrize("instrument", ["guitar", "harp", "harpsichord", *BOWED])
def test_all_that_is_played_is_a_note_table_within_range(piano, instrument):
    notes = playable(piano, instrument, np.random.default_rng(1))
    lowest, highest = {
        "guitar": (40, 83), "harp": (24, 103), "harpsichord": (29, 89), **BOWED,
    }[instrument]  # fmt: skip
    assert len(notes) > 200 and notes["pitch"].between(lowest, highest).all()
    assert notes["note_id"].tolist() == list(range(len(notes)))
    assert notes["onset_s"].is_monotonic_increasing
    assert (notes["offset_s"] > notes["onset_s"]).all()
    same = notes.groupby("pitch")
    assert (same["onset_s"].shift(-1).fillna(np.inf) >= notes["offset_s"] - 1e-9).all()
    again = playable(piano, instrument, np.random.default_rng(1))
    pd.testing.assert_frame_equal(notes, again)


def test_six_strings_have_one_note_each_and_are_strummed(piano):
    notes = playable(piano, "guitar", np.random.default_rng(1))
    assert sounding(notes) <= len(OPEN_STRINGS)
    gap_s = np.diff(notes["onset_s"])
    assert gap_s.min() >= STRUM_S[0] - 1e-9
    # Within a chord up to 40 ms; from one to the next no less than it takes to pluck.
    assert ((gap_s <= STRUM_S[1] + 1e-9) | (gap_s >= PLUCK_S - CHORD_S)).all()
    assert (gap_s < PLUCK_S).mean() > 0.3


def test_a_grip_is_one_that_a_hand_has():
    c_major = [76, 48, 64, 60, 55, 52]  # the highest and the lowest first
    strings, hand = fingering(
        [pitch - 12 if pitch == 76 else pitch for pitch in c_major], [0] * 6, 0
    )
    assert len(set(strings.values())) == len(strings) >= 5
    for place, string in strings.items():
        fret = ([64, 48, 64, 60, 55, 52][place]) - OPEN_STRINGS[string]
        assert fret == 0 or max(hand, 1) <= fret <= hand + SPAN <= FRETS
    assert fingering([40, 41], [0.0] * 6, 0)[0] in ({0: 0}, {1: 0})  # one string has both


def test_a_bow_plays_one_line_and_now_and_then_two(piano):
    for instrument in BOWED:
        notes = playable(piano, instrument, np.random.default_rng(1))
        assert sounding(notes) <= 2
        together = notes.groupby("onset_s")["pitch"]
        assert together.agg(np.ptp).max() <= 12
        assert 0 < (together.size() == 2).mean() <= DOUBLE_STOPS


def test_pitches_move_by_octaves_only():
    pitch = np.arange(0, 128)
    moved = folded(pitch, 40, 64)
    assert ((moved >= 40) & (moved <= 64)).all() and ((moved - pitch) % 12 == 0).all()
    assert (moved[40:65] == pitch[40:65]).all()


def test_no_recorded_instrument_and_no_performance_is_in_two_parts(piano):
    render.check_voices(SETTINGS)
    for each in SETTINGS["instruments"].values():
        assert len({voice.partition("/")[0] for voice in each["train"]}) >= 3
    leak = {"instruments": {"harp": {"train": ["fluid_r3/46"], "test": ["musescore/46"]}}}
    with pytest.raises(CorpusError, match=r"harp: \['fluid_r3/46'\] is in two parts"):
        render.check_voices(leak)


@pytest.fixture
def strings(tmp_path: Path) -> CorpusPaths:
    """Return a corpus whose only fetched SoundFont is TimGM6mb, and one recorded note."""
    paths = corpus_paths("strings", tmp_path)
    pianos = corpus_paths("demo", tmp_path).sources / "pianos"
    pianos.mkdir(parents=True)
    font = Path(pretty_midi.__file__).parent / "TimGM6mb.sf2"
    (pianos / "timgm6mb.sf2").symlink_to(font)
    folder = paths.sources / "samples" / "harp"
    folder.mkdir(parents=True)
    time_s = np.arange(44_100) / 44_100
    tone = np.sin(2 * np.pi * 440 * (time_s - 0.25)) * np.exp(-3 * (time_s - 0.25))
    sf.write(folder / "A4.mp3", np.where(time_s < 0.25, 0, tone), 44_100, format="MP3")
    return paths


@pytest.mark.parametrize("voice", ["timgm6mb/24", "timgm6mb/40", "samples/harp"])
def test_a_voice_sounds_when_it_says(strings, voice):
    played = voices.load_voice(voice, strings)
    for pitch in (64, 69, 75):
        note = note_table([pitch], [90], [0.3], [0.8])
        audio = played.render(note, 1.5)
        after_s = measure_attack_s(audio[round(0.3 * SAMPLE_RATE) :], SAMPLE_RATE)
        assert after_s == pytest.approx(played.attack_s([pitch], [90])[0], abs=0.0015)
        spectrum = np.abs(np.fft.rfft(audio, 8 * SAMPLE_RATE))[: 8 * 1000]
        partial = spectrum.argmax() / 8 / (440 * 2 ** ((pitch - 69) / 12))
        assert partial == pytest.approx(round(partial), abs=0.02)


def test_programs_are_told_apart_and_the_same_is_recognised(strings):
    guitar, violin = (voices.load_voice(f"timgm6mb/{each}", strings) for each in (24, 40))
    assert voices.alike(guitar, guitar, [60]) == pytest.approx(1.0)
    assert voices.alike(guitar, violin, [60, 64]) < 0.5


@pytest.mark.skipif(
    not (corpus_paths("strings", ROOT).sources / "samples").is_dir(), reason="not fetched"
)
@pytest.mark.parametrize("instrument", SETTINGS["instruments"])
def test_no_recording_of_a_test_voice_is_in_a_training_voice(instrument):
    paths, parts = corpus_paths("strings", ROOT), SETTINGS["instruments"][instrument]
    pairs = [(one, other) for one in parts["test"] for other in parts["train"]]
    shared = {
        pair: voices.alike(*(voices.load_voice(v, paths) for v in pair), PITCHES) for pair in pairs
    }
    assert not {pair: value for pair, value in shared.items() if value > 0.5}


def test_unknown_and_missing_voices_are_named(strings):
    with pytest.raises(CorpusError, match="unknown voice 'timgm6mb/1'"):
        voices.load_voice("timgm6mb/1", strings)
    with pytest.raises(CorpusError, match=r"fluid_r3\.sf2: not found"):
        voices.load_voice("fluid_r3/24", strings)
    with pytest.raises(CorpusError, match="violin: lacks samples"):
        voices.load_voice("samples/violin", strings)


@pytest.fixture
def rendered(tmp_path, piano, monkeypatch) -> CorpusPaths:
    """Return the corpus rendered of one made-up performance, by clicks."""
    monkeypatch.setattr(render, "read_performance", lambda _midi: piano)
    monkeypatch.setattr(render, "fetched", lambda path, _corpus: path)
    monkeypatch.setattr(render, "load_voice", lambda *_, **__: ClickPiano())
    paths, params = corpus_paths("strings", tmp_path), load_params(ROOT)
    params["strings"] |= {"excerpt_s": 10, "excerpts": {"train": 1, "validation": 1, "test": 1}}
    for part in ("eval", "train"):
        render.render_strings(paths, params, part)
    return paths


def test_rendered_labels_lie_on_the_sound_and_parts_are_apart(rendered):
    rows = [row for part in ("eval", "train") for row in read_index(rendered.split(part))]
    by_split = {
        split: {row.performance for row in rows if row.split == split}
        for split in ("train", "validation", "test")
    }
    assert not by_split["train"] & (by_split["validation"] | by_split["test"])
    assert not by_split["validation"] & by_split["test"]
    tested = [row for row in rows if row.split == "test"]
    assert {row.test_set for row in tested} == set(SETTINGS["instruments"])
    assert {row.room for row in tested} == {"dry"}
    assert {row.room for row in rows if row.split == "train"} != {"dry"}
    for row in tested:
        audio, notes = load_recording(rendered.split("eval"), row)
        for onset_s in notes["onset_s"]:
            at = round(onset_s * SAMPLE_RATE)
            assert np.abs(audio[at - 1 : at + 2]).max() > 0.5 * np.abs(audio).max()


# --- Measuring, and the tables --------------------------------------------------------------------


@pytest.fixture
def measured(toy_project, monkeypatch) -> tuple[Path, pd.DataFrame]:
    """Return a project with toy recordings of two instruments, measured by two methods."""
    root = toy_project.root
    held_out = [("h0", "test", "harp"), ("h1", "test", "harp"), ("b0", "test", "bowed")]
    write_toy_part(corpus_paths("strings", root).split("eval"), held_out)
    monkeypatch.setattr(measure, "find_spec", lambda _name: None)
    methods = ("none", "basic_pitch", "localizer", "crnn_joint")
    return root, measure.run_instruments(root, load_params(root), ["strings"], methods)


def test_every_instrument_is_scored_alone_and_all_together(measured):
    root, _ = measured
    rows = pd.read_csv(corpus_paths("demo", root).results / names.FILE)
    ran = rows[rows["condition"].notna()]
    assert set(ran["method"]) == {"none", "localizer"}
    assert set(ran["test_set"]) == {"harp", "bowed", "all"}
    assert set(ran["condition"]) == set(names.CONDITIONS)
    sizes = ran.groupby("test_set")["n_notes"].first()
    assert sizes["all"] == sizes["harp"] + sizes["bowed"]
    raw = ran[ran["calibrated"].astype(str) == "False"].set_index(
        ["test_set", "method", "condition"]
    )
    assert 0 <= raw.loc[("harp", "localizer", "note100"), "lost_share"] <= 1
    assert raw.loc[("harp", "none", "note100"), "acc_10ms"] < 0.3
    assert abs(raw.loc[("harp", "none", "note100"), "sound_median_s"]) < 0.005
    reasons = rows[rows["condition"].isna()].set_index("method")["not_run"]
    assert "make peers" in reasons["basic_pitch"] and "not trained" in reasons["crnn_joint"]


def test_what_is_not_here_keeps_the_numbers_of_the_file(measured, monkeypatch):
    root, before = measured
    params = load_params(root)
    with pytest.raises(CorpusError, match="others"):
        measure.run_instruments(root, params, ["others"])
    monkeypatch.setattr(measure, "not_run", lambda *_: "gone")
    after = measure.run_instruments(root, params, ["strings"], ["localizer"])
    pd.testing.assert_frame_equal(after, before, check_dtype=False, atol=1e-6)


def test_the_cost_for_the_piano_is_the_paired_difference(tmp_path):
    error_s = {"localizer": [0.001] * 8 + [0.030] * 2, "localizer_joint": [0.001] * 6 + [0.030] * 4}
    frames = {
        name: pd.DataFrame({
            "test_set": "test", "recording": ["a"] * 5 + ["b"] * 5,
            "performance": ["a"] * 5 + ["b"] * 5, "method": name, "condition": "note100",
            "note_id": [*range(5), *range(5)], "pitch": 60, "velocity": 64,
            "onset_true_s": np.arange(10.0), "onset_in_s": np.arange(10.0),
            "onset_s": np.arange(10.0) + error, "offset_s": np.arange(10.0) + 0.5,
            "confidence": 1.0, "placed": True,
        })
        for name, error in error_s.items()
    }  # fmt: skip
    before = tmp_path / "localizer.parquet"
    bootstrap = {"samples": 50, "seed": 1}
    with pytest.raises(CorpusError, match="measure 'localizer' on demo"):
        measure.piano_cost(frames["localizer_joint"], before, bootstrap)
    frames["localizer"].to_parquet(before)
    cost = measure.piano_cost(frames["localizer_joint"], before, bootstrap)
    raw = cost[~cost["calibrated"]].iloc[0]
    assert raw["cost_10ms"] == pytest.approx(0.2)
    # One recording lost two of five notes, the other none: no draw costs less or more than these.
    assert (raw["cost_10ms_lo"], raw["cost_10ms_hi"]) == pytest.approx((0.0, 0.4))


def test_tables_show_what_ran_and_say_why_the_rest_did_not(measured):
    root, _ = measured
    found = pd.read_csv(corpus_paths("demo", root).results / names.FILE)
    shown = table.table10_instruments(found).frame().set_index(["test_set", "method"])
    assert len(shown) == len(names.INSTRUMENTS) * len(names.METHODS)
    wanted = found.query("test_set == 'harp' and method == 'localizer' and condition == 'drift10'")
    (raw,) = wanted[wanted["calibrated"].astype(str) == "False"].to_dict("records")
    cell = shown.loc[("harp", "localizer")]
    assert float(cell["drift10_10ms"]) == pytest.approx(100 * raw["acc_10ms"], abs=0.01)
    assert "not trained" in shown.loc[("harp", "crnn_joint"), "n_recordings"]
    assert "no results of DTW" in shown.loc[("harp", "dtw"), "n_recordings"]
    real = table.table10b_real_instruments(found)
    assert set(real.frame()["n_notes"].str[:7]) == {"not run"}
    assert any("was not here" in note for note in real.notes)
    assert "agreement" in table.table10b_real_instruments(found).markdown()
    assert len(table.table10c_piano_cost(found).rows) == len(names.OF_PIANO)
