"""dtw: known warps of a small synthesized piece, equality with Sync Toolbox, and errors."""

import sys
from collections.abc import Iterator
from types import ModuleType
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest

from pianoalign_lib.common.errors import InputError
from pianoalign_lib.methods import dtw

SAMPLE_RATE = 16_000


def toy_piece() -> pd.DataFrame:
    """Chords of a broken scale, 0.15 to 0.5 s apart, from 0.7 s on."""
    rng = np.random.default_rng(3)
    starts_s = 0.7 + np.cumsum(rng.uniform(0.15, 0.5, 45))
    rows = [
        (pitch, int(rng.integers(50, 100)), start, start + rng.uniform(0.2, 0.6))
        for start in starts_s
        for pitch in np.sort(rng.choice(np.arange(40, 85), rng.integers(1, 4), replace=False))
    ]
    notes = pd.DataFrame(rows, columns=["pitch", "velocity", "onset_s", "offset_s"])
    notes.insert(0, "note_id", np.arange(len(notes)))
    return notes


def synthesize(notes: pd.DataFrame, tail_s: float = 0.5) -> np.ndarray:
    """Decaying harmonics with a sharp attack and a 20 ms release."""
    audio = np.zeros(int((notes["offset_s"].max() + tail_s) * SAMPLE_RATE), dtype=np.float32)
    for note in notes.itertuples():
        time_s = np.arange(int((note.offset_s - note.onset_s) * SAMPLE_RATE)) / SAMPLE_RATE
        frequency = 440.0 * 2 ** ((note.pitch - 69) / 12)
        tone = sum(
            np.sin(2 * np.pi * h * frequency * time_s) / h
            for h in range(1, 7)
            if h * frequency < SAMPLE_RATE / 2
        )
        tone = tone * np.exp(-3 * time_s) * np.clip((time_s[-1] - time_s) / 0.02, 0, 1)
        first = round(note.onset_s * SAMPLE_RATE)
        audio[first : first + len(tone)] += 0.1 * note.velocity / 127 * tone
    return audio


@pytest.fixture(scope="module")
def notes() -> pd.DataFrame:
    return toy_piece()


@pytest.fixture(scope="module")
def recording(notes: pd.DataFrame) -> dtw.DtwFeatures:
    return dtw.audio_features(synthesize(notes), SAMPLE_RATE)


def warped(notes: pd.DataFrame, rate: float, shift_s: float) -> pd.DataFrame:
    return notes.assign(
        onset_s=notes["onset_s"] / rate + shift_s, offset_s=notes["offset_s"] / rate + shift_s
    )


# --- Alignment -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "shift_s"), [(1.0, 0.0), (1.2, 0.0), (0.8, 0.0), (1.0, 2.0)])
def test_a_tempo_change_or_an_offset_is_undone(
    notes: pd.DataFrame, recording: dtw.DtwFeatures, rate: float, shift_s: float
) -> None:
    score = warped(notes, rate, shift_s)
    path = dtw.warping_path(recording, dtw.note_features(score))
    assert (np.diff(path, axis=1) > 0).all()
    mapped = dtw.map_notes(path, score)
    error_s = mapped["onset_s"] - notes["onset_s"]
    # Sync Toolbox is up to 25 ms early on attacks as sharp as these.
    assert -0.03 <= error_s.median() <= 0.0
    assert ((error_s - error_s.median()).abs() <= 0.05).mean() >= 0.95
    assert (mapped["offset_s"] > mapped["onset_s"]).all()
    assert mapped["note_id"].tolist() == notes["note_id"].tolist()


def test_the_time_grid_does_not_drift() -> None:
    # One note a second: were the features' rate 0.23 % off, the last would be 90 ms late.
    onset_s = np.arange(1, 41).astype(float)
    notes = pd.DataFrame({"pitch": 60 + np.arange(40) % 12, "velocity": 80, "onset_s": onset_s})
    notes["offset_s"] = notes["onset_s"] + 0.9
    path = dtw.warping_path(dtw.audio_features(synthesize(notes)), dtw.note_features(notes))
    error_s = dtw.map_onsets(path, onset_s) - onset_s
    assert abs(np.polyfit(onset_s[:-1], error_s[:-1], 1)[0]) < 0.0005


