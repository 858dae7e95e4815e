"""The loader of MAPS on files made here: layouts, labels, the split, broken files, going on."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import mido
import numpy as np
import pandas as pd
import pretty_midi
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.common.errors import CorpusError, PianoAlignError
from pianoalign_lib.corpora import conversion
from pianoalign_lib.corpora.maps import folder as maps_folder
from pianoalign_lib.corpora.maps import prepare
from pianoalign_lib.corpora.maps.labels import read_labels
from pianoalign_lib.corpora.maps.prepare import prepare_maps
from pianoalign_lib.corpora.maps.split import split
from pianoalign_lib.corpora.recordings import audio_path, load_recording, read_index

# Onset, offset, pitch, velocity. A quarter of a second is a whole number of samples at 16 and at
# 44.1 kHz, and of ticks of the MIDI files.
NOTES = [(0.5, 1.0, 60, 70), (0.5, 0.75, 64, 50), (1.25, 1.5, 21, 90), (2.0, 2.25, 108, 1)]
HEADERS = {".tsv": "# onset,offset,note,velocity", ".txt": "OnsetTime\tOffsetTime\tMidiPitch"}
TRAIN_A, TRAIN_B, HELD_OUT, REAL = (
    f"MAPS_MUS-{name}" for name in ("a_1_Sptk", "b-2_Sptk", "c_Held", "d_ENSTDkCl")
)


def clicks(notes, seconds: float, rate: int) -> np.ndarray:
    """Return audio with a click on each onset."""
    audio = np.zeros(round(seconds * rate))
    audio[[round(onset_s * rate) for onset_s, *_ in notes]] = 0.5
    return audio


def write_table(path: Path, notes) -> None:
    columns, form = (4, "%.6f") if path.suffix == ".tsv" else (3, "%g")
    lines = ["\t".join(form % value for value in note[:columns]) for note in notes]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\r\n".join([HEADERS[path.suffix], *lines, ""]), newline="")


def write_mirror(folder: Path, name: str, notes=NOTES, seconds=4.0, rate=16_000) -> None:
    (folder / "flac").mkdir(parents=True, exist_ok=True)
    sf.write(folder / "flac" / f"{name}.flac", clicks(notes, seconds, rate), rate)
    write_table(folder / "tsv" / f"{name}.tsv", notes)


def write_official(folder: Path, name: str, labels: str, notes=NOTES, seconds=4.0) -> None:
    """Write stereo audio and labels below `folder`, each at another depth."""
    place = folder / name.rpartition("_")[2] / "MUS"
    place.mkdir(parents=True, exist_ok=True)
    mono = clicks(notes, seconds, 44_100)
    sf.write(place / f"{name}.wav", np.stack([mono, mono], axis=1), 44_100)
    if labels == ".txt":
        write_table(folder / f"{name}.txt", notes)
    else:
        write_pedalled(place / "midi" / f"{name}.mid", notes, [])


def write_pedalled(path: Path, notes, pedal) -> None:
    """Write a MIDI file whose sustain pedal takes the values `pedal`, as (seconds, value)."""
    midi = pretty_midi.PrettyMIDI(resolution=480)
    piano = pretty_midi.Instrument(program=0)
    piano.notes = [
        pretty_midi.Note(velocity, pitch, onset_s, offset_s)
        for onset_s, offset_s, pitch, velocity in notes
    ]
    piano.control_changes = [
        pretty_midi.ControlChange(64, value, time_s) for time_s, value in pedal
    ]
    midi.instruments.append(piano)
    path.parent.mkdir(parents=True, exist_ok=True)
    midi.write(str(path))


@dataclass
class Project:
    """A project with a folder of MAPS beside it."""

    root: Path
    maps: Path
    params: dict

    @property
    def paths(self):
        return corpus_paths("maps", self.root)

    def prepare(self, part="eval", folder=None, **options) -> None:
        prepare_maps(self.paths, self.params, part, 1, folder=folder or self.maps, **options)

    def index(self, part="eval"):
        return read_index(self.paths.split(part))

    def names(self, part="eval") -> set[str]:
        return {row.recording for row in self.index(part)}

    def has_index(self) -> bool:
        return (self.paths.split("eval") / "recordings.csv").exists()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project without MAPS whose split trains on one piece and validates on another."""
    monkeypatch.delenv(maps_folder.VARIABLE, raising=False)
    settings = {"seed": 1, "recordings": "all", "excerpt_s": 3.0}
    settings |= {"test_piano": "Held", "test_pieces": 0, "validation_pieces": 1}
    return Project(tmp_path / "project", tmp_path / "MAPS", {"maps": settings})


