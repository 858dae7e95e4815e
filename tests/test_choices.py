"""Table 2b: every choice with its source, the parameters as they are, and what else was tried."""

from __future__ import annotations

import pandas as pd
import pretty_midi
import pytest

from pianoalign_lib.common.config import load_params
from pianoalign_lib.corpora.performances import LEAD_S, Excerpt
from studies.choices.pedal import held
from studies.choices.table import by_reading, read_choices, span, table_choices
from studies.sensitivity.readings import QUESTIONS
from studies.sensitivity.table import read_sensitivity

KEYS = {"choice", "source", "ours", "tried", "question", "pedal", "not_run"}


@pytest.mark.parametrize("corpus", ["demo", "maps"])
def test_every_choice_says_where_it_comes_from_and_what_became_of_others(repository, corpus):
    choices = read_choices(load_params(repository, corpus))
    for entry in choices:
        assert entry.keys() <= KEYS and {"choice", "source", "ours"} <= entry.keys()
        open_ = "not in our source" in entry["source"]
        assert not open_ or entry.keys() & (KEYS - {"choice", "source", "ours"}), entry["choice"]
    assert {entry["question"] for entry in choices if "question" in entry} == set(QUESTIONS)
    assert len({entry["choice"] for entry in choices}) == len(choices) > 20


def test_what_we_did_is_what_the_parameters_say(repository):
    params = load_params(repository, "demo")
    params["training"] |= {"excerpt_s": 4.5, "output_speed": 3.0}
    rows = table_choices(params).frame().set_index("choice")["ours"]
    assert rows["Length of a training excerpt"].startswith("4.5 s")
    assert rows["Learning rate of the output layer"].startswith("3.0 times")
    params["decoding"]["thresholds"] = [0.3, 0.55]  # fewer than are released
    assert "the best of 0.3 to 0.55 on validation" in set(table_choices(params).frame()["ours"])


def test_the_range_of_other_readings_is_counted_from_table_5c(repository):
    frame = pd.DataFrame(
        [
            ("lost", "crnn", True, 0.685),
            ("lost", "crnn", False, 0.6),
            ("lost", "crnn", False, 0.75),
            ("lost", "cnn", False, 0.1),
            ("dtw", "dtw", True, 0.2),
            ("dtw", "dtw", False, 0.14),
        ],
        columns=["question", "method", "is_ours", "acc_10ms"],
    )
    text = span(frame, "lost")
    assert text.startswith("2 others") and "60.0 to 75.0 %, ours 68.5 %" in text
    assert span(frame, "dtw").startswith("1 others, DTW") and "14.0 to 14.0" in span(frame, "dtw")
    assert span(None, "lost") == "on maps: table 5c"
    committed = read_sensitivity(repository / "results" / "maps" / "sensitivity.csv")
    text = table_choices(load_params(repository, "maps"), committed).markdown()
    assert text.count("(table 5c)") == len(QUESTIONS)


def test_a_note_is_held_until_the_pedal_is_lifted(tmp_path):
    midi = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(0)
    piano.notes = [pretty_midi.Note(80, 60, 0.5, 1.0), pretty_midi.Note(80, 64, 3.0, 3.5)]
    piano.control_changes = [
        pretty_midi.ControlChange(64, 127, 0.8), pretty_midi.ControlChange(64, 0, 2.0)
    ]  # fmt: skip
    midi.instruments.append(piano)
    midi.write(str(tmp_path / "played.mid"))
    excerpt = Excerpt(
        recording="x", split="test", test_set="test", performance="played", piano="iowa",
        midi=tmp_path / "played.mid", start_s=0.0, end_s=4.0, key="",
    )  # fmt: skip
    shift_s = LEAD_S - 0.5
    released = pd.DataFrame({"note_id": [0, 1], "onset_s": [LEAD_S + 0.01, 3.0 + shift_s]})
    released["offset_s"] = [1.0 + shift_s, 3.5 + shift_s]
    ends_s = held(released, excerpt)["offset_s"]
    assert ends_s.tolist() == pytest.approx([2.0 + shift_s, 3.5 + shift_s], abs=2e-3)


def test_trainings_on_both_readings_of_the_pedal_are_told_one_by_one():
    columns = ["reading", "seed", "calibrated", "acc_10ms"]
    rows = [
        ("pedal", 2, False, 0.5), ("pedal", 1, False, 0.6), ("released", 1, False, 0.701),
        ("released", 1, True, 0.9), ("released", 2, False, 0.65),
    ]  # fmt: skip
    told = by_reading(pd.DataFrame(rows, columns=columns))
    assert told == {"pedal": "60.0 and 50.0", "released": "70.1 and 65.0"}
