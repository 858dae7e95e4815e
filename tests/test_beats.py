"""The aligned file as music: what is before the recording, texts, and beats that follow."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import mido
import numpy as np
import pretty_midi
import pytest

from pianoalign_lib.alignment.result import Alignment
from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.midi_score import read_midi_score
from pianoalign_lib.io.placement import Placement
from pianoalign_lib.io.recording import Recording

pytestmark = pytest.mark.filterwarnings("ignore:Tempo, Key or Time signature:RuntimeWarning")
BEAT = 480  # ticks
TEMPO = 600_000  # µs per beat, of the score


def score_file(n_beats: int = 40, *, metres=((0, 3, 4), (9, 4, 4)), texts=(), kind: int = 1):
    """Return a MIDI file of one note each half beat, on two tracks, with metres at beats."""
    conductor = [(0, mido.MetaMessage("set_tempo", tempo=TEMPO))]
    for beat, over, under in metres:
        metre = mido.MetaMessage("time_signature", numerator=over, denominator=under)
        conductor.append((round(beat * BEAT), metre))
    conductor += [(round(beat * BEAT), message) for beat, message in texts]
    notes = []
    for index in range(2 * n_beats):
        tick, pitch = index * BEAT // 2, 48 + (index * 7) % 36
        notes += [(tick, mido.Message("note_on", note=pitch, velocity=60))]
        notes += [(tick + 200, mido.Message("note_off", note=pitch))]
    file = mido.MidiFile(type=kind, ticks_per_beat=BEAT)
    for events in (conductor, notes):
        track, last = mido.MidiTrack(), 0
        for tick, message in sorted(events, key=lambda event: event[0]):
            track.append(message.copy(time=tick - last))
            last = tick
        file.tracks.append(track)
    return saved(file)


def saved(file: mido.MidiFile) -> bytes:
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def performed(data: bytes, played_s, *, status=None):
    """Return the alignment of a file whose note at `t` is heard at ``played_s(t)``."""
    score = read_midi_score(data)
    rows = score.piano_rows()
    onset_s = played_s(score.notes["onset_s"].to_numpy()[rows])
    states = np.where(onset_s < 0, "not heard", "aligned") if status is None else status
    place = Placement(np.maximum(onset_s, 0), np.full(len(rows), 0.9), states.astype(object))
    spectra = SimpleNamespace(duration_s=60.0)
    return Alignment.assembled(
        score,
        place,
        recording=Recording("a.wav", Path("a.wav"), SAMPLE_RATE),
        method="localizer",
        spectra=spectra,
    )


def timed(data: bytes) -> list[tuple[float, float, mido.Message]]:
    """Return seconds, beats and messages by mido's own arithmetic, over all tracks."""
    file, found = mido.MidiFile(file=io.BytesIO(data)), []
    seconds, tempo, ticks = 0.0, 500_000, 0
    for message in mido.merge_tracks(file.tracks):
        ticks += message.time
        seconds += mido.tick2second(message.time, file.ticks_per_beat, tempo)
        tempo = message.tempo if message.type == "set_tempo" else tempo
        found.append((seconds, ticks / file.ticks_per_beat, message))
    return found


def starts(data: bytes) -> list[tuple[float, int]]:
    return sorted((s, m.note) for s, _, m in timed(data) if m.type == "note_on" and m.velocity)


def rubato(time_s):
    """Slower and faster by a quarter, from 0.02 s on."""
    return 0.02 + 1.1 * time_s + 0.25 * np.sin(time_s / 2.0)


def at(offset_s: float):
    return lambda time_s: rubato(time_s) + offset_s


def stepping(time_s):
    """A rest of 40 s after 6 s, longer than a tempo can make a beat; bars left out after 12 s."""
    return np.where(time_s < 6, time_s, np.where(time_s < 12, time_s + 40, 52 + time_s * 1e-6))


@pytest.mark.parametrize("played_s", [rubato, at(7.3), at(0.4), at(-5.0), stepping])
@pytest.mark.parametrize("metres", [((0, 3, 4), (9, 4, 4)), ((0, 6, 8),), ((0, 1, 4), (1, 3, 8))])
def test_notes_stay_where_they_are_heard(played_s, metres):
    result = performed(score_file(metres=metres), played_s)
    kept = result.notes[result.notes["onset_s"] >= 0]
    expected = sorted(zip(kept["onset_s"], kept["pitch"], strict=True))
    worst_s = 0.0012 if played_s is stepping else 0.0003  # where a beat lasts 16 s, a tick 2 ms
    for keep_beats in (False, True):
        data = result.midi_bytes(keep_beats=keep_beats)
        found = starts(data)
        assert len(found) == len(expected)
        error_s = np.abs(np.array(found)[:, 0] - np.array(expected)[:, 0])
        assert error_s.max() < worst_s
        if played_s is not stepping:
            assert [pitch for _, pitch in found] == [pitch for _, pitch in expected]
        read = pretty_midi.PrettyMIDI(io.BytesIO(data))
        onsets = sorted(note.start for each in read.instruments for note in each.notes)
        np.testing.assert_allclose(onsets, np.array(expected)[:, 0], atol=worst_s)