@pytest.fixture
def mirror(project: Project) -> Project:
    """Return a project with four recordings in the mirror's layout."""
    for name in (TRAIN_A, TRAIN_B, HELD_OUT, REAL):
        write_mirror(project.maps, name)
    return project


# --- Both layouts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [".mid", ".txt"])
def test_both_layouts_give_the_same_notes_at_the_same_samples(project, labels):
    write_mirror(project.maps / "mirror", HELD_OUT)
    write_official(project.maps / "official", HELD_OUT, labels)
    loaded = []
    for layout in ("mirror", "official"):
        project.prepare(folder=project.maps / layout)
        (row,) = project.index()
        audio, notes = load_recording(project.paths.split("eval"), row)
        for onset_s in notes["onset_s"]:
            first = round(onset_s * 16_000) - 800
            assert abs(int(np.argmax(np.abs(audio[first : first + 1600]))) - 800) <= 1
        loaded.append((notes, row.duration_s))
    velocity = [] if labels == ".mid" else ["velocity"]  # TXT files have none
    first, second = (notes.drop(columns=velocity) for notes, _ in loaded)
    pd.testing.assert_frame_equal(first, second)
    assert first[["onset_s", "offset_s", "pitch"]].to_numpy().tolist() == [
        [*note[:3]] for note in NOTES
    ]
    assert loaded[0][1] == loaded[1][1] == 3.0


def test_midi_is_preferred_to_txt_and_whole_layouts_to_halves(project):
    write_official(project.maps, HELD_OUT, ".txt")
    write_official(project.maps, HELD_OUT, ".mid")
    (project.maps / f"{HELD_OUT}.flac").write_bytes(b"without labels")
    found, problems = maps_folder.find_sources(project.maps, None)
    (audio, labels) = found.pop(HELD_OUT)
    assert (audio.suffix, labels.suffix, found, problems) == (".wav", ".mid", {}, {})
    assert maps_folder.split_name(HELD_OUT) == ("c", "Held")


def test_only_software_pianos_are_cut(mirror):
    notes = [*NOTES, (3.25, 3.9, 50, 60)]
    for name in (HELD_OUT, REAL):
        write_mirror(mirror.maps, name, notes, seconds=3.625)
    mirror.prepare()
    rows = {row.recording: row for row in mirror.index()}
    assert (rows[HELD_OUT].duration_s, rows[HELD_OUT].n_notes) == (3.0, len(NOTES))
    assert (rows[REAL].duration_s, rows[REAL].n_notes) == (3.625, len(notes))
    _, labels = load_recording(mirror.paths.split("eval"), rows[REAL])
    assert labels["offset_s"].max() == 3.625  # no note outlasts its recording
    assert labels["note_id"].tolist() == list(range(len(notes)))
    assert rows[REAL].room == "real, close microphones"
    assert rows[HELD_OUT].room == "software"


# --- Labels ---------------------------------------------------------------------------------------


def test_pedal_holds_notes_until_its_release_or_their_next_onset(tmp_path):
    notes = [(0.5, 0.75, 60, 64), (0.5, 0.75, 64, 64), (1.5, 1.75, 64, 64), (3.0, 3.25, 60, 64)]
    write_pedalled(tmp_path / "a.mid", notes, [(0.25, 127), (2.0, 0), (2.5, 63), (3.125, 64)])
    found = read_labels(tmp_path / "a.mid")
    # Held to the release at 2 s; cut by the next 64; held to 2 s; held to the end of the file.
    assert found["offset_s"].tolist() == [2.0, 1.5, 2.0, 3.25]


def mirrors_offsets(path: Path) -> dict[tuple[int, int], float]:
    """Return (pitch, its n-th note) → offset by the mirror's rule, message by message.

    A note ends with the next message of its pitch; if that lifts the key while the pedal is down,
    with the pedal's release or the next message of the pitch after it, or the last message of all.
    """
    time_s, events = 0.0, []
    for message in mido.MidiFile(path):
        time_s += message.time
        if message.type in ("note_on", "note_off"):
            sounds = message.type == "note_on" and message.velocity > 0
            events.append((time_s, message.note, sounds))
        elif message.type == "control_change" and message.control == 64:
            events.append((time_s, "pedal", message.value >= 64))
    found, count = {}, Counter()
    for index, (_, pitch, sounds) in enumerate(events):
        if pitch == "pedal" or not sounds:
            continue
        end = next(i for i in range(index + 1, len(events)) if events[i][1] == pitch)
        pedals = [value for _, kind, value in events[:end] if kind == "pedal"]
        if not events[end][2] and pedals and pedals[-1]:
            ends = (i for i in range(end + 1, len(events)) if ends_note(events[i], pitch))
            end = next(ends, len(events) - 1)
        found[pitch, count[pitch]] = events[end][0]
        count[pitch] += 1
    return found


