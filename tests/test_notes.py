"""MIDI, pedal and piano roll, against hand-made cases."""

from __future__ import annotations

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.notes import apply_pedal, note_table, piano_roll, read_midi, write_midi


def test_ids_follow_onset_then_pitch():
    notes = note_table([64, 60, 60], [1, 2, 3], [1.0, 1.0, 0.5], [2.0, 2.0, 0.9])
    assert notes["note_id"].tolist() == [0, 1, 2]
    assert notes["pitch"].tolist() == [60, 60, 64]


@pytest.mark.parametrize(
    ("offset_s", "changes", "expected_s"),
    [
        (1.0, [], 1.0),
        (1.0, [(0.5, 127), (2.0, 0)], 2.0),  # held down: sounds to the release
        (1.0, [(1.5, 127), (2.0, 0)], 1.0),  # pressed after the key was up: too late
        (1.0, [(0.2, 127), (0.8, 0)], 1.0),  # released before the key was up
        (1.0, [(0.5, 127), (0.7, 63), (0.9, 64), (3.0, 10)], 3.0),  # 64 is down, 63 is up
        (1.0, [(0.5, 127)], 1.0),  # never released: no later than the last event
    ],
)
def test_pedal_extends_offsets(offset_s, changes, expected_s):
    notes = note_table([60], [80], [0.0], [offset_s])
    assert apply_pedal(notes, changes)["offset_s"].tolist() == [expected_s]


def test_pedal_stops_at_the_next_onset_of_the_pitch():
    notes = note_table([60, 60, 62], [80] * 3, [0.0, 1.5, 0.2], [1.0, 1.8, 1.0])
    held = apply_pedal(notes, [(0.5, 127), (4.0, 0)]).set_index("note_id")
    assert held["offset_s"].tolist() == [1.5, 4.0, 4.0]


def test_roll_has_a_gap_before_each_onset_and_whole_notes():
    notes = note_table([21, 21, 108], [80] * 3, [0.10, 0.20, 0.0], [0.20, 0.30, 0.02])
    roll = piano_roll(notes, 40, 100)
    assert np.flatnonzero(roll[:, 0]).tolist() == [*range(10, 19), *range(20, 30)]
    assert np.flatnonzero(roll[:, 87]).tolist() == [0, 1]


@given(
    st.lists(st.tuples(st.integers(21, 108), st.floats(0, 3), st.floats(0.001, 1)), max_size=30),
    st.sampled_from([50, 100, 200]),
)
def test_every_onset_frame_sounds(rows, fps):
    """Whatever the notes, the frame nearest to an onset is never erased by another note's gap."""
    pitch, onset_s, length_s = (
        (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 3
    )
    notes = note_table(pitch, [64] * len(pitch), onset_s, np.add(onset_s, length_s))
    roll = piano_roll(notes, 5 * fps, fps)
    frames = np.rint(notes["onset_s"].to_numpy() * fps).astype(int)
    assert (roll[frames, notes["pitch"].to_numpy() - 21] == 1).all()
    assert set(np.unique(roll)) <= {0.0, 1.0}


def test_part_of_a_roll_equals_the_whole():
    rng = np.random.default_rng(0)
    onset_s = rng.uniform(0, 10, 200)
    notes = note_table(rng.integers(21, 109, 200), [64] * 200, onset_s, onset_s + 0.3)
    whole = piano_roll(notes, 1000, 100)
    part = piano_roll(notes, 300, 100, start_s=4.0)
    np.testing.assert_array_equal(part[:-1], whole[400:699])


def test_midi_round_trip_agrees_with_pretty_midi(tmp_path):
    notes = note_table([60, 62], [70, 80], [0.25, 0.5], [0.75, 1.0])
    write_midi(notes, tmp_path / "a.mid")
    again = read_midi(tmp_path / "a.mid")
    np.testing.assert_allclose(again["onset_s"], notes["onset_s"], atol=1e-3)
    direct = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid")).instruments[0].notes
    assert [note.pitch for note in direct] == again["pitch"].tolist()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pedal", [False, True])
def test_the_notes_are_those_of_pretty_midi(seed, pedal, tmp_path):
    """Notes that overlap or last no time, notes that never end, pedals, tempi: all by its rules."""
    rng = np.random.default_rng(seed)
    track = mido.MidiTrack()
    for _ in range(400):
        wait, pitch = int(rng.choice([0, 0, 1, 30, 200])), int(rng.integers(18, 30))
        kind = rng.choice(["note_on", "note_off", "pedal", "tempo"], p=[0.5, 0.4, 0.08, 0.02])
        value = int(rng.integers(1, 128))
        if kind == "tempo":
            tempo = int(rng.integers(200_000, 900_000))
            track.append(mido.MetaMessage("set_tempo", tempo=tempo, time=wait))
        elif kind == "pedal":
            track.append(mido.Message("control_change", control=64, value=value, time=wait))
        else:
            track.append(mido.Message(kind, note=pitch, velocity=value, time=wait))
    mido.MidiFile(type=0, ticks_per_beat=384, tracks=[track]).save(tmp_path / "a.mid")
    (piano,) = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid")).instruments
    rows = [(n.pitch, n.velocity, n.start, n.end) for n in piano.notes if n.pitch >= 21]
    changes = [(change.time, change.value) for change in piano.control_changes] if pedal else []
    expected = apply_pedal(note_table(*zip(*rows, strict=True)), changes)
    found = read_midi(tmp_path / "a.mid", pedal=pedal)
    key = ["onset_s", "pitch", "velocity", "offset_s"]  # two notes may begin together
    found, expected = (frame[key].sort_values(key).to_numpy() for frame in (found, expected))
    assert len(found) > 100 and (found == expected).all()


def _midi(path, *, drums=False, pitches=(60,)):
    midi = pretty_midi.PrettyMIDI()
    part = pretty_midi.Instrument(0, is_drum=drums)
    part.notes = [pretty_midi.Note(64, pitch, 0.0, 1.0) for pitch in pitches]
    midi.instruments.append(part)
    midi.write(str(path))


def test_unusable_midi_is_one_clear_error(tmp_path):
    path = tmp_path / "x.mid"
    cases = {
        "no such file": lambda: None,
        "not a readable MIDI": lambda: path.write_bytes(b"RIFF, not MIDI"),
        "not a readable": lambda: path.write_bytes(b""),
        "no notes on the 88 keys": lambda: _midi(path, drums=True),
        "no notes on the 88": lambda: _midi(path, pitches=(5, 120)),
        "no notes on": lambda: _midi(path, pitches=()),
    }
    for message, make in cases.items():
        make()
        with pytest.raises(InputError, match=message) as caught:
            read_midi(path)
        assert "x.mid" in str(caught.value) and "\n" not in str(caught.value)
