"""MIDI files in and out: against hand-made bytes, mido and pretty_midi."""

import io
import struct
from collections import defaultdict, deque

import mido
import numpy as np
import pandas as pd
import pretty_midi
import pytest

from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.midi_parsing import parse
from pianoalign_lib.io.midi_score import NO_EVENT, read_midi_score
from pianoalign_lib.io.midi_writing import retimed_midi, serialize
from pianoalign_lib.io.retiming import new_offsets, next_start, note_warp

END = b"\x00\xff\x2f\x00"


def midi_bytes(*tracks: bytes, kind: int = 1, division: int = 480, count: int | None = None):
    """Return a file of raw tracks."""
    header = struct.pack(
        ">4sIHHH", b"MThd", 6, kind, len(tracks) if count is None else count, division
    )
    return header + b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)


def random_midi(seed: int, *, n_tracks: int = 3, overlaps: bool = False) -> mido.MidiFile:
    """Return a file with tempo changes, pedals, texts and notes on several tracks and channels."""
    rng = np.random.default_rng(seed)
    file = mido.MidiFile(type=1, ticks_per_beat=int(rng.choice([96, 384, 480])))
    conductor = mido.MidiTrack([mido.MetaMessage("track_name", name="Tempo", time=0)])
    for tempo in rng.integers(200_000, 1_000_000, 5):
        wait = int(rng.integers(0, 1500))
        conductor.append(mido.MetaMessage("set_tempo", tempo=int(tempo), time=wait))
        conductor.append(mido.MetaMessage("key_signature", key="F#m", time=int(wait // 3)))
    file.tracks.append(conductor)
    for number in range(n_tracks):
        events = [(0, mido.Message("program_change", channel=number, program=number * 5))]
        events += [(0, mido.Message("control_change", channel=number, control=7, value=99))]
        for pitch in rng.choice(np.arange(30, 90), 6, replace=False):
            ticks = np.sort(rng.choice(np.arange(1, 9000), 16, replace=False))
            if overlaps:
                ticks = rng.permutation(ticks)
            for on, off in ticks.reshape(-1, 2):
                on, off = min(on, off), max(on, off)
                velocity = int(rng.integers(1, 128))
                start = mido.Message("note_on", channel=number, note=pitch, velocity=velocity)
                stop = mido.Message("note_on", channel=number, note=pitch, velocity=0)
                if rng.random() < 0.5:
                    stop = mido.Message("note_off", channel=number, note=pitch, velocity=30)
                events += [(on, start), (off, stop)]
        for tick in rng.integers(1, 9000, 20):
            value = int(rng.integers(0, 128))
            pedal = mido.Message("control_change", channel=number, control=64, value=value)
            events += [(tick, pedal), (tick, mido.MetaMessage("lyrics", text=f"la{value}"))]
            events += [(tick, mido.Message("pitchwheel", channel=number, pitch=value))]
            events += [(tick, mido.Message("sysex", data=(1, 2, value)))]
        events.sort(key=lambda pair: pair[0])
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=f"Part {number}", time=0)])
        previous = 0
        for tick, message in events:
            track.append(message.copy(time=int(tick - previous)))
            previous = tick
        file.tracks.append(track)
    return file


def saved(file) -> bytes:
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def programs(data: bytes) -> dict[int, int]:
    """Return the program that each pitch is played with, in a file of one channel."""
    program, found = 0, {}
    for message in mido.MidiFile(file=io.BytesIO(data)).tracks[0]:
        if message.type == "program_change":
            program = message.program
        elif message.type == "note_on" and message.velocity:
            found[message.note] = program
    return found


def identity(score) -> bytes:
    """Return the file written with its times unchanged."""
    onset_s, offset_s = (score.notes[name].to_numpy() for name in ("onset_s", "offset_s"))
    return retimed_midi(score, onset_s, offset_s, lambda time_s: np.asarray(time_s, float))


