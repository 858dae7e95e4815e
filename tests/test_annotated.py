"""Loaders of GuitarSet and of any folder of recordings with MIDI or JAMS beside them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import jams
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from conftest import ROOT, toy_audio

from pianoalign_lib.cli import main
from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.common.errors import ConfigError, CorpusError
from pianoalign_lib.corpora.annotated import find_pairs, prepare_annotated, read_jams
from pianoalign_lib.corpora.recordings import load_recording, read_index
from pianoalign_lib.io.notes import note_table, write_midi

SECONDS = 4.0
# String, pitch as annotated, onset and length in seconds.
PLUCKED = [
    (0, 44.97, 0.5, 0.6), (2, 52.2, 0.53, 1.0), (5, 64.0, 0.56, 2.0), (5, 64.1, 1.5, 0.4),
    (3, 64.0, 1.2, 0.5), (1, 45.0, 2.75, 0.0),
]  # fmt: skip
OTHER = Path(os.environ.get("PIANOALIGN_OTHER", ROOT.parent / "shared" / "other"))
needs_other = pytest.mark.skipif(not OTHER.is_dir(), reason="real recordings are not here")


def write_jams(path: Path, plucked=PLUCKED, **sandbox) -> None:
    """Write notes as GuitarSet does: an annotation for each of the six strings."""
    whole = jams.JAMS()
    whole.file_metadata.duration = SECONDS
    for string in range(6):
        found = jams.Annotation("note_midi", time=0, duration=SECONDS)
        for _, pitch, onset_s, length_s in (each for each in plucked if each[0] == string):
            found.append(time=onset_s, duration=length_s, value=pitch, confidence=None)
        found.sandbox.update(**sandbox)
        whole.annotations.append(found)
        whole.annotations.append(jams.Annotation("pitch_contour", time=0, duration=SECONDS))
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.save(str(path))


def write_sound(path: Path, seconds: float = SECONDS) -> None:
    onset_s = np.array([each[2] for each in PLUCKED])
    pitch = np.rint([each[1] for each in PLUCKED])
    notes = note_table(pitch, [64] * len(pitch), onset_s, onset_s + 0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, toy_audio(notes, seconds), 16_000)


@pytest.fixture
def guitarset(tmp_path: Path) -> Path:
    """Return a folder in mirdata's layout, with the recordings of the pickups as well."""
    place = tmp_path / "guitarset"
    for name in ("00_BN1-129-Eb_comp", "05_Rock3-148-C_solo"):
        write_jams(place / "annotation" / f"{name}.jams")
        for folder, end in (("mono-mic", "mic"), ("mono-pickup_mix", "mix"), ("hex", "hex")):
            write_sound(place / f"audio_{folder}" / f"{name}_{end}.wav")
    return place