def test_mapping_interpolates_and_goes_on_beyond_the_path_at_the_score_s_pace() -> None:
    path = np.array([[1.0, 2.0, 6.0], [0.5, 1.5, 3.5]])
    mapped = dtw.map_onsets(path, np.array([0.0, 0.5, 1.0, 2.5, 3.5, 4.0]))
    np.testing.assert_allclose(mapped, [0.5, 1.0, 1.5, 4.0, 6.0, 6.5])


def test_crossing_notes_keep_their_rows(notes: pd.DataFrame) -> None:
    path = np.array([[0.0, 60.0], [0.0, 30.0]])
    shuffled = notes.sample(frac=1, random_state=1)
    mapped = dtw.map_notes(path, shuffled)
    assert mapped.index.tolist() == shuffled.index.tolist()
    np.testing.assert_allclose(mapped["onset_s"], 2 * shuffled["onset_s"])


# --- Features ------------------------------------------------------------------------------------


@pytest.fixture
def csv_tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Sync Toolbox's own note features; their module imports music21 for other functions only."""
    before = set(sys.modules)
    if "music21" not in sys.modules:
        monkeypatch.setitem(sys.modules, "music21", MagicMock())
    from synctoolbox.feature import csv_tools as module

    yield module
    for name in set(sys.modules) - before:
        if name.startswith(("libfmp.c1", "synctoolbox.feature.csv_tools")):
            del sys.modules[name]


def test_note_features_equal_sync_toolbox_s(csv_tools: ModuleType, notes: pd.DataFrame) -> None:
    from synctoolbox.feature.chroma import pitch_to_chroma, quantize_chroma
    from synctoolbox.feature.dlnco import pitch_onset_features_to_DLNCO

    shuffled = notes.sample(frac=1, random_state=1)
    table = shuffled.rename(columns={"onset_s": "start"}).assign(
        duration=shuffled["offset_s"] - shuffled["onset_s"], instrument="piano"
    )
    chroma = quantize_chroma(pitch_to_chroma(csv_tools.df_to_pitch_features(table.copy(), 50)))
    peaks = csv_tools.df_to_pitch_onset_features(table.copy())
    features = dtw.note_features(shuffled)
    np.testing.assert_array_equal(features.chroma, chroma)
    np.testing.assert_allclose(
        features.dlnco, pitch_onset_features_to_DLNCO(peaks, chroma.shape[1]), atol=1e-12
    )


def test_note_features_can_be_longer_than_the_notes_and_take_a_tiny_last_note() -> None:
    notes = pd.DataFrame(
        {"pitch": [60, 62], "velocity": 80, "onset_s": [0.0, 0.999], "offset_s": [0.5, 1.0]}
    )
    assert dtw.note_features(notes).dlnco.shape == (12, 50)
    assert dtw.note_features(notes, duration_s=2.0).chroma.shape == (12, 100)
    assert dtw.note_features(notes, duration_s=0.1).chroma.shape == (12, 50)


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str], notes: pd.DataFrame) -> None:
    dtw.warping_path(
        dtw.audio_features(synthesize(notes.head(12))), dtw.note_features(notes.head(12))
    )
    assert capsys.readouterr() == ("", "")


# --- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros(3 * SAMPLE_RATE, np.float32), "silent"),
        (np.full(3 * SAMPLE_RATE, np.nan, np.float32), "NaN"),
        (np.ones(SAMPLE_RATE, np.float32), "too short"),
        (np.random.default_rng(0).normal(0, 1e-6, 3 * SAMPLE_RATE), "soft"),
    ],
)
def test_an_unusable_recording_is_refused(audio: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        dtw.audio_features(audio, SAMPLE_RATE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"pitch": 20}, "88 keys"), ({"onset_s": -0.1}, "before 0"), (None, "no notes")],
)
def test_unusable_notes_are_refused(
    notes: pd.DataFrame, change: dict[str, float] | None, message: str
) -> None:
    unusable = notes.head(0) if change is None else notes.assign(**change)
    with pytest.raises(InputError, match=message):
        dtw.note_features(unusable)