def in_seconds(data: bytes) -> list[list[tuple[float, mido.Message]]]:
    """Return each track's messages with their times, by mido's own arithmetic."""
    file = mido.MidiFile(file=io.BytesIO(data))
    changes = sorted(
        (tick, message.tempo)
        for track in file.tracks
        for tick, message in zip(np.cumsum([m.time for m in track]), track, strict=True)
        if message.type == "set_tempo"
    )

    def seconds(tick: int) -> float:
        total, last, tempo = 0.0, 0, 500_000
        for at, new in changes:
            if at >= tick:
                break
            total += mido.tick2second(at - last, file.ticks_per_beat, tempo)
            last, tempo = at, new
        return total + mido.tick2second(tick - last, file.ticks_per_beat, tempo)

    return [
        [
            (seconds(tick), message.copy(time=0))
            for tick, message in zip(np.cumsum([m.time for m in track]), track, strict=True)
        ]
        for track in file.tracks
    ]


def test_seconds_follow_the_tempo_map_and_running_status():
    # 480 ticks at 120 bpm = 0.5 s; then 60 bpm: 480 ticks = 1 s. Running status, velocity 0 = off.
    track = (
        b"\x00\x90\x3c\x40"
        b"\x83\x60\x3c\x00"  # 480 ticks later: off
        b"\x00\xff\x51\x03\x0f\x42\x40"  # 1 s per beat
        b"\x00\x90\x3e\x41\x83\x60\x80\x3e\x00" + END
    )
    notes = read_midi_score(midi_bytes(track, kind=0)).notes
    assert notes["pitch"].tolist() == [60, 62]
    assert notes["velocity"].tolist() == [64, 65]
    assert notes["onset_s"].tolist() == pytest.approx([0.0, 0.5])
    assert notes["offset_s"].tolist() == pytest.approx([0.5, 1.5])


def test_waiting_time_before_unknown_meta_events_counts():
    track = b"\x83\x60\xff\x0a\x01x\x00\x90\x3c\x40\x83\x60\x80\x3c\x40" + END
    notes = read_midi_score(midi_bytes(track)).notes
    assert notes["onset_s"].tolist() == [0.5]  # mido, hence pretty_midi, says 0


@pytest.mark.parametrize("seed", range(4))
def test_notes_are_those_of_pretty_midi(seed):
    data = saved(random_midi(seed))
    notes = read_midi_score(data).notes
    reference = pretty_midi.PrettyMIDI(io.BytesIO(data))
    expected = sorted(
        (note.start, note.pitch, note.end, note.velocity)
        for instrument in reference.instruments
        for note in instrument.notes
    )
    columns = ["onset_s", "pitch", "offset_s", "velocity"]
    found = sorted(notes[columns].itertuples(index=False, name=None))
    np.testing.assert_array_equal(found, expected)  # to the last bit
    assert notes["note_id"].tolist() == list(range(len(notes)))
    assert notes["onset_s"].is_monotonic_increasing


@pytest.mark.parametrize("seed", range(6))
def test_notes_end_first_in_first_out(seed):
    """Against a plain queue per track, channel and pitch, with overlaps and stray note-offs."""
    rng = np.random.default_rng(seed)
    track, tick, queues, expected, strays = b"", 0, defaultdict(deque), {}, 0
    for _ in range(400):
        wait, pitch, on = int(rng.integers(0, 60)), int(rng.integers(60, 63)), rng.random() < 0.5
        tick += wait
        status = (0x90 if on else 0x80) | int(rng.integers(0, 2))
        track += bytes((wait, status, pitch, 50))
        queue = queues[status & 0x0F, pitch]
        if on:
            expected[len(expected)] = [tick, None, status & 0x0F, pitch]
            queue.append(len(expected) - 1)
        elif queue:
            expected[queue.popleft()][1] = tick
        else:
            strays += 1
    score = read_midi_score(midi_bytes(track + END))
    notes = score.notes
    found = [
        (round(on * 960), None if row == NO_EVENT else round(off * 960), channel, pitch)
        for on, off, channel, pitch, row in zip(
            notes["onset_s"], notes["offset_s"], notes["channel"], notes["pitch"], score.off_row,
            strict=True,
        )
    ]  # fmt: skip
    key = lambda note: (note[0], note[3], note[2], note[1] or 10**9)  # noqa: E731
    assert sorted(found, key=key) == sorted((tuple(note) for note in expected.values()), key=key)
    assert len(score.stray_offs) == strays > 0
    still = notes["offset_s"][score.off_row == NO_EVENT]
    assert (still * 960).round().eq(tick).all() and len(still)