def ends_note(event, pitch: int) -> bool:
    _, kind, value = event
    return kind == pitch or (kind == "pedal" and not value)


@pytest.mark.parametrize("seed", range(20))
def test_midi_has_the_offsets_of_the_mirrors_rule(tmp_path, seed):
    """On random playing, against a reading of the messages that shares no code with ours."""
    rng = np.random.default_rng(seed)
    # All times differ, so that no two messages can change places.
    times_s = 0.01 * rng.choice(np.arange(1, 1000), 140, replace=False)
    notes = []
    for pitch, own_s in zip((40, 60, 61, 90), np.sort(times_s[:120].reshape(4, 30)), strict=True):
        notes += [(on, off, pitch, 64) for on, off in own_s.reshape(15, 2).tolist()]
    pedal = [(time, int(rng.choice([0, 63, 64, 127]))) for time in times_s[120:].tolist()]
    write_pedalled(tmp_path / "a.mid", notes, sorted(pedal))
    found = read_labels(tmp_path / "a.mid")
    found["nth"] = found.groupby("pitch").cumcount()
    expected = mirrors_offsets(tmp_path / "a.mid")
    assert len(found) == len(expected) == 60
    for row in found.itertuples():
        assert row.offset_s == pytest.approx(expected[row.pitch, row.nth], abs=1e-9)


