"""How sure an onset is, all notes considered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pianoalign_lib.io.placement import ALIGNED, NOT_HEARD, UNCERTAIN, Placement
from pianoalign_lib.localizer.confidence import clues, judged


def placement(onset_s, confidence, status=ALIGNED) -> Placement:
    kinds = np.full(len(onset_s), status, dtype=object)
    return Placement(np.array(onset_s, float), np.array(confidence, float), kinds)


# Notes far off, so that the file has enough velocities not to be taken for a score.
OTHERS_S = np.arange(11.0) + 100.0
OTHERS = np.arange(11.0) + 30.0


def heard(onset_s, velocity, confidence, status=ALIGNED) -> Placement:
    """Return what is said of some notes, which are followed by others that are far off."""
    given_ = placement([*onset_s, *OTHERS_S], [*confidence, *OTHERS * 0 + 0.9], status)
    found = judged(given_, np.full(len(given_.onset_s), 60), np.array([*velocity, *OTHERS], float))
    return found.take(np.arange(len(onset_s)))


def test_clues_as_worked_out_by_hand() -> None:
    # Found in another order than given; 0.3 s is farther than "nearby".
    onset_s = np.array([1.0, 0.3, 0.9, *OTHERS_S])
    pitch = np.array([72, 60, 21, *OTHERS * 0 + 60])
    found = clues(onset_s, pitch, np.array([50, 100, 75, *OTHERS]), np.full(14, 0.5))
    assert found[:, 0].tolist() == [1.0] * 14
    assert found[:, 1] == pytest.approx([0.0] * 14)  # even odds
    assert found[:, 2] == pytest.approx([0.0] * 14)
    assert found[:, 3] == pytest.approx([-1.0] + [0.0] * 13)
    assert found[:, 4] == pytest.approx([0, 0, 0, 0.2, 0.16, 0.12, 0.08, 0.04, *[0.0] * 6])
    assert found[:, 5] == pytest.approx([1.0, 0.0, -3.25] + [0.0] * 11)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 127)), min_size=1, max_size=40))
def test_the_loudest_nearby_is_the_one_that_a_loop_finds(notes: list[tuple[float, int]]) -> None:
    onset_s, velocity = np.array([*notes, *zip(OTHERS_S, OTHERS, strict=True)], float).T
    found = clues(onset_s, velocity, velocity, np.full(len(onset_s), 0.8))[:, 3]
    for row, (time_s, own) in enumerate(notes):
        loudest = max(v for t, v in notes if time_s - 0.25 <= t <= time_s + 0.25)
        assert found[row] == pytest.approx((own - loudest) / 25.0)


def test_a_soft_note_under_a_loud_one_is_less_sure_than_alone() -> None:
    alone = heard([1.0, 2.0], [20, 80], [0.8, 0.8]).confidence
    masked = heard([1.0, 1.1], [20, 80], [0.8, 0.8]).confidence
    assert masked[0] < alone[0] - 0.1
    assert masked[1] == pytest.approx(alone[1])


def test_in_a_score_each_note_may_be_a_soft_one() -> None:
    onset_s = np.arange(200) / 2.0
    for velocity in (np.full(200, 64.0), np.where(np.arange(200) < 90, 49.0, 80.0)):  # p, then f
        found = judged(placement(onset_s, np.full(200, 0.8)), velocity * 0, velocity).confidence
        assert np.ptp(found) < 1e-9
        told = 30 + np.arange(200) % 80
        loud = judged(placement(onset_s, np.full(200, 0.8)), told * 0, told).confidence
        assert found[0] < loud.max()


def test_what_becomes_less_likely_than_not_is_uncertain_and_stays_in_place() -> None:
    found = heard([1.0, 1.0, 1.0], [20, 110, 110], [0.6, 0.95, 0.8])
    assert found.status.tolist() == [UNCERTAIN, ALIGNED, ALIGNED]
    assert found.confidence[0] < 0.5
    assert found.onset_s.tolist() == [1.0, 1.0, 1.0]


def test_what_came_in_is_as_it_was() -> None:
    given_ = placement([1.0], [0.3])
    assert judged(given_, np.array([60]), np.array([64.0])).status.tolist() == [UNCERTAIN]
    assert given_.status.tolist() == [ALIGNED] and given_.confidence.tolist() == [0.3]


def test_nothing_doubtful_becomes_sure() -> None:
    found = heard([1.0, 3.0], [80, 80], [0.9, 0.9], UNCERTAIN)
    assert found.status.tolist() == [UNCERTAIN, UNCERTAIN] and found.confidence.min() > 0.5


def test_notes_that_are_not_heard_keep_their_confidence() -> None:
    silent = placement([1.0, 2.0], [0.7, 0.4], NOT_HEARD)
    assert judged(silent, np.array([60, 60]), np.array([60.0, 60.0])).confidence.tolist() == [
        0.7,
        0.4,
    ]
    mixed = placement([1.0, 1.0, *OTHERS_S], [0.7, 0.9, *OTHERS * 0 + 0.9])
    mixed.status[0] = NOT_HEARD
    found = judged(mixed, np.full(13, 60), np.array([127, 20, *OTHERS])).confidence
    assert found[0] == 0.7  # and a note that is not there masks no other
    assert found[1] == pytest.approx(heard([1.0], [20], [0.9]).confidence[0])


@given(st.lists(st.floats(0.01, 0.9), min_size=3, max_size=20), st.data())
def test_a_note_that_is_surer_itself_is_surer_in_the_end(alone: list[float], data) -> None:
    note = data.draw(st.integers(0, len(alone) - 1))
    surer = [*alone]
    surer[note] = data.draw(st.floats(alone[note], 0.99))
    onset_s, velocity = np.arange(len(alone)) / 10.0, 30 + 7 * np.arange(len(alone)) % 50
    before = heard(onset_s, velocity, alone).confidence
    after = heard(onset_s, velocity, surer).confidence
    assert np.all(after >= before - 1e-12)  # and so are those around it


def test_few_velocities_of_the_whole_file_make_a_score() -> None:
    """Also where the notes that are heard have few: they are a performance's."""
    told = placement([1.0, 1.1, *OTHERS_S], [0.8, 0.8, *OTHERS * 0 + 0.9])
    told.status[2:] = NOT_HEARD
    velocity = np.array([20, 80, *OTHERS], float)
    found = judged(told, np.full(13, 60), velocity).confidence
    assert found[0] < found[1] - 0.1
    alone = judged(told.take(np.arange(2)), np.full(2, 60), velocity[:2]).confidence
    assert alone[0] == pytest.approx(alone[1])