def test_kinds_and_divisions():
    note = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x40"
    fast = b"\x00\xff\x51\x03\x03\xd0\x90"  # 0.25 s per beat
    # SMPTE: 25 frames of 40 ticks, so a tick is 1 ms; tempo means nothing.
    score = read_midi_score(midi_bytes(fast + note + END, division=(256 - 25) << 8 | 40))
    assert score.notes["offset_s"].tolist() == [0.48]
    # Kind 2: each track has its own tempo; kind 1: the first track's holds for all.
    two = [fast + note + END, note + END]
    assert read_midi_score(midi_bytes(*two, kind=2)).notes["offset_s"].tolist() == [0.25, 0.5]
    assert read_midi_score(midi_bytes(*two, kind=1)).notes["offset_s"].tolist() == [0.25, 0.25]
    for kind in (1, 2):
        again = read_midi_score(identity(read_midi_score(midi_bytes(*two, kind=kind))))
        assert again.events.kind == kind
        assert again.notes["offset_s"].tolist() == [0.25, 0.5 if kind == 2 else 0.25]
    # A tempo of 0 is no tempo. RIFF around the file. Chunks of other kinds.
    data = midi_bytes(b"\x00\xff\x51\x03\x00\x00\x00" + note + END)
    assert read_midi_score(data).notes["offset_s"].tolist() == [0.5]
    riff = b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + struct.pack("<I", len(data))
    assert read_midi_score(riff + data).notes["offset_s"].tolist() == [0.5]
    alien = data[:14] + b"XFIH\x00\x00\x00\x02ab" + data[14:]
    assert read_midi_score(alien).notes["offset_s"].tolist() == [0.5]


def test_sources(tmp_path):
    data = saved(random_midi(1))
    path = tmp_path / "a.mid"
    path.write_bytes(data)
    notes = read_midi_score(path).notes
    with path.open("rb") as file:
        pd.testing.assert_frame_equal(read_midi_score(file).notes, notes)
    with path.open("r", encoding="latin1") as file, pytest.raises(InputError, match="binary"):
        read_midi_score(file)
    pd.testing.assert_frame_equal(read_midi_score(data).notes, notes)
    pd.testing.assert_frame_equal(read_midi_score(str(path)).notes, notes)
    resaved = read_midi_score(pretty_midi.PrettyMIDI(str(path))).notes
    assert len(resaved) == len(notes)
    np.testing.assert_allclose(np.sort(resaved["onset_s"]), notes["onset_s"], atol=0.01)


NOTE = b"\x00\x90\x3c\x40\x60\x80\x3c\x40"
BAD = {
    "empty": b"",
    "text": b"This is no MIDI file, although its name says so.",
    "cut header": midi_bytes(NOTE + END)[:12],
    "cut track": midi_bytes(NOTE + END)[:-6],
    "no tracks": midi_bytes(),
    "no notes": midi_bytes(END),
    "kind": midi_bytes(NOTE + END, kind=7),
    "division": midi_bytes(NOTE + END, division=0),
    "smpte": midi_bytes(NOTE + END, division=0x8001),
    "no status": midi_bytes(b"\x00\x3c\x40" + END),
    "within event": midi_bytes(NOTE + b"\x00\x90\x3c"),
    "long number": midi_bytes(b"\xff\xff\xff\xff\x7f\x90\x3c\x40" + END),
    "huge text": midi_bytes(NOTE + b"\x00\xff\x01\xff\xff\xff\x7fabc"),
    "years": midi_bytes(b"\x00\xff\x51\x03\xff\xff\xff" + b"\xff\xff\xff\x7f\x90\x3c\x40" + END),
}


@pytest.mark.parametrize("what", BAD)
def test_damaged_files_are_refused_by_name(what, tmp_path):
    path = tmp_path / "loose.mid"
    path.write_bytes(BAD[what])
    with pytest.raises(InputError, match="loose.mid: ") as caught:
        read_midi_score(path)
    assert "\n" not in str(caught.value)


def test_other_sources_are_refused(tmp_path):
    broken = pretty_midi.PrettyMIDI()
    broken.instruments.append(pretty_midi.Instrument(0))
    broken.instruments[0].notes.append(pretty_midi.Note(300, 300, 0.0, 1.0))
    for source in (3, None, broken, tmp_path, tmp_path / "missing.mid"):
        with pytest.raises(InputError):
            read_midi_score(source)


