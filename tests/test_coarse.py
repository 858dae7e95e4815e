"""The coarse stage: known warps are found back from synthetic spectra."""

import numpy as np
import pandas as pd
import pytest

from pianoalign_lib.io.notes import note_table
from pianoalign_lib.io.placement import Placement
from pianoalign_lib.localizer import passages
from pianoalign_lib.localizer.coarse import PART, Course, find_course
from pianoalign_lib.localizer.events import Events
from pianoalign_lib.localizer.refine import settle_course
from pianoalign_lib.localizer.repeats import slid
from pianoalign_lib.localizer.rolls import onset_strength
from pianoalign_lib.localizer.smooth import singled, smoothed
from pianoalign_lib.localizer.spectra import LONG_FPS, LOWEST_ROW, N_ROWS, Spectra
from pianoalign_lib.localizer.stretches import Stretch

FLOOR, DECAY_BYTES = 40, 0.5  # level of the noise; a note falls by 25 dB per second
COLUMNS = ("pitch", "velocity", "onset_s", "offset_s")


def music(n_notes: int, seconds: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    onset_s = np.sort(rng.uniform(0.5, seconds, n_notes))
    pitch, velocity = rng.integers(40, 90, n_notes), rng.integers(30, 100, n_notes)
    return note_table(pitch, velocity, onset_s, onset_s + 0.3)


def spectra_of(onset_s: np.ndarray, pitch: np.ndarray, seconds: float, seed: int) -> Spectra:
    """Return noise with notes in it: each row jumps at its onset and at its octave, then falls."""
    rng = np.random.default_rng(seed)
    long = rng.integers(FLOOR - 8, FLOOR + 8, (round(seconds * LONG_FPS), N_ROWS)).astype(
        np.float64
    )
    fall = 150.0 - DECAY_BYTES * np.arange(150)
    for start, row in zip(np.rint(onset_s * LONG_FPS).astype(int), pitch - LOWEST_ROW, strict=True):
        for harmonic, quieter in ((0, 0.0), (12, 20.0)):
            part = long[start : start + len(fall), min(row + harmonic, N_ROWS - 1)]
            np.maximum(part, fall[: len(part)] - quieter, out=part)
    bytes_ = long.astype(np.uint8)
    return Spectra(bytes_, np.repeat(bytes_, 2, 0), np.zeros((4 * len(long), 8), np.uint8), seconds)


def place(spectra: Spectra, notes: pd.DataFrame) -> tuple[np.ndarray, Course]:
    """Return where the notes are in the recording, NaN for those that are not played."""
    course = find_course(spectra, notes)
    onset_s = notes["onset_s"].to_numpy()
    rows, events = settle_course(spectra, course, onset_s, notes["pitch"].to_numpy())
    placed_s = np.full(len(notes), np.nan)
    placed_s[rows] = singled(events, onset_s[rows]).time_s
    return placed_s, course


@pytest.mark.parametrize("pace", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("lead_s", [0.0, 30.0])
def test_finds_tempo_and_start(pace, lead_s):
    notes = music(400, 60.0, seed=1)
    true_s = notes["onset_s"].to_numpy() * pace + lead_s
    spectra = spectra_of(true_s, notes["pitch"].to_numpy(), 60.0 * pace + lead_s + 20.0, seed=2)
    error_s = np.abs(place(spectra, notes)[0] - true_s)
    assert np.median(error_s) < 0.03
    assert np.quantile(error_s, 0.99) < 0.08


def test_wandering_tempo_with_loose_missing_and_extra_notes():
    rng = np.random.default_rng(3)
    notes = music(800, 120.0, seed=4)
    onset_s = notes["onset_s"].to_numpy()
    true_s = onset_s + 1.5 + 0.4 * np.sin(2 * np.pi * onset_s / 30.0)  # up to 8 % faster or slower
    heard = rng.random(800) > 0.05
    spectra = spectra_of(true_s[heard], notes["pitch"].to_numpy()[heard], 125.0, seed=5)
    loose = notes.assign(onset_s=np.maximum(onset_s + rng.uniform(-0.1, 0.1, 800), 0.0))
    placed_s, course = place(spectra, loose)
    assert len(course.stretches) == 1
    assert np.median(np.abs(placed_s - true_s)) < 0.04
    # Notes that are loose lie along a smooth tempo, each as loose as it was given.
    given_s = loose["onset_s"].to_numpy()
    rows = np.argsort(given_s)
    events = Events(np.arange(800), given_s[rows], placed_s[rows], np.zeros(800, np.int64))
    error_s = np.abs(np.interp(onset_s, given_s[rows], smoothed(events)) - true_s)
    assert np.median(error_s) < 0.04
    assert error_s.max() < 0.15


def test_bars_that_only_one_side_has_stay_outside():
    notes = music(700, 100.0, seed=6)
    onset_s, pitch = notes["onset_s"].to_numpy(), notes["pitch"].to_numpy()
    heard, given = onset_s < 80.0, onset_s > 20.0  # the recording ends early, the MIDI begins late
    spectra = spectra_of(onset_s[heard], pitch[heard], 82.0, seed=7)
    midi = notes[given].assign(onset_s=onset_s[given] - 20.0, offset_s=onset_s[given] - 19.7)
    both = (onset_s < 80.0) & given
    placed_s, course = place(spectra, midi)
    assert len(course.stretches) == 1
    error_s = np.abs(placed_s - onset_s[given])[both[given]]
    assert np.nanquantile(error_s, 0.99) < 0.08
    # Notes that were not recorded are not played, but for a second beyond the end.
    assert np.isnan(placed_s[onset_s[given] > 84.0]).all()


def test_slow_rate_and_band_lead_to_the_path_of_one_full_comparison(monkeypatch):
    notes = music(1500, 240.0, seed=8)
    onset_s, pitch = notes["onset_s"].to_numpy(), notes["pitch"].to_numpy()
    spectra = spectra_of(onset_s * 1.1 + 5.0, pitch, 280.0, seed=9)
    monkeypatch.setattr("pianoalign_lib.localizer.coarse.MOST_CELLS", 600 * 600)
    (stretch,) = find_course(spectra, notes).stretches
    np.testing.assert_allclose(stretch(onset_s), onset_s * 1.1 + 5.0, atol=0.4)


def test_a_rest_a_cut_and_a_repeat_are_followed():
    notes = music(700, 100.0, seed=6)
    onset_s, pitch = notes["onset_s"].to_numpy(), notes["pitch"].to_numpy()
    # Heard: 0 to 30 s, 10 s of rest, 30 to 50 s, 35 to 50 s again, and from 65 s on.
    passes = [(0.0, 30.0, 0.0), (30.0, 50.0, 10.0), (35.0, 50.0, 25.0), (65.0, 100.0, 10.0)]
    heard = [(onset_s >= begin) & (onset_s < end) for begin, end, _ in passes]
    true_s = np.concatenate(
        [onset_s[rows] + late for rows, (*_, late) in zip(heard, passes, strict=True)]
    )
    spectra = spectra_of(true_s, np.concatenate([pitch[rows] for rows in heard]), 112.0, seed=7)
    placed_s, course = place(spectra, notes)
    assert len(course.stretches) == 3
    for rows, late in ((heard[0], 0.0), (heard[1], 10.0), (heard[3], 10.0)):
        error_s = np.abs(placed_s[rows] - onset_s[rows] - late)
        assert np.mean(error_s < 0.1) > 0.93
    assert np.mean(np.isnan(placed_s[(onset_s > 51.0) & (onset_s < 64.0)])) > 0.7


@pytest.mark.parametrize("n_notes", [1, 2, 5])
def test_few_notes_and_little_sound_do_no_harm(n_notes):
    notes = music(n_notes, 2.0, seed=13)
    spectra = spectra_of(np.array([0.05]), np.array([60]), 0.2, seed=14)
    placed_s, _ = place(spectra, notes)
    assert len(placed_s) == n_notes and not np.isinf(placed_s).any()


def test_rise_stands_where_the_level_jumps():
    levels = np.full((100, N_ROWS), 40, np.uint8)
    levels[50:, 7] = 60
    rise = onset_strength(levels, hop=1, apart=3, reference=150.0)
    assert set(np.flatnonzero(rise[:, 7])) == set(range(47, 53))
    assert rise[50, 7] == 20 and not np.delete(rise, 7, axis=1).any()


# --- Jumps, lines and passages --------------------------------------------------------------------


def stretch(*knots: tuple[float, float]) -> Stretch:
    midi_s, audio_s = np.array(knots).T
    return Stretch(midi_s, audio_s)


def test_a_repeat_that_is_skipped_is_skipped_as_a_whole() -> None:
    """A (0 to 4 s), B (4 to 8), B again (8 to 12), C: the path jumps in the middle of B."""
    rng = np.random.default_rng(5)
    a, b, c = (rng.integers(40, 80, 8) for _ in range(3))
    pitch = np.concatenate([a, b, b, c])
    onset_s = np.arange(len(pitch)) * 0.5
    played = [stretch((0.0, 1.0), (6.1, 7.1)), stretch((10.1, 7.1), (16.0, 13.0))]
    first, second = slid(played, onset_s, pitch)
    # Both parts of B are the same up to 8 s; from there the recording goes on with C, at 12 s.
    assert first.midi_s[-1] == pytest.approx(8.0, abs=0.11)
    assert second.midi_s[0] == pytest.approx(12.0, abs=0.11)
    assert first(np.array([7.5]))[0] == pytest.approx(8.5, abs=0.01)
    assert second(np.array([12.5]))[0] == pytest.approx(9.5, abs=0.01)


def test_a_jump_between_different_notes_stays() -> None:
    pitch, onset_s = np.arange(40, 72), np.arange(32) * 0.5
    played = [stretch((0.0, 1.0), (6.1, 7.1)), stretch((10.1, 7.1), (16.0, 13.0))]
    first, second = slid(played, onset_s, pitch)
    assert (first.midi_s[-1], second.midi_s[0]) == (6.1, 10.1)


def test_notes_beyond_a_stretch_are_told() -> None:
    course = Course([stretch((0.0, 0.0), (4.0, 4.0)), stretch((8.0, 4.0), (12.0, 8.0))])
    beyond = course.beyond(np.array([0.0, 3.9, 4.05, 4.5, 7.5, 9.0, 12.5]))
    assert beyond.tolist() == [False, False, False, True, True, False, True]


@pytest.mark.parametrize("rest_s", [0.0, 2.0])
def test_a_smooth_tempo_may_jump_at_a_rest(rest_s: float) -> None:
    midi_s = np.arange(0.0, 60.0, 0.25)
    true_s = 1.1 * midi_s + rest_s * (midi_s >= 30.0)
    loose_s = true_s + np.random.default_rng(3).uniform(-0.03, 0.03, len(midi_s))
    events = Events(np.arange(len(midi_s)), midi_s, loose_s, np.zeros(len(midi_s), np.int64))
    error_s = np.abs(smoothed(events, jumps=True) - true_s)
    assert error_s.max() < 0.05
    even_s = np.abs(smoothed(events) - true_s)
    assert even_s.max() < 0.02 if rest_s == 0 else even_s.max() > 0.2


def test_bars_left_out_do_not_bend_the_tempo_around_them() -> None:
    midi_s = np.arange(0.0, 60.0, 0.25)
    missing = (midi_s >= 28.0) & (midi_s < 32.0)
    true_s = midi_s - 4.0 * (midi_s >= 32.0)
    found_s = np.where(missing, 28.0, true_s)
    events = Events(np.arange(len(midi_s)), midi_s, found_s, np.zeros(len(midi_s), np.int64))
    line_s = smoothed(events, jumps=True, known=~missing)
    assert np.abs(line_s - true_s)[~missing].max() < 0.02


def test_each_passage_comes_from_the_way_that_hears_it() -> None:
    def way(onset_s: float, heard: slice) -> Placement:
        status = np.full(60, "uncertain", dtype=object)
        status[heard] = "aligned"
        return Placement(np.full(60, onset_s), np.full(60, 0.5), status)

    found = passages._merged([way(1.0, slice(0, 30)), way(2.0, slice(30, 60))])
    assert found.onset_s.tolist() == [1.0] * 30 + [2.0] * 30
    assert (found.status == "aligned").all()
    # A single note that another way hears is no reason to change.
    found = passages._merged([way(1.0, slice(0, 59)), way(2.0, slice(58, 60))])
    assert found.onset_s.tolist() == [1.0] * 60


def test_a_part_is_found_though_its_first_chord_sounds_long_before() -> None:
    notes = music(200, 30.0, seed=11)
    first = notes.iloc[:3].assign(onset_s=0.5, offset_s=0.8)
    notes = note_table(*(np.r_[first[name], notes[name][3:]] for name in COLUMNS))
    repeated_s = np.arange(2.0, 40.0, 0.5)
    sounds_s = np.r_[np.repeat(repeated_s, 3), notes["onset_s"] + 40.0]
    pitch = np.r_[np.tile(first["pitch"], len(repeated_s)), notes["pitch"]].astype(int)
    order = np.argsort(sounds_s, kind="stable")
    spectra = spectra_of(sounds_s[order], pitch[order], 90.0, seed=12)
    (stretch,) = find_course(spectra, notes, 1.0, PART).stretches
    assert stretch.audio_s[0] == pytest.approx(40.5, abs=0.3)
    assert stretch.audio_s[-1] == pytest.approx(40.0 + notes["onset_s"].max(), abs=0.3)
