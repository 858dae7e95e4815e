"""Table 2b: every choice with its source, the parameters as they are, and what else was tried."""

from __future__ import annotations

import pandas as pd
import pytest

from pianoalign_lib.common.config import load_params
from studies.choices.table import read_choices, span, table_choices
from studies.sensitivity.readings import QUESTIONS
from studies.sensitivity.table import read_sensitivity

KEYS = {"choice", "source", "ours", "tried", "question", "not_run"}


@pytest.mark.parametrize("corpus", ["demo", "maps"])
def test_every_choice_says_where_it_comes_from_and_what_became_of_others(repository, corpus):
    choices = read_choices(load_params(repository, corpus))
    for entry in choices:
        assert entry.keys() <= KEYS and {"choice", "source", "ours"} <= entry.keys()
        open_ = "not in our source" in entry["source"]
        assert not open_ or entry.keys() & {"tried", "question", "not_run"}, entry["choice"]
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