@pytest.mark.parametrize("seed", range(3))
def test_writing_keeps_every_message(seed):
    """Written without moves, each track holds the same messages at the same times."""
    data = saved(random_midi(seed))
    again = identity(read_midi_score(data))
    before, after = in_seconds(data), in_seconds(again)
    assert len(before) == len(after)
    for own, written in zip(before, after, strict=True):
        own = [pair for pair in own if pair[1].type not in ("set_tempo", "end_of_track")]
        written = [pair for pair in written if pair[1].type not in ("set_tempo", "end_of_track")]
        assert sorted(str(m) for _, m in own) == sorted(str(m) for _, m in written)
        by_text = lambda pair: (str(pair[1]), pair[0])  # noqa: E731
        pairs = zip(sorted(own, key=by_text), sorted(written, key=by_text), strict=True)
        assert max(abs(a[0] - b[0]) for a, b in pairs) <= 0.0003
    tempos = [m.tempo for track in after for _, m in track if m.type == "set_tempo"]
    assert tempos == [500_000]


@pytest.mark.parametrize("seed", range(4))
def test_moved_notes_are_all_there(seed):
    """Random moves: note count, velocity and channel kept, nothing ends the wrong note."""
    score = read_midi_score(saved(random_midi(seed, overlaps=True)))
    rng = np.random.default_rng(seed)
    notes = score.notes
    onset_s = np.maximum(1.15 * notes["onset_s"] + 2 + rng.uniform(-0.1, 0.1, len(notes)), 0)
    onset_s = onset_s.to_numpy()
    warp = note_warp(notes["onset_s"].to_numpy(), onset_s)
    offset_s = new_offsets(notes, onset_s, warp)
    data = retimed_midi(score, onset_s, offset_s, warp)
    again = read_midi_score(data)
    assert not len(again.stray_offs) and (again.off_row != NO_EVENT).all()
    keys = ["track", "channel", "pitch", "velocity"]
    moved = notes.assign(onset_s=onset_s, offset_s=offset_s)
    expected = moved.sort_values([*keys, "onset_s"])
    found = again.notes.sort_values([*keys, "onset_s"])
    assert (expected[keys].to_numpy() == found[keys].to_numpy()).all()
    np.testing.assert_allclose(found["onset_s"], expected["onset_s"], atol=0.00027)
    np.testing.assert_allclose(found["offset_s"], expected["offset_s"], atol=0.0006)
    assert (found["offset_s"] > found["onset_s"]).all()
    reference = pretty_midi.PrettyMIDI(io.BytesIO(data))
    assert sum(len(instrument.notes) for instrument in reference.instruments) == len(notes)
    for track in mido.MidiFile(file=io.BytesIO(data)).tracks:
        sounding = defaultdict(int)
        for message in track:
            if message.type in ("note_on", "note_off"):
                on = message.type == "note_on" and message.velocity > 0
                sounding[message.channel, message.note] += 1 if on else -1
                assert 0 <= sounding[message.channel, message.note] <= 1


def test_pedal_and_program_move_with_their_notes():
    # Notes at 0.5, 1.0 and 2.0 s; pedal down at 0.75, up at 1.5 s; program at tick 0 and 1.9 s.
    track = (
        b"\x00\xc0\x05\x00\xb0\x07\x63"
        b"\x83\x60\x90\x3c\x40"  # 480
        b"\x81\x70\xb0\x40\x7f"  # 720
        b"\x81\x70\x90\x3e\x40"  # 960
        b"\x83\x60\xb0\x40\x00"  # 1440
        b"\x83\x00\xc0\x07"  # 1824
        b"\x60\x90\x40\x40"  # 1920
        b"\x83\x60\x80\x3c\x40\x00\x80\x3e\x40\x00\x80\x40\x40" + END
    )
    before = midi_bytes(track, kind=0)
    score = read_midi_score(before)
    assert programs(before) == {60: 5, 62: 5, 64: 7}
    # The first note moves to 3.0 s, the second to 3.2 s, the third to 6.0 s.
    onset_s = np.array([3.0, 3.2, 6.0])
    warp = note_warp(score.notes["onset_s"].to_numpy(), onset_s)
    data = retimed_midi(score, onset_s, new_offsets(score.notes, onset_s, warp), warp)
    times = {
        (m.type, getattr(m, "control", None), getattr(m, "value", getattr(m, "program", None))): s
        for s, m in in_seconds(data)[0]
    }
    assert times["control_change", 64, 127] == pytest.approx(3.1, abs=3e-4)  # half-way
    assert times["control_change", 64, 0] == pytest.approx(4.6, abs=3e-4)
    assert times["program_change", None, 5] == 0 == times["control_change", 7, 99]
    assert programs(data) == {60: 5, 62: 5, 64: 7}
    # If the last note comes far too early, its program still comes first.
    onset_s = np.array([0.5, 1.0, 0.2])
    data = retimed_midi(score, onset_s, onset_s + 0.1, warp)
    assert programs(data)[64] == 7


