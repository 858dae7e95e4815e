"""The loader of MAESTRO, on a tiny folder in the official layout."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pretty_midi
import pytest
import soundfile as sf

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.common.errors import ConfigError, CorpusError
from pianoalign_lib.corpora import conversion, maestro
from pianoalign_lib.corpora.maestro import composition, prepare_maestro
from pianoalign_lib.corpora.recordings import load_recording, read_index

# Composer, title, split, year, sample rate of the audio.
PERFORMANCES = [
    ("Alban Berg", "Sonata Op. 1", "train", 2017, 48_000),
    ("Alban Berg", "Sonata Op. 1", "train", 2018, 44_100),
    ("César Franck", "Prélude, M. 21", "train", 2018, 44_100),
    ("César Franck", 'Prelude, "M. 21"', "train", 2018, 44_100),
    ("Claude Debussy", "Estampes", "validation", 2014, 44_100),
    ("Claude Debussy", "Voiles", "test", 2008, 44_100),
    ("Franz Liszt", "Sonata Op. 1", "test", 2008, 48_000),
]
SECONDS = 3.0


def write_performance(folder: Path, stem: str, rate: int) -> None:
    """Write clicks, and notes that the pedal holds to the end."""
    onsets_s = [0.5, 1.25, 2.5]
    audio = np.zeros((round(SECONDS * rate), 2))
    audio[[round(onset_s * rate) for onset_s in onsets_s]] = 0.5
    piano = pretty_midi.Instrument(program=0)
    piano.notes = [pretty_midi.Note(64, 60, onset, onset + 0.25) for onset in onsets_s]
    piano.control_changes = [pretty_midi.ControlChange(64, 127, 0.25)]
    midi = pretty_midi.PrettyMIDI(resolution=480)
    midi.instruments.append(piano)
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    sf.write(folder / f"{stem}.wav", audio, rate)
    midi.write(str(folder / f"{stem}.midi"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with seven performances, named in the environment."""
    place = tmp_path / "maestro"
    rows = []
    for number, (composer, title, split, year, rate) in enumerate(PERFORMANCES):
        stem = f"{year}/MIDI-Unprocessed_{number}_wav--1"
        write_performance(place, stem, rate)
        rows.append((composer, title, split, year, f"{stem}.midi", f"{stem}.wav", SECONDS))
    columns = "canonical_composer canonical_title split year midi_filename audio_filename duration"
    table = pd.DataFrame(rows, columns=columns.split())
    table.to_csv(place / "maestro-v3.0.0.csv", index=False)
    monkeypatch.setenv("PIANOALIGN_MAESTRO", str(place))
    return place


@pytest.fixture
def paths(tmp_path: Path):
    return corpus_paths("maestro", tmp_path / "project")


def prepare(paths, part: str, allow_partial=False, folder=None, **settings) -> list:
    """Prepare a part and return its index."""
    params = {"maestro": {"excerpt_s": 2.0} | settings}
    prepare_maestro(paths, params, part, 1, folder=folder, allow_partial=allow_partial)
    return read_index(paths.split(part))


def rewrite(folder: Path, change) -> None:
    path = folder / "maestro-v3.0.0.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


def test_parts_follow_the_official_split(folder, paths):
    rows = [*prepare(paths, "train"), *prepare(paths, "eval")]
    found = {(int(row.recording.split("_")[1]), row.split, row.test_set) for row in rows}
    assert found == {
        (number, split, "test" if split == "test" else "")
        for number, (_, _, split, _, _) in enumerate(PERFORMANCES)
    }
    assert {(row.piano, row.room) for row in rows} == {("Disklavier", "real")}
    by_number = {int(row.recording.split("_")[1]): row.performance for row in rows}
    assert by_number[0] == by_number[1] == "alban-berg_sonata-op-1"
    assert by_number[2] == by_number[3] == "cesar-franck_prelude-m-21"
    assert len(set(by_number.values())) == 5


def test_notes_end_with_the_key_and_lie_on_the_sound(folder, paths):
    for row in prepare(paths, "eval"):
        audio, notes = load_recording(paths.split("eval"), row)
        assert len(audio) == 2.0 * 16_000
        assert notes["onset_s"].tolist() == [0.5, 1.25]
        assert notes["offset_s"].tolist() == [0.75, 1.5]  # with the pedal: 1.25 and 2
        for onset_s in notes["onset_s"]:
            first = round(onset_s * 16_000) - 800
            assert abs(int(np.argmax(np.abs(audio[first : first + 1600]))) - 800) <= 1


def test_without_an_excerpts_length_recordings_are_whole(folder, paths):
    assert {row.duration_s for row in prepare(paths, "eval", excerpt_s=None)} == {SECONDS}


def test_limit_holds_for_each_split(folder, paths):
    limit = {"train": 2, "test": 1}
    train, held_out = prepare(paths, "train", limit=limit), prepare(paths, "eval", limit=limit)
    # Spaced evenly over the list: its first and its last.
    assert [row.recording.split("_")[1] for row in train] == ["0", "3"]
    assert sorted(row.split for row in held_out) == ["test", "validation"]