@pytest.mark.parametrize("played_s", [rubato, at(7.3), at(1.0)])
def test_beats_are_where_the_performance_has_them(played_s):
    data = performed(score_file(), played_s).midi_bytes(keep_beats=True)
    metres = [(beat, m.numerator) for _, beat, m in timed(data) if m.type == "time_signature"]
    (start, first), (change, second) = metres
    assert (start, first, second) == (0, 3, 4)
    lead = change - 9  # the second metre begins with the fourth bar of three
    assert lead % 3 == 0 and (lead > 0) == (played_s is not rubato)
    reference = pretty_midi.PrettyMIDI(io.BytesIO(data))
    beats_s = reference.get_beats()[int(lead) :][:39]
    truth_s = played_s(np.arange(39) * TEMPO / 1e6)
    np.testing.assert_allclose(beats_s[1:], truth_s[1:], atol=0.002)
    bars_s = reference.get_downbeats()[int(lead) // 3 :]
    np.testing.assert_allclose(bars_s[1:4], truth_s[[3, 6, 9]], atol=0.002)
    tempos = [message for *_, message in timed(data) if message.type == "set_tempo"]
    assert len(tempos) <= 39 + 3
    if lead > 3:  # bars of rest before the music, in nearly its tempo
        assert 0.5 < tempos[0].tempo / tempos[1].tempo < 2


def test_a_steady_tempo_is_one_event():
    data = performed(score_file(), lambda time_s: time_s).midi_bytes(keep_beats=True)
    tempos = [message.tempo for *_, message in timed(data) if message.type == "set_tempo"]
    assert tempos == [TEMPO]


def test_bars_from_before_the_recording_are_left_out():
    """The first bar is the one that the recording begins in."""
    data = performed(score_file(), lambda time_s: time_s - 10 * 0.6).midi_bytes(keep_beats=True)
    beats_s = pretty_midi.PrettyMIDI(io.BytesIO(data)).get_beats()
    np.testing.assert_allclose(beats_s[2:20], np.arange(1, 19) * 0.6, atol=0.002)  # of bar 4


def test_a_beat_that_is_too_long_is_made_up_for():
    data = performed(score_file(), stepping).midi_bytes(keep_beats=True)
    beats_s = pretty_midi.PrettyMIDI(io.BytesIO(data)).get_beats()
    truth_s = stepping(np.arange(20) * 0.6)
    np.testing.assert_allclose(beats_s[:10], truth_s[:10], atol=0.01)
    np.testing.assert_allclose(beats_s[14:20], truth_s[14:20], atol=0.02)


def test_rehearsal_marks_and_keys_stay_on_their_beats():
    texts = [
        (0, mido.MetaMessage("marker", text="A")),
        (9, mido.MetaMessage("marker", text="B")),
        (9, mido.MetaMessage("key_signature", key="Eb")),
        (10.5, mido.MetaMessage("lyrics", text="la")),
    ]
    found = timed(performed(score_file(texts=texts), at(7.3)).midi_bytes(keep_beats=True))
    change = next(b for _, b, m in found if m.type == "time_signature" and m.numerator == 4)
    places = {getattr(m, "text", m.type): b - change for _, b, m in found if m.is_meta}
    assert places["A"] == -9 and places["B"] == places["key_signature"] == 0
    lyric_s = next(s for s, _, m in found if m.type == "lyrics")
    assert lyric_s == pytest.approx(at(7.3)(np.array(10.5 * 0.6)), abs=0.01)


def test_files_without_beats_are_refused():
    frames = bytearray(score_file())
    frames[12:14] = bytes((256 - 25, 40))
    independent = score_file(kind=2)
    for data in (bytes(frames), independent):
        result = performed(data, lambda time_s: time_s + 0.1)
        assert len(starts(result.midi_bytes())) == 80
        with pytest.raises(InputError, match="has no beats"):
            result.midi_bytes(keep_beats=True)


@pytest.mark.parametrize("begins_s", [0.3, 3.0, 15.0])
def test_what_is_before_the_recording(begins_s):
    """Kept apart in the table; left out of the file, and that is said."""
    texts = [(beat, mido.MetaMessage("lyrics", text=f"l{beat}")) for beat in range(40)]
    texts += [
        (0, mido.MetaMessage("copyright", text="me")),
        (2, mido.MetaMessage("text", text="t")),
    ]
    data = score_file(texts=texts)
    result = performed(data, lambda time_s: time_s - begins_s)
    notes = result.notes
    old_s = notes["onset_in_s"].to_numpy()
    early = old_s - begins_s < -0.1
    np.testing.assert_allclose(notes["onset_s"][early], old_s[early] - begins_s, atol=1e-6)
    assert (notes["onset_s"][~early] >= 0).all() and (notes["offset_s"] > notes["onset_s"]).all()
    for keep_beats in (False, True):
        found = timed(result.midi_bytes(keep_beats=keep_beats))
        played = [s for s, _, m in found if m.type == "note_on" and m.velocity]
        assert len(played) == (~early).sum() and sum(s < 0.01 for s in played) <= 1
        words = [(s, m.text) for s, _, m in found if m.type == "lyrics"]
        assert sum(s < 0.01 for s, _ in words) <= 1  # they go with their notes
        kinds = [m.type for _, _, m in found]
        assert kinds.count("copyright") == 1 and ("text" in kinds) == (begins_s < 1.2)
        assert kinds.count("note_off") == len(played)
    (remark,) = result.remarks
    assert f"{early.sum()} notes are before the recording" in remark
    assert not performed(data, lambda time_s: time_s + 1).remarks


def test_a_first_chord_a_little_too_early_is_kept():
    result = performed(score_file(), lambda time_s: time_s - 0.08)
    assert len(starts(result.midi_bytes())) == 80 and not result.remarks


@pytest.mark.parametrize("beat", [0, 1 / BEAT, 0.5])
def test_texts_go_with_the_first_note(beat):
    """Not what sets the piece up: names, programs, metres."""
    texts = [
        (beat, mido.MetaMessage("lyrics", text="Ah")),
        (beat, mido.MetaMessage("marker", text="Verse")),
        (beat, mido.MetaMessage("cue_marker", text="Go")),
        (0, mido.MetaMessage("track_name", name="Piece")),
        (0, mido.MetaMessage("text", text="by me")),
    ]
    found = timed(performed(score_file(texts=texts), lambda t: t + 12.5).midi_bytes())
    at_s = {m.type: s for s, _, m in reversed(found) if m.is_meta}
    for kind in ("lyrics", "marker", "cue_marker"):
        assert at_s[kind] == pytest.approx(12.5 + beat * 0.6, abs=0.001)
    assert at_s["track_name"] == at_s["text"] == at_s["time_signature"] == 0


def printed_bars(data: bytes, folder: Path) -> Counter:
    """Return how often a key begins in a bar, as MuseScore prints a MIDI file."""
    (folder / "a.mid").write_bytes(data)
    command = ["musescore3", str(folder / "a.mid"), "-o", str(folder / "a.musicxml")]
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    found: Counter = Counter()
    for part in ElementTree.parse(folder / "a.musicxml").getroot().iter("part"):
        for bar, measure in enumerate(part.iter("measure")):
            for note in measure.iter("note"):
                goes_on = any(tie.get("type") == "stop" for tie in note.findall("tie"))
                if note.find("pitch") is not None and not goes_on:
                    key = [note.findtext(f"pitch/{name}") for name in ("step", "alter", "octave")]
                    found[bar, *key] += 1
    return found


@pytest.mark.skipif(not shutil.which("musescore3"), reason="needs MuseScore: Debian's musescore3")
def test_musescore_prints_the_bars_of_the_score(tmp_path):
    data = score_file(metres=((0, 3, 4),))
    result, expected = performed(data, at(7.3)), printed_bars(data, tmp_path)
    assert expected.total() == len(result.notes)

    def in_their_bars(keep_beats: bool) -> int:
        found = printed_bars(result.midi_bytes(keep_beats=keep_beats), tmp_path)
        later = [  # whole bars of rest come first
            Counter({(bar + rest, *key): n for (bar, *key), n in expected.items()})
            for rest in range(10)
        ]
        return max((found & each).total() for each in later)

    assert in_their_bars(True) > 0.98 * len(result.notes) > 2 * in_their_bars(False)