def test_guitarset_becomes_a_corpus_by_its_microphone(guitarset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("demo: {}\n")
    command = ["data", "render", "--corpus", "guitarset", "--jobs", "1"]
    assert main([*command, "--folder", str(guitarset)]) == 0
    folder = corpus_paths("guitarset", tmp_path).split("eval")
    rows = read_index(folder, split="test")
    assert [row.recording for row in rows] == ["00_BN1-129-Eb_comp", "05_Rock3-148-C_solo"]
    assert {(row.test_set, row.room, row.n_notes) for row in rows} == {("test", "real", 6)}
    audio, notes = load_recording(folder, rows[0])
    assert len(audio) == SECONDS * 16_000
    assert notes["pitch"].tolist() == [45, 52, 64, 64, 64, 45]
    assert notes["velocity"].tolist() == [64] * 6
    np.testing.assert_allclose(notes["onset_s"], [0.5, 0.53, 0.56, 1.2, 1.5, 2.75])
    # A pitch ends where it is played again, on whatever string; none is without length.
    np.testing.assert_allclose(notes["offset_s"], [1.1, 1.53, 1.2, 1.5, 1.9, 2.751])


def test_velocities_are_those_of_files_that_we_write(tmp_path):
    write_jams(tmp_path / "a.jams", [(0, 60.0, 1.0, 0.5), (0, 62.0, 2.0, 0.5)], velocity=[31, 99])
    with pytest.raises(Exception, match="not a readable JAMS file"):
        read_jams(tmp_path / "a.jams")  # a list, too, for strings without notes
    whole = jams.load(str(tmp_path / "a.jams"))
    whole.annotations = jams.AnnotationArray([whole.annotations[0]])
    whole.save(str(tmp_path / "a.jams"))
    assert read_jams(tmp_path / "a.jams")["velocity"].tolist() == [31, 99]


def test_frequencies_are_read_as_pitches(tmp_path):
    found = jams.Annotation("note_hz", time=0, duration=SECONDS)
    found.append(time=1.0, duration=0.5, value=442.0, confidence=None)
    jams.JAMS(annotations=[found]).save(str(tmp_path / "a.jams"), strict=False)
    assert read_jams(tmp_path / "a.jams")["pitch"].tolist() == [69]


def test_any_folder_pairs_sound_and_notes_by_name(tmp_path):
    place = tmp_path / "mine"
    notes = note_table([60, 62], [70, 80], [0.5, 1.0], [0.9, 1.4])
    for name in ("one/a", "one/b", "two/a", "c"):
        write_sound(place / f"{name}.flac")
        write_midi(notes, place / f"{name}.mid")
    write_sound(place / "of nobody.flac")
    paths = corpus_paths("folder", tmp_path / "project")
    prepare_annotated(paths, {}, "eval", 1, folder=place)
    rows = read_index(paths.split("eval"))
    assert {(row.recording, row.test_set) for row in rows} == {
        ("one_a", "one"), ("b", "one"), ("two_a", "two"), ("c", "test"),
    }  # fmt: skip
    _, read = load_recording(paths.split("eval"), rows[0])
    pd.testing.assert_frame_equal(read, notes, atol=1e-3)


FAULTS = {
    "no sound": (lambda place: (place / "audio_mono-mic").rename(place.parent / "x"), "has no rec"),
    "two sounds": (
        lambda place: write_sound(place / "more" / "05_Rock3-148-C_solo.wav"),
        "has 2 recordings of its name",
    ),
    "no JAMS": (
        lambda place: (place / "annotation" / "05_Rock3-148-C_solo.jams").write_text("{}"),
        "has no notes",
    ),
    "no JSON": (
        lambda place: (place / "annotation" / "05_Rock3-148-C_solo.jams").write_text("<?"),
        "not a readable JAMS file",
    ),
    "too short": (
        lambda place: (
            write_sound(place / "audio_mono-mic" / "05_Rock3-148-C_solo_mic.wav", 2.9)
            or write_jams(place / "annotation/05_Rock3-148-C_solo.jams", [(0, 60.0, 3.5, 0.1)])
        ),
        "has notes up to 3.5 s",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_missing_or_broken_is_named(guitarset, tmp_path, caplog, name):
    damage, words = FAULTS[name]
    damage(guitarset)
    paths = corpus_paths("guitarset", tmp_path / "project")
    with pytest.raises(CorpusError, match=r"broken recordings: \d .*--allow-partial"):
        prepare_annotated(paths, {}, "eval", 1, folder=guitarset)
    assert words in caplog.text
    assert not (paths.split("eval") / "recordings.csv").exists()
    if name != "no sound":
        prepare_annotated(paths, {}, "eval", 1, folder=guitarset, allow_partial=True)
        assert len(read_index(paths.split("eval"))) == 1


def test_what_cannot_be_had_is_one_line(guitarset, tmp_path, monkeypatch):
    paths = corpus_paths("guitarset", tmp_path / "project")
    with pytest.raises(ConfigError, match="has no training part"):
        prepare_annotated(paths, {}, "train", folder=guitarset)
    with pytest.raises(CorpusError, match="not here; give it .*PIANOALIGN_GUITARSET"):
        prepare_annotated(paths, {}, "eval")
    with pytest.raises(CorpusError, match=r"holds no notes \(.jams, .mid, .midi\)"):
        find_pairs(guitarset / "audio_hex")
    monkeypatch.setenv("PIANOALIGN_GUITARSET", str(guitarset))
    monkeypatch.setitem(sys.modules, "jams", None)
    with pytest.raises(ConfigError, match=r"pip install 'pianoalign\[jams\]'"):
        prepare_annotated(paths, {}, "eval")


@needs_other
def test_the_real_excerpts_are_read_whole():
    tasks, problems = find_pairs(OTHER)
    assert not problems
    by_set = pd.Series([task.test_set for task in tasks]).value_counts()
    assert by_set.to_dict() == {"violin": 9, "guitarset": 2}
    guitar = [task for task in tasks if task.test_set == "guitarset"]
    assert sum(len(read_jams(task.labels)) for task in guitar) == 204


@needs_other
def test_real_excerpts_become_a_corpus(tmp_path):
    """With the sound where the labels say: no method, only the rise of level at the onsets."""
    paths = corpus_paths("others", tmp_path)
    prepare_annotated(paths, {}, "eval", 1, folder=OTHER / "guitarset")
    for row in read_index(paths.split("eval")):
        audio, notes = load_recording(paths.split("eval"), row)
        level = np.abs(audio)
        start = (notes["onset_s"].to_numpy() * 16_000).astype(int)
        start = start[(start > 800) & (start < len(level) - 1600)]
        before = np.array([level[at - 800 : at - 400].mean() for at in start])
        after = np.array([level[at : at + 400].mean() for at in start])
        assert np.median(after / before) > 1.2
