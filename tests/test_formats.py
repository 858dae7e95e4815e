"""Notes as other programs read them, and printed scores: each checked by a reader not ours."""

from __future__ import annotations

import builtins
import io
from pathlib import Path
from xml.etree import ElementTree

import jams
import mido
import numpy as np
import pandas as pd
import partitura
import pretty_midi
import pytest
import symusic

from pianoalign_lib import Alignment, align, cli
from pianoalign_lib.alignment.formats import render
from pianoalign_lib.common.errors import ConfigError, InputError
from pianoalign_lib.corpora.maps.labels import read_labels
from pianoalign_lib.io.midi_score import read_midi_score

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PRINTED = Path(partitura.__file__).parent / "assets"
SCORES = ("score_example.musicxml", "score_example.mei", "score_example.krn")


@pytest.fixture(scope="module")
def result() -> Alignment:
    """Return the example's alignment, its first note before the recording and one unsure."""
    found = align(EXAMPLES / "recording.flac", EXAMPLES / "loose.mid")
    found.notes.loc[0, "onset_s"] = -0.5
    found.notes.loc[3, "status"] = "not heard"
    found.notes.loc[5, "status"] = "outside"
    return found


@pytest.fixture(scope="module")
def expected(result: Alignment) -> pd.DataFrame:
    kept = (result.notes["onset_s"] >= 0) & (result.notes["status"] != "outside")
    return result.notes[kept].sort_values(["onset_s", "pitch"]).reset_index(drop=True)


def test_tsv_is_read_as_labels_of_maps(result, expected, tmp_path: Path) -> None:
    result.to_notes(tmp_path / "a.tsv")
    found = read_labels(tmp_path / "a.tsv")
    assert len(found) == len(expected) == len(result.notes) - 2
    np.testing.assert_allclose(found["onset_s"], expected["onset_s"], atol=1e-6)
    assert found["pitch"].tolist() == expected["pitch"].tolist()
    raw = np.loadtxt(tmp_path / "a.tsv")  # as the code for Onsets and Frames reads it
    np.testing.assert_allclose(raw[:, 1], expected["offset_s"], atol=1e-6)
    assert raw[:, 3].tolist() == expected["velocity"].tolist()


def test_jams_is_valid_and_has_all(result, expected, tmp_path: Path) -> None:
    result.to_notes(tmp_path / "a.jams")
    read = jams.load(str(tmp_path / "a.jams"), validate=True, strict=True)
    (notes,) = read.search(namespace="note_midi")
    times, values = notes.to_interval_values()
    np.testing.assert_allclose(times[:, 0], expected["onset_s"], atol=2e-6)
    np.testing.assert_allclose(times[:, 1], expected["offset_s"], atol=2e-6)
    assert values == expected["pitch"].tolist()
    assert notes.sandbox["status"] == expected["status"].tolist()
    assert notes.sandbox["velocity"] == expected["velocity"].tolist()
    assert read.file_metadata.duration == pytest.approx(result.duration_s)


def test_sonic_visualiser_counts_frames_of_the_recording(result, expected, tmp_path: Path) -> None:
    result.to_notes(tmp_path / "a.svl")
    root = ElementTree.parse(tmp_path / "a.svl").getroot()
    model, layer = root.find("data/model"), root.find("display/layer")
    assert model is not None and layer is not None
    rate = int(model.attrib["sampleRate"])
    assert rate == result.sample_rate == 16_000
    assert layer.attrib["type"] == "notes" and layer.attrib["model"] == model.attrib["id"]
    points = root.findall("data/dataset/point")
    found_s = [int(point.attrib["frame"]) / rate for point in points]
    np.testing.assert_allclose(found_s, expected["onset_s"], atol=0.6 / rate)
    assert [int(point.attrib["value"]) for point in points] == expected["pitch"].tolist()
    assert [point.attrib["label"] for point in points].count("not heard") == 1


def test_audacity_labels(result, expected) -> None:
    rows = [line.split("\t") for line in render(result, ".txt").splitlines()]
    np.testing.assert_allclose([float(row[0]) for row in rows], expected["onset_s"], atol=1e-6)
    assert all(float(begin) < float(end) for begin, end, _ in rows)
    keys = [pretty_midi.note_name_to_number(row[2].split()[0].replace("♯", "#")) for row in rows]
    assert keys == expected["pitch"].tolist()
    assert sum(row[2].endswith("(not heard)") for row in rows) == 1


def test_csv_has_every_note(result) -> None:
    table = pd.read_csv(io.StringIO(render(result, "csv")))
    assert len(table) == len(result.notes) and table.columns.tolist() == list(result.notes)