def test_a_note_ends_before_the_next_of_its_key():
    notes = pd.DataFrame(
        {
            "pitch": [60, 60, 60, 62],
            "channel": [0, 0, 1, 0],
            "onset_s": [1.0, 2.0, 1.5, 1.2],
            "offset_s": [1.9, 2.0, 1.7, 1.8],
        }
    )
    onset_s = np.array([1.0, 1.5, 1.2, 1.3])
    offset_s = new_offsets(notes, onset_s, lambda time_s: 2.0 * time_s)  # twice as slow
    assert offset_s == pytest.approx([1.5, 1.501, 1.6, 2.5])
    keys, starts = np.array([1, 1, 2, 1, 1]), np.array([3.0, 1.0, 2.0, 1.0, 2.0])
    assert next_start(keys, starts).tolist() == [np.inf, 2.0, np.inf, 2.0, 3.0]


def test_warp_never_goes_back():
    rng = np.random.default_rng(0)
    old_s = np.sort(rng.uniform(0, 60, 500))
    warp = note_warp(old_s, old_s + rng.uniform(-0.2, 0.2, 500))
    grid_s = np.linspace(-5, 70, 5000)
    assert (np.diff(warp(grid_s)) >= -1e-12).all()
    assert np.abs(warp(grid_s) - grid_s).max() <= 0.2
    exact = note_warp(old_s, 1.25 * old_s + 3)
    assert exact(np.array([30.0])) == pytest.approx([40.5], abs=0.05)
    assert exact(np.array([-1.0])) == pytest.approx(exact(np.array([0.0])) - 1.0)  # the old pace


def test_three_hours_open_in_pretty_midi():
    """Within pretty_midi's limit of ticks; shorter files are right to 0.3 ms."""
    for hours, worst_s in ((0.5, 0.0003), (1.3, 0.0003), (3.0, 0.00066)):
        track = mido.MidiTrack()
        for _ in range(100):
            wait = round(hours * 3600 * 960 / 100) - 100
            track.append(mido.Message("note_on", note=60, velocity=9, time=wait))
            track.append(mido.Message("note_off", note=60, velocity=9, time=100))
        score = read_midi_score(saved(mido.MidiFile(tracks=[track], ticks_per_beat=480)))
        data = identity(score)
        notes = pretty_midi.PrettyMIDI(io.BytesIO(data)).instruments[0].notes
        starts = [note.start for note in notes]
        np.testing.assert_allclose(starts, score.notes["onset_s"], atol=worst_s)


def test_parsing_is_lossless():
    """Parsed and written without a change of time, the messages' bytes are the same."""
    track = (
        b"\x00\xff\x03\x05Piano\x00\xff\x20\x01\x03\x00\xff\x05\x04l\xe9l\xfc"
        b"\x00\xf0\x05\x7e\x7f\x09\x01\xf7\x00\xf7\x02\x01\x02\x10\xff\x7f\x02ab"
        b"\x00\xa0\x3c\x11\x00\xd0\x22\x00\xe0\x01\x40\x00\x90\x3c\x40\x60\x80\x3c\x40" + END
    )
    data = midi_bytes(track, track)
    events = parse(data)
    half = len(events.messages) // 2
    ticks, (end, _) = events.table["tick"].to_numpy(), events.end_ticks.tolist()
    tracks = [
        (ticks[part], events.messages[part], end) for part in (slice(half), slice(half, None))
    ]
    assert events.table["track"].tolist() == [0] * half + [1] * half
    assert serialize(events.kind, 480, tracks) == data
