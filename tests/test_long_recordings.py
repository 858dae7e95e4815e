"""What hours of music need: more frames compared, notes worked through in parts, no wandering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pianoalign_lib.io.placement import Placement
from pianoalign_lib.localizer import coarse, locate, refine
from pianoalign_lib.localizer.coarse import Course
from pianoalign_lib.localizer.courses import Chosen
from pianoalign_lib.localizer.events import Events
from pianoalign_lib.localizer.runner import load_runner
from pianoalign_lib.localizer.spectra import Spectra, compute_spectra
from pianoalign_lib.localizer.stretches import Stretch

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FRAME_S = 0.01


@pytest.fixture(scope="module")
def spectra() -> Spectra:
    return compute_spectra(EXAMPLES / "recording.flac")


@pytest.fixture(scope="module")
def true() -> pd.DataFrame:
    notes = pd.read_csv(EXAMPLES / "true_notes.csv")
    return notes.sort_values(["onset_s", "pitch"], ignore_index=True)


@pytest.mark.parametrize(
    ("minutes", "frame_s"),
    [(1, 0.06), (5, 0.12), (8, 0.2), (30, 0.2), (60, 0.36), (180, 1.08)],
)
def test_frames_stay_short_enough_to_tell_music_apart(minutes: float, frame_s: float) -> None:
    """All are compared with all: 2,500 of up to 0.2 s, or more, up to 10,000."""
    n_frames = minutes * 60 / 0.06
    steps = coarse._steps(n_frames**2)
    assert steps[0] * FRAME_S == pytest.approx(frame_s, abs=0.021)
    assert steps[-1] * FRAME_S == 0.06
    assert (n_frames * 0.06 / (steps[0] * FRAME_S)) ** 2 <= 1.001e8


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    most=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_parts_hold_every_note_once_and_no_more_than_they_may(
    counts: list[int], most: int, seed: int
) -> None:
    time_s = np.cumsum(np.random.default_rng(seed).exponential(0.3, len(counts)))
    of_note = np.repeat(np.arange(len(counts)), counts)
    events = Events(of_note, time_s * 2, time_s, np.zeros(len(counts), np.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refine, "MOST_NOTES", most)
        parts = list(refine._parts(events))
    rows = np.concatenate([np.arange(len(of_note))[part] for part, _ in parts])
    np.testing.assert_array_equal(rows, np.arange(len(of_note)))
    np.testing.assert_array_equal(np.concatenate([part.time_s for _, part in parts]), time_s)
    for part, inside in parts:
        assert inside.of_note[0] == 0 and inside.of_note[-1] == len(inside.time_s) - 1
        np.testing.assert_array_equal(inside.time_s[inside.of_note], time_s[of_note[part]])
        assert len(inside.of_note) <= max(most, counts[of_note[part][0]])


def test_notes_in_parts_are_where_they_are_in_one(
    spectra: Spectra, true: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    line_s = true["onset_s"].to_numpy()[[0, -1]]
    columns = [true[name].to_numpy() for name in ("onset_s", "pitch", "velocity")]
    rows, events = refine.settle_course(spectra, Course([Stretch(line_s, line_s)]), *columns[:2])
    onset_s, pitch, velocity = (column[rows] for column in columns)
    whole = refine.place_along(spectra, load_runner(), events, pitch, velocity)
    monkeypatch.setattr(refine, "MOST_NOTES", 40)
    assert len(list(refine._parts(events))) > 4
    parts = refine.place_along(spectra, load_runner(), events, pitch, velocity)
    for placed in (whole, parts):
        assert np.mean(np.abs(placed.decoded.onset_s - onset_s) < 0.01) > 0.97
    assert np.mean(np.abs(parts.decoded.onset_s - whole.decoded.onset_s) < 0.003) > 0.98
    np.testing.assert_allclose(parts.event_s, whole.event_s, atol=0.05)


def test_a_path_that_wanders_takes_no_notes_away_that_are_heard(
    spectra: Spectra, true: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where music comes again and again, jumps between its passes fit, too."""
    wrong = np.random.default_rng(4).random(len(true)) < 0.15
    begin, end = len(true) // 3, 2 * len(true) // 3
    notes = true.assign(pitch=true["pitch"] + wrong)
    assert not _found_along(spectra, notes, begin, end, monkeypatch).structure
    # What is not heard where it is may be taken away.
    end = begin + len(true) // 6
    inside = (np.arange(len(true)) >= begin) & (np.arange(len(true)) < end)
    notes = true.assign(pitch=np.where(inside, 23, true["pitch"]))
    assert len(_found_along(spectra, notes, begin, end, monkeypatch).structure) == 2


def _found_along(
    spectra: Spectra, notes: pd.DataFrame, begin: int, end: int, patch: pytest.MonkeyPatch
) -> Placement:
    """Return what is found where the course that is chosen leaves some notes out."""
    onset_s = notes["onset_s"].to_numpy()
    ends = onset_s[[0, begin - 1]], onset_s[[end, -1]]
    course = Course([Stretch(part, part) for part in ends])
    settled = refine.settle_course(spectra, course, onset_s, notes["pitch"].to_numpy())
    patch.setattr(locate, "choose_course", lambda *_: Chosen(course, *settled, 0.99))
    return locate.locate(spectra, notes)