def test_four_programs_read_the_same_midi_file(result, tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    result.to_midi(path)
    notes = result.notes[result.notes["onset_s"] >= 0].sort_values(["onset_s", "pitch"])
    read = {
        "pretty_midi": [
            (note.start, note.pitch, note.velocity)
            for each in pretty_midi.PrettyMIDI(str(path)).instruments
            for note in each.notes
        ],
        "symusic": [
            (note.start, note.pitch, note.velocity)
            for track in symusic.Score(path, ttype="second").tracks
            for note in track.notes
        ],
        "partitura": [
            (note["note_on"], note["midi_pitch"], note["velocity"])
            for part in partitura.load_performance_midi(path).performedparts
            for note in part.notes
        ],
    }
    time_s, played = 0.0, []
    for message in mido.MidiFile(path):
        time_s += message.time
        if message.type == "note_on" and message.velocity:
            played.append((time_s, message.note, message.velocity))
    for found in (*read.values(), played):
        table = pd.DataFrame(found, columns=["onset_s", "pitch", "velocity"])
        assert len(table) == len(notes)
        for _, (one, other) in enumerate(
            zip(
                (group for _, group in table.groupby("pitch")),
                (group for _, group in notes.groupby("pitch")),
                strict=True,
            )
        ):
            one = one.sort_values("onset_s")
            np.testing.assert_allclose(one["onset_s"], other["onset_s"], atol=0.001)
            assert one["velocity"].tolist() == other["velocity"].tolist()


def test_unknown_forms_are_refused_before_the_work(tmp_path: Path, capsys) -> None:
    inputs = [str(EXAMPLES / "recording.flac"), str(EXAMPLES / "loose.mid")]
    out = tmp_path / "a.mid"
    command = ["align", *inputs, "-o", str(out), "--notes", str(tmp_path / "a.xlsx")]
    assert cli.main(command) == 1
    told = capsys.readouterr().err
    assert "a.xlsx: unknown form" in told and ".svl (Sonic Visualiser)" in told
    assert not out.exists()


@pytest.mark.parametrize(("package", "extra"), [("jams", "jams"), ("partitura", "scores")])
def test_without_a_package_one_line_names_it(result, package, extra, monkeypatch) -> None:
    known = builtins.__import__

    def without(name, *arguments, **options):
        if name.split(".")[0] == package:
            raise ImportError(f"No module named '{package}'", name=package)
        return known(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=rf"pip install 'pianoalign\[{extra}\]'") as caught:
        if package == "jams":
            render(result, "jams")
        else:
            read_midi_score(PRINTED / SCORES[0])
    assert "\n" not in str(caught.value)


# --- printed scores -------------------------------------------------------------------------------


def printed(path: Path, notes: pd.DataFrame, pace: float = 1.0) -> None:
    """Write the notes as a score of one part, a second at a beat of 60."""
    part = partitura.score.Part("P1", "Piano", quarter_duration=100)
    part.add(partitura.score.TimeSignature(4, 4), start=0)
    for number, note in enumerate(notes.to_dict("records")):
        begin, end = (round(100 * pace * note[name]) for name in ("onset_s", "offset_s"))
        step, octave, alter = "CCDDEFFGGAAB"[note["pitch"] % 12], note["pitch"] // 12 - 1, None
        alter = 1 if note["pitch"] % 12 in (1, 3, 6, 8, 10) else None
        printed_note = partitura.score.Note(step, octave, alter, id=f"n{number}", voice=number + 1)
        part.add(printed_note, begin, max(end, begin + 1))
    partitura.score.add_measures(part)
    partitura.save_musicxml(part, str(path))


@pytest.mark.parametrize("name", SCORES)
def test_scores_are_read_as_they_are_printed(name: str) -> None:
    notes = read_midi_score(PRINTED / name).notes
    assert notes["pitch"].tolist() == [69, 72, 76]
    np.testing.assert_allclose(notes["onset_s"], [0.0, 1.0, 1.0])  # a half and a chord, at 120
    np.testing.assert_allclose(notes["offset_s"], [2.0, 2.0, 2.0])


@pytest.mark.parametrize("name", SCORES)
def test_damaged_scores_are_refused_in_a_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    data = (PRINTED / name).read_bytes()
    for content in (b"", data[: len(data) // 3], b"\x00\xff" * 50):
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_midi_score(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("slower", [1.0, 1.1])
def test_a_printed_score_is_right_to_its_end(tmp_path: Path, slower: float) -> None:
    """The last notes are not put into the dying away of the last chord, which is long here."""
    true = pd.read_csv(EXAMPLES / "true_notes.csv")
    score = tmp_path / "score.musicxml"
    times = {name: slower * (true[name] - 0.9) for name in ("onset_s", "offset_s")}
    printed(score, true.assign(**times))
    found_s = np.sort(align(EXAMPLES / "recording.flac", score).notes["onset_s"])
    assert (np.abs(found_s - np.sort(true["onset_s"])) < 0.02).mean() > 0.98


def test_a_printed_score_is_aligned_and_matched(tmp_path: Path) -> None:
    true = pd.read_csv(EXAMPLES / "true_notes.csv")
    score, out = tmp_path / "score.musicxml", tmp_path / "out"
    printed(score, true.assign(onset_s=true["onset_s"] - 0.9, offset_s=true["offset_s"] - 0.9))
    command = ["align", str(EXAMPLES / "recording.flac"), str(score), "-o", str(out / "a.mid")]
    assert cli.main([*command, "--notes", str(out / "a.match")]) == 0
    written = pretty_midi.PrettyMIDI(str(out / "a.mid"))
    starts = np.sort([note.start for each in written.instruments for note in each.notes])
    assert len(starts) == len(true)
    assert (np.abs(starts - np.sort(true["onset_s"])) < 0.02).mean() > 0.95
    performance, matched, read = partitura.load_match(str(out / "a.match"), create_score=True)
    assert len(read.parts[0].notes) == len(true)
    played = {note["id"]: note for note in performance.performedparts[0].notes}
    pairs = [each for each in matched if each["label"] == "match"]
    assert len(pairs) > 0.95 * len(true)
    errors_s = [
        played[each["performance_id"]]["note_on"] - true["onset_s"][int(each["score_id"][1:])]
        for each in pairs
    ]
    assert (np.abs(errors_s) < 0.02).mean() > 0.95


def test_a_match_file_needs_a_printed_score(result) -> None:
    with pytest.raises(ConfigError, match="needs a printed score"):
        render(result, ".match")