def test_a_composition_in_two_splits_is_held_out(folder, paths, caplog):
    def add(table):
        table.loc[table["canonical_title"] == "Estampes", "canonical_composer"] = "ALBAN BERG"
        table.loc[table["canonical_title"] == "Estampes", "canonical_title"] = "Sonata, op.1"
        return table

    rewrite(folder, add)
    kept = {row.performance for row in prepare(paths, "train")}
    assert kept == {"cesar-franck_prelude-m-21"}
    assert caplog.text.count("left out of train, since alban-berg_sonata-op-1 is held out") == 2
    assert "alban-berg_sonata-op-1" in {row.performance for row in prepare(paths, "eval")}


def test_compositions_ids_tell_composers_and_numbers_apart():
    assert composition("A", "Sonata No. 1") != composition("B", "Sonata No. 1")
    assert composition("A", "Sonata No. 1") != composition("A", "Sonata No. 11")
    assert composition("A B", "C") != composition("A", "B C")
    assert composition("A", "“Feux d’artifice”") == composition("A", '"Feux d’artifice"')


FAULTS = {
    "no audio": (
        lambda place: place.unlink(),
        r"5_wav--1\.wav: cannot be read \(No such file.*get it again",
    ),
    "no midi": (
        lambda place: place.with_suffix(".midi").unlink(),
        r"5_wav--1\.midi: cannot be read \(No such file.*get it again",
    ),
    "broken midi": (
        lambda place: place.with_suffix(".midi").write_bytes(b"MThd"),
        r"5_wav--1\.midi: not a readable MIDI",
    ),
    "cut audio": (
        lambda place: place.write_bytes(place.read_bytes()[:-100_000]),
        r"5_wav--1\.wav: cut off after",
    ),
    "short audio": (
        lambda place: sf.write(place, np.full(8_000, 0.1), 16_000),
        r"5_wav--1\.midi: has notes up to 2\.5 s",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_broken_files_are_named_and_refused_or_left_out(folder, paths, caplog, name):
    damage, words = FAULTS[name]
    damage(folder / "2008" / "MIDI-Unprocessed_5_wav--1.wav")
    with pytest.raises(CorpusError, match="broken recordings: 1 .*--allow-partial"):
        prepare(paths, "eval")
    (record,) = caplog.records
    assert re.search(words, record.getMessage())
    assert not (paths.split("eval") / "recordings.csv").exists()
    rows = prepare(paths, "eval", allow_partial=True)
    assert sorted(row.recording.split("_")[1] for row in rows) == ["4", "6"]


LISTS = {
    "no csv": (lambda path: path.unlink(), r"holds no maestro-v\*\.csv"),
    "empty": (lambda path: path.write_text(""), "not MAESTRO's list"),
    "no recordings": (
        lambda path: path.write_text(path.read_text().splitlines()[0]),
        "no recordings",
    ),
    "other columns": (lambda path: path.write_text("a,b\n1,2\n"), "not MAESTRO's list"),
    "binary": (lambda path: path.write_bytes(b"\xff\xfe\0,"), "not MAESTRO's list"),
    "other splits": (
        lambda path: path.write_text(path.read_text().replace("validation", "dev")),
        r"splits \['dev'\]",
    ),
    "twice": (
        lambda path: path.write_text(path.read_text() + path.read_text().splitlines()[-1]),
        "one twice",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_is_none_is_refused_in_one_line(folder, paths, name):
    damage, words = LISTS[name]
    damage(folder / "maestro-v3.0.0.csv")
    with pytest.raises(CorpusError, match=words) as caught:
        prepare(paths, "eval")
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_folder_is_given_or_in_the_environment_or_asked_for(folder, paths, monkeypatch):
    moved = folder.rename(folder.parent / "moved")
    with pytest.raises(CorpusError, match=r"maestro: no such folder; give the folder"):
        prepare(paths, "eval")
    assert len(prepare(paths, "eval", folder=str(moved))) == 3
    monkeypatch.delenv("PIANOALIGN_MAESTRO")
    with pytest.raises(CorpusError, match="MAESTRO is not here; .*PIANOALIGN_MAESTRO"):
        prepare(paths, "eval")
    with pytest.raises(ConfigError, match="topic 'maestro'"):
        prepare_maestro(paths, {}, "eval", folder=moved)


def test_finished_recordings_are_not_converted_again(folder, paths, monkeypatch):
    first = prepare(paths, "eval")
    converted = []
    convert = conversion._convert
    monkeypatch.setattr(
        conversion, "_convert", lambda task, *rest: converted.append(task) or convert(task, *rest)
    )
    write_performance(folder, "2008/MIDI-Unprocessed_5_wav--1", 44_100)
    assert prepare(paths, "eval") == first
    assert not converted  # written again, with the same contents
    write_performance(folder, "2008/MIDI-Unprocessed_5_wav--1", 22_050)
    prepare(paths, "eval")
    assert [task.recording for task in converted] == ["MIDI-Unprocessed_5_wav--1"]


def test_two_processes_share_the_reader_of_labels(folder, paths):
    one = prepare(paths, "eval")
    paths = corpus_paths("maestro", paths.root.parent / "two")
    prepare_maestro(paths, {"maestro": {"excerpt_s": 2.0}}, "eval", 2)
    assert read_index(paths.split("eval")) == one
    assert maestro.read_labels(folder / "2008/MIDI-Unprocessed_5_wav--1.midi").shape == (3, 5)
