"""``repeats="unfold"``: a passage that is played twice gets its notes twice."""

from __future__ import annotations

import io
from pathlib import Path

import mido
import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from pianoalign_lib import align, cli
from pianoalign_lib.common.errors import ConfigError
from pianoalign_lib.io.audio import SAMPLE_RATE, load_audio
from pianoalign_lib.io.midi_score import read_midi_score
from pianoalign_lib.io.midi_writing import retimed_midi
from pianoalign_lib.io.notes import read_midi, write_midi
from pianoalign_lib.io.unfolding import unfolded

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
# Seconds at 120 beats per minute and 500 ticks per beat: a note each second, the pedal, a text.
ONSETS_S = np.arange(0.0, 10.0)


def ten_notes() -> bytes:
    messages = [(0.0, mido.Message("program_change", program=3))]
    for number, onset_s in enumerate(ONSETS_S):
        messages += [(onset_s, mido.Message("note_on", note=60 + number, velocity=70))]
        messages += [(onset_s + 0.9, mido.Message("note_off", note=60 + number))]
    messages += [(3.5, mido.Message("control_change", control=64, value=127))]
    messages += [(7.5, mido.MetaMessage("text", text="here"))]
    track, tick = mido.MidiTrack(), 0
    for time_s, message in sorted(messages, key=lambda pair: pair[0]):
        track.append(message.copy(time=round(1000 * time_s) - tick))
        tick = round(1000 * time_s)
    buffer = io.BytesIO()
    mido.MidiFile(tracks=[track], ticks_per_beat=500).save(file=buffer)
    return buffer.getvalue()


def test_notes_pedal_and_texts_follow_as_played() -> None:
    score = read_midi_score(ten_notes())
    # Played: 0 to 6, 3 to 5, and 8 to the end; what no stretch holds stays in its place.
    stretches = ((0.0, 5.5, 0, 0), (3.0, 4.5, 0, 0), (8.0, 9.0, 0, 0))
    twice = unfolded(score, stretches)
    assert twice is not None
    assert twice.notes["note_id"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 3, 4, 8, 9]
    np.testing.assert_allclose(twice.notes["onset_in_s"], ONSETS_S[twice.notes["note_id"]])
    length_s = twice.notes["offset_s"] - twice.notes["onset_s"]
    np.testing.assert_allclose(length_s, 0.9)
    assert (np.diff(twice.notes["onset_s"]) > 0.4).all()
    times = (twice.notes[name].to_numpy() for name in ("onset_s", "offset_s"))
    written = mido.MidiFile(file=io.BytesIO(retimed_midi(twice, *times, lambda time_s: time_s)))
    kinds = [message.type for message in written.tracks[0]]
    assert kinds.count("note_on") == kinds.count("note_off") == len(twice.notes)
    assert kinds.count("program_change") == 1 and kinds.count("text") == 1
    assert kinds.count("control_change") == 2  # the pedal is pressed in both passes


@pytest.mark.parametrize(
    "stretches",
    [
        (),
        ((0.0, 9.0, 0, 0),),
        ((0.0, 4.0, 0, 0), (6.0, 9.0, 0, 0)),  # bars left out
        ((5.0, 9.0, 0, 0), (0.0, 5.0, 0, 0)),  # the second half first
        ((0.0, 4.5, 0, 0), (4.2, 9.0, 0, 0)),  # where the path jumps is not known better
    ],
)
def test_what_is_played_once_stays_as_it_is(stretches) -> None:
    assert unfolded(read_midi_score(ten_notes()), stretches) is None


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory):
    """Return the example with 12 s played twice: its folder, its notes, begin and end."""
    folder = tmp_path_factory.mktemp("twice")
    true = pd.read_csv(EXAMPLES / "true_notes.csv")
    onset_s = true["onset_s"].to_numpy()
    begin_s, end_s = (onset_s[onset_s > edge].min() - 0.02 for edge in (10.0, 22.0))
    begin, end = round(begin_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    audio = load_audio(EXAMPLES / "recording.flac")
    sf.write(folder / "twice.wav", np.concatenate([audio[:end], audio[begin:]]), SAMPLE_RATE)
    early_s = np.random.default_rng(1).uniform(0.0, 0.1, len(true))
    write_midi(
        true.assign(onset_s=onset_s * 0.95 + early_s, offset_s=true["offset_s"] * 0.95 + 0.1),
        folder / "loose.mid",
    )
    return folder, true, begin_s, end_s


def test_a_passage_played_twice_has_its_notes_twice(example) -> None:
    folder, true, begin_s, end_s = example
    command = ["align", folder / "twice.wav", folder / "loose.mid", "-o", folder / "out.mid"]
    command += ["--notes", folder / "out.csv", "--repeats", "unfold"]
    assert cli.main([str(part) for part in command]) == 0
    onset_s, pitch = true["onset_s"].to_numpy(), true["pitch"].to_numpy()
    later = end_s - begin_s
    again = (onset_s >= begin_s) & (onset_s < end_s)
    played_s = np.concatenate([onset_s + later * (onset_s >= end_s), onset_s[again] + later])
    keys = np.concatenate([pitch, pitch[again]])
    rows, written = pd.read_csv(folder / "out.csv"), read_midi(folder / "out.mid")
    assert abs(len(rows) - len(keys)) <= 3 and len(written) == len(rows)  # notes at the seam
    assert 0 <= rows["note_id"].value_counts().eq(2).sum() - again.sum() <= 3
    for table in (rows, written):
        found = [
            (table.loc[table["pitch"] == key, "onset_s"] - time_s).abs().min()
            for time_s, key in zip(played_s, keys, strict=True)
        ]
        assert np.mean(np.array(found) <= 0.01) > 0.97
    # Each row of a note is in another pass, and its onset in the file is the same.
    for _, pair in rows[rows["note_id"].duplicated(keep=False)].groupby("note_id"):
        assert pair["onset_s"].diff().iloc[1] == pytest.approx(later, abs=0.05)
        assert pair["onset_in_s"].nunique() == 1
    assert rows["status"].eq("aligned").mean() > 0.97


def test_without_a_repeat_the_option_changes_nothing() -> None:
    recording, midi = EXAMPLES / "recording.flac", EXAMPLES / "loose.mid"
    once, asked = (align(recording, midi, repeats=each) for each in ("once", "unfold"))
    assert once.midi_bytes() == asked.midi_bytes() and once.csv_text() == asked.csv_text()
    for options in ({"repeats": "twice"}, {"repeats": "unfold", "method": "dtw"}):
        with pytest.raises(ConfigError, match="choose one of once, unfold"):
            align(recording, midi, **options)