BAD_TABLES = {
    "empty": (b"", "holds no notes"),
    "header only": (b"# onset,offset,note,velocity\n", "holds no notes"),
    "no number": (b"#\nnan\t1\t60\t64\n", "note 1 is not all numbers"),
    "no velocity": (b"#\n0.5\t1\t60\t64\n0.5\t1\t60\tnan\n", "note 2 is not all numbers"),
    "infinite": (b"#\n0.5\tinf\t60\t64\n", "note 1 is not all numbers"),
    "high pitch": (b"#\n0.5\t1\t109\t64\n", "outside the 88 keys"),
    "low pitch": (b"#\n0.5\t1\t20\t64\n", "outside the 88 keys"),
    "quarter tone": (b"#\n0.5\t1\t60.5\t64\n", "between two keys"),
    "loud": (b"#\n0.5\t1\t60\t128\n", "velocity outside"),
    "backwards": (b"#\n0.5\t1\t60\t64\n2\t1\t60\t64\n", "note 2 ends before it starts"),
    "early": (b"#\n-0.5\t1\t60\t64\n", "starts before the recording"),
    "cut in a line": (b"#\n0.5\t1\t60\t64\n2.0\t2.", "line 3 is no note"),
    "words": (b"#\n0.5\t1\t60\t64\n<html>\n", "line 3 is no note"),
    "binary": (np.random.default_rng(0).bytes(5000), "no text"),
    "zeros": (bytes(5000), "holds no notes"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_impossible_labels_are_refused_in_one_line(tmp_path, name):
    data, words = BAD_TABLES[name]
    path = tmp_path / "labels.tsv"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=words) as caught:
        read_labels(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_table_without_a_header_keeps_its_first_note(tmp_path):
    (tmp_path / "a.txt").write_text("0.5 1.0 60\n\n0.5 0.5 62\n")
    found = read_labels(tmp_path / "a.txt")
    assert found["pitch"].tolist() == [60, 62]
    assert (found["offset_s"] > found["onset_s"]).all()  # the second has no length


# --- The split ------------------------------------------------------------------------------------

PIANOS = ["ENSTDkCl", "ENSTDkAm", "Held", "P1", "P2", "P3"]
names = st.builds(
    "MAPS_MUS-{}_{}".format,
    st.sampled_from([f"{stem}{n}" for stem in ("x", "x_", "y-p") for n in range(6)]),
    st.sampled_from(PIANOS),
)


@given(
    st.lists(names, unique=True, max_size=60),
    st.integers(0, 9),
    st.integers(0, 3),
    st.integers(0, 3),
    st.randoms(),
)
def test_no_piece_is_in_two_splits_whatever_there_is(recordings, seed, tested, validated, random):
    settings = {"seed": seed, "test_piano": "Held"}
    settings |= {"test_pieces": tested, "validation_pieces": validated}
    found = split(recordings, settings)
    assert set(found) == set(recordings)
    shuffled = random.sample(recordings, len(recordings))
    assert split(shuffled, settings) == found
    splits: dict[str, set[str]] = {}
    for name, (part, test_set) in found.items():
        piece, piano = name.removeprefix("MAPS_MUS-").rsplit("_", 1)
        splits.setdefault(piece, set()).add(part)
        own = {"ENSTDkCl": "ENSTDkCl", "ENSTDkAm": "ENSTDkAm", "Held": "test"}
        if part == "test":
            assert test_set == own.get(piano, "pieces")
        else:
            assert piano not in own and test_set == ""
    assert all(len(parts) == 1 for parts in splits.values())
    drawn = [piece for piece, parts in splits.items() if parts == {"validation"}]
    assert len(drawn) <= 3 * validated
    if not validated:
        assert not drawn


def test_the_split_of_the_listed_recordings():
    """Numbers counted here from the list itself."""
    text = files(maps_folder.__package__).joinpath("listed.csv").read_text()
    listed = [row["recording"] for row in csv.DictReader(text.splitlines())]
    piece_of = {name: name.removeprefix("MAPS_MUS-").rsplit("_", 1)[0] for name in listed}
    piano_of = {name: name.rsplit("_", 1)[1] for name in listed}
    settings = load_params(corpus="maps")["maps"]
    found = split(listed, settings)
    sets = Counter(test_set for part, test_set in found.values() if part == "test")
    pianos = Counter(piano_of.values())
    held_out = settings["test_piano"]
    for name, piano in (("ENSTDkCl",) * 2, ("ENSTDkAm",) * 2, ("test", held_out)):
        assert sets[name] == pianos[piano] > 10
    kept = {piece_of[n] for n in listed if piano_of[n] in (held_out, "ENSTDkCl", "ENSTDkAm")}
    for part, key in (("pieces", "test_pieces"), ("validation", "validation_pieces")):
        rows = [name for name, row in found.items() if part in row]
        drawn = {piece_of[name] for name in rows} - kept
        assert len(drawn) == settings[key] * (len(pianos) - 3)
        assert {piano_of[name] for name in rows} >= set(pianos) - {held_out, *maps_folder.REAL}
    trained = [name for name, (part, _) in found.items() if part == "train"]
    assert len(trained) > len(listed) / 2
    assert not kept & {piece_of[name] for name in trained}


def test_the_split_does_not_depend_on_what_is_missing(mirror):
    mirror.prepare()
    whole = {row.recording: row.split for row in mirror.index()}
    for path in mirror.maps.rglob(f"{REAL}.*"):
        if path.suffix == ".flac":
            path.unlink()
    mirror.prepare(allow_partial=True)
    assert {row.recording: row.split for row in mirror.index()} == {
        name: part for name, part in whole.items() if name != REAL
    }


def test_the_disklavier_cannot_be_the_piano_kept_out():
    with pytest.raises(CorpusError, match=r"params\.yaml: maps\.test_piano"):
        split([REAL], {"test_piano": "ENSTDkCl", "seed": 1})


# --- Broken folders and files ---------------------------------------------------------------------


def spoil(path: Path, keep: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def long_flac(maps: Path, name: str) -> None:
    """Many FLAC frames, of which half are there."""
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, 64_000)
    sf.write(maps / "flac" / f"{name}.flac", audio, 16_000)
    spoil(maps / "flac" / f"{name}.flac", 0.5)


def cut_wav(maps: Path, name: str) -> None:
    """A WAV file that lost its end, behind the last onset."""
    for path in maps.rglob(f"{name}.*"):
        path.unlink()
    write_official(maps, name, ".mid", [note for note in NOTES if note[0] < 1])
    spoil(next(maps.rglob(f"{name}.wav")), 0.6)


# What is done to the files of the recording kept out, the file that is named, and what is said.
FAULTS = {
    "no labels": (lambda m, n: (m / f"tsv/{n}.tsv").unlink(), ".flac", "has no .tsv"),
    "no audio": (lambda m, n: (m / f"flac/{n}.flac").unlink(), "", "has no audio, only labels"),
    "cut flac": (long_flac, ".flac", "not readable as audio|cut off"),
    "empty flac": (lambda m, n: spoil(m / f"flac/{n}.flac", 0), ".flac", "not readable as audio"),
    "cut wav": (cut_wav, ".wav", "cut off after"),
    "silent": (
        lambda m, n: sf.write(m / f"flac/{n}.flac", np.zeros(64_000), 16_000),
        ".flac",
        "is silent",
    ),
    "other rate": (lambda m, n: write_mirror(m, n, rate=22_050), ".flac", "22050 Hz instead of 16"),
    "short audio": (
        lambda m, n: sf.write(m / f"flac/{n}.flac", clicks([(0.5,)], 1.5, 16_000), 16_000),
        ".tsv",
        "has notes up to 2.0 s, but .* ends at 1.5 s",
    ),
    "no notes early": (
        lambda m, n: write_mirror(m, n, [(3.5, 3.75, 60, 64)]),
        ".tsv",
        "has no notes in the first 3 s",
    ),
    "rubbish labels": (
        lambda m, n: (m / f"tsv/{n}.tsv").write_bytes(b"\xff\xfe\0"),
        ".tsv",
        "no text",
    ),
    "labels are a folder": (
        lambda m, n: ((m / f"tsv/{n}.tsv").unlink(), (m / f"tsv/{n}.tsv").mkdir()),
        ".flac",
        "has no .tsv",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_broken_files_are_named_and_refused_or_left_out(mirror, caplog, name):
    damage, suffix, words = FAULTS[name]
    damage(mirror.maps, HELD_OUT)
    with pytest.raises(CorpusError, match=r"broken recordings: 1 .*--allow-partial"):
        mirror.prepare()
    assert not mirror.has_index()
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"{HELD_OUT}{suffix}" in line and "\n" not in line
    assert re.search(words, line)
    mirror.prepare(allow_partial=True)
    assert REAL in mirror.names() and len(mirror.names()) == 2
    assert HELD_OUT not in mirror.names()
    mirror.prepare("train")  # has nothing to do with it
    assert len(mirror.names("train")) == 1


def test_labels_beyond_a_disklaviers_recording_are_refused(mirror, caplog):
    write_table(mirror.maps / "tsv" / f"{REAL}.tsv", [*NOTES, (4.25, 4.5, 60, 64)])
    with pytest.raises(CorpusError):
        mirror.prepare()
    assert f"{REAL}.tsv: has notes up to 4.2 s" in caplog.text


def test_unreadable_file_is_a_problem_of_that_file(mirror, caplog, monkeypatch):
    def refuse(path):
        if path.name == f"{REAL}.flac":
            raise PermissionError(13, "Permission denied", str(path))
        return "0"

    monkeypatch.setattr(conversion, "sha256_file", refuse)
    with pytest.raises(CorpusError, match="broken recordings: 1 "):
        mirror.prepare()
    assert f"{REAL}.flac: cannot be read (Permission denied)" in caplog.text


def test_every_listed_recording_must_be_there(mirror, caplog, monkeypatch):
    mirror.params["maps"]["recordings"] = "listed"
    names = [TRAIN_A, TRAIN_B, HELD_OUT, REAL, "MAPS_MUS-gone_ENSTDkAm"]
    monkeypatch.setattr(prepare, "listed", lambda: pd.DataFrame({"recording": names}))
    write_mirror(mirror.maps, "MAPS_MUS-unlisted_Held")
    with pytest.raises(CorpusError, match="broken recordings: 1 "):
        mirror.prepare()
    assert "MAPS_MUS-gone_ENSTDkAm has no audio" in caplog.text
    assert not mirror.has_index()
    mirror.prepare(allow_partial=True)
    assert mirror.names() < set(names)


def test_nothing_whole_is_refused_even_where_parts_are_allowed(mirror):
    for path in (mirror.maps / "tsv").iterdir():
        path.write_text("")
    with pytest.raises(CorpusError, match="no whole recording"):
        mirror.prepare(allow_partial=True)
    assert not mirror.has_index()


@pytest.mark.parametrize("layout", ["missing", "empty", "other part", "archives", "a file"])
def test_a_folder_without_maps_says_how_to_get_it(project, layout):
    if layout == "a file":
        project.maps.write_text("")
    elif layout != "missing":
        project.maps.mkdir()
    if layout == "other part":
        (project.maps / "MAPS_ISOL_NO_F_S0_M23_AkPnBcht.wav").write_bytes(b"RIFF")
    if layout == "archives":
        (project.maps / "MAPS_AkPnBcht_1.zip").write_bytes(b"PK")
    with pytest.raises(CorpusError, match=r"pianoalign data fetch --corpus maps") as caught:
        project.prepare()
    assert str(caught.value).startswith(f"{project.maps}: ") and "\n" not in str(caught.value)


# --- Where the folder is --------------------------------------------------------------------------


def test_folder_is_that_given_else_of_the_environment_else_the_fetched_one(project, monkeypatch):
    places = {name: project.root.parent / name for name in ("given", "named")}
    places["fetched"] = project.paths.sources

    def run(given=None):
        prepare_maps(project.paths, project.params, "eval", 1, folder=given)
        return project.names()

    with pytest.raises(CorpusError, match="MAPS is not here; give the folder"):
        run()
    for name, place in places.items():
        write_mirror(place, f"MAPS_MUS-{name}_Held")
    assert run() == {"MAPS_MUS-fetched_Held"}
    monkeypatch.setenv("PIANOALIGN_MAPS", str(places["named"]))
    assert run() == {"MAPS_MUS-named_Held"}
    assert run(str(places["given"])) == {"MAPS_MUS-given_Held"}
    monkeypatch.setenv("HOME", str(project.root.parent))
    monkeypatch.setenv("PIANOALIGN_MAPS", "~/given")
    assert run() == {"MAPS_MUS-given_Held"}


# --- Going on -------------------------------------------------------------------------------------


def inodes(project: Project, part="eval") -> dict[str, int]:
    """Return which file each recording's audio is: written anew, it is another one."""
    found = (project.paths.split(part) / "audio").glob("*.flac")
    return {path.stem: path.stat().st_ino for path in found}


def test_a_stopped_run_goes_on_with_what_is_unfinished(mirror, monkeypatch):
    convert, calls = conversion._convert, []

    def stopped(task, *rest):
        calls.append(task.recording)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return convert(task, *rest)

    monkeypatch.setattr(conversion, "_convert", stopped)
    with pytest.raises(KeyboardInterrupt):
        mirror.prepare()
    assert not mirror.has_index()
    done = calls[:2]
    mirror.prepare()
    assert len(calls) == 4 and not set(calls[3:]) & set(done)
    mirror.prepare()
    assert len(calls) == 4


def test_only_what_changed_is_converted_again(mirror):
    mirror.prepare()
    before = inodes(mirror)
    write_table(mirror.maps / "tsv" / f"{HELD_OUT}.tsv", NOTES[:2])
    mirror.prepare()
    after = inodes(mirror)
    assert {name for name in before if before[name] != after[name]} == {HELD_OUT}
    assert next(row for row in mirror.index() if row.recording == HELD_OUT).n_notes == 2
    mirror.params["maps"]["excerpt_s"] = 2.5
    mirror.prepare()
    changed = {name for name in after if after[name] != inodes(mirror)[name]}
    assert changed == set(after) - {REAL}  # which is not cut


@pytest.mark.parametrize("damage", ["audio", "notes", "stamp"])
def test_a_damaged_output_is_made_again(mirror, damage):
    mirror.prepare()
    folder = mirror.paths.split("eval")
    before = audio_path(folder, REAL).read_bytes(), (folder / "recordings.csv").read_bytes()
    if damage == "audio":
        spoil(audio_path(folder, REAL), 0.5)
    elif damage == "notes":
        (folder / "notes" / f"{REAL}.parquet").unlink()
    else:
        (folder / "stamps" / f"{REAL}.json").write_text("{")
    mirror.prepare()
    assert (
        audio_path(folder, REAL).read_bytes(),
        (folder / "recordings.csv").read_bytes(),
    ) == before
    assert load_recording(folder, mirror.index()[0])


def test_processes_side_by_side_give_the_same_files(mirror, tmp_path):
    mirror.prepare()
    one = mirror.paths.split("eval")
    mirror.root = tmp_path / "other"
    prepare_maps(mirror.paths, mirror.params, "eval", 2, folder=mirror.maps)
    two = mirror.paths.split("eval")
    written = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert written == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    assert all((one / path).read_bytes() == (two / path).read_bytes() for path in written)


def test_a_killed_process_is_one_line(mirror, monkeypatch):
    parent = os.getpid()

    def killed(*_):
        assert os.getpid() != parent
        os._exit(1)

    monkeypatch.setattr(conversion, "_convert", killed)
    with pytest.raises(PianoAlignError, match="fewer --jobs"):
        prepare_maps(mirror.paths, mirror.params, "eval", 2, folder=mirror.maps)
    assert not mirror.has_index()
