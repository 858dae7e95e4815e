"""Damaged and odd files thrown at ``align`` and the command: a sound result or a clear error.

All are made by seeded generators from one small MIDI file and one short recording, so that a case
that fails can be made again from its number.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import mido
import numpy as np
import pandas as pd
import pretty_midi
import pytest
import soundfile as sf

import pianoalign_lib.localizer.locate as locate_module
from pianoalign_lib import align, cli
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.io.midi_score import read_midi_score
from pianoalign_lib.io.placement import Placement
from studies.mutations import run
from studies.mutations.damage import mutated, odd_midi

pytestmark = pytest.mark.filterwarnings("ignore:Tempo, Key or Time signature:RuntimeWarning")
SECONDS = 2.0
AUDIO_RATE = 16_000
FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}


def base_midi() -> bytes:
    """Return two tracks of piano notes with tempo changes, pedal, texts and a drum."""
    rng = np.random.default_rng(5)
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    file.tracks.append(
        mido.MidiTrack(
            [
                mido.MetaMessage("track_name", name="Piece"),
                mido.MetaMessage("time_signature", numerator=3, denominator=4),
                mido.MetaMessage("set_tempo", tempo=500_000),
                mido.MetaMessage("key_signature", key="Dm", time=480),
                mido.MetaMessage("set_tempo", tempo=450_000, time=480),
            ]
        )
    )
    for channel in (0, 1, 9):
        track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=channel)])
        for _ in range(12 if channel < 9 else 2):
            pitch, wait = int(rng.integers(50, 80)), int(rng.integers(0, 120))
            pedal = mido.Message("control_change", channel=channel, control=64, value=wait % 128)
            track.append(mido.Message("note_on", channel=channel, note=pitch, time=wait))
            track.append(mido.MetaMessage("lyrics", text="la", time=20))
            track.append(pedal)
            track.append(mido.Message("note_off", channel=channel, note=pitch, time=100))
        file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def base_audio() -> np.ndarray:
    """Return piano-like tones where the MIDI file has its notes."""
    audio = np.zeros(round(SECONDS * AUDIO_RATE))
    notes = read_midi_score(base_midi()).notes
    for onset_s, pitch in zip(notes["onset_s"], notes["pitch"], strict=True):
        first = round(onset_s * AUDIO_RATE)
        time_s = np.arange(max(len(audio) - first, 0)) / AUDIO_RATE
        hz = 440.0 * 2 ** ((pitch - 69) / 12)
        for h in range(1, 8):
            decay = np.exp(-2 * h * time_s) / h
            audio[first:] += 0.1 * np.sin(2 * np.pi * h * hz * time_s + h) * decay
    return audio.astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the recording in four formats and the MIDI file, all sound."""
    path = tmp_path_factory.mktemp("sound")
    for suffix, subtype in FORMATS.items():
        sf.write(path / f"base.{suffix}", base_audio(), AUDIO_RATE, subtype=subtype)
    (path / "base.mid").write_bytes(base_midi())
    return path


def check_result(result, source: Path, target: Path) -> None:
    """Check what must hold of any alignment and of the file it writes."""
    notes = result.notes
    assert notes["note_id"].tolist() == list(range(len(notes)))
    given = read_midi_score(source).notes
    assert (notes[["pitch", "velocity"]] == given[["pitch", "velocity"]]).all(axis=None)
    times = notes[["onset_in_s", "onset_s", "offset_s", "shift_s"]].to_numpy()
    assert np.isfinite(times).all()
    early = notes["onset_s"] < 0  # before the recording; not in the written file
    assert (notes.loc[early, "status"].isin(["not heard", "outside"])).all()
    assert (notes["offset_s"] > notes["onset_s"]).all()
    assert notes["status"].isin(["aligned", "uncertain", "not heard", "outside"]).all()
    heard = notes[notes["status"] == "aligned"].sort_values("onset_in_s", kind="stable")
    steps = heard.assign(channel=given["channel"]).groupby(["pitch", "channel"])["onset_s"].diff()
    assert not (steps < -1e-9).any()
    result.to_midi(target)
    written = mido.MidiFile(target)
    starts = [m for track in written.tracks for m in track if m.type == "note_on" and m.velocity]
    assert len(starts) == (~early).sum()
    assert len(written.tracks) == len(read_midi_score(source).events.end_ticks)
    if written.type != 2 and written.length < 60:  # it takes long over long files
        reference = pretty_midi.PrettyMIDI(str(target))
        assert sum(len(each.notes) for each in reference.instruments) == (~early).sum()
    try:  # the notes of the input as another reader counts them
        original = mido.MidiFile(source)
    except Exception:
        return
    if len(original.tracks) == len(written.tracks):  # else its header names too few of them
        starts = [m for own in original.tracks for m in own if m.type == "note_on" and m.velocity]
        assert len(starts) == len(notes)


def throw(audio: Path, midi: Path, target: Path) -> bool:
    """Align; return whether there was a result, check either outcome."""
    try:
        result = align(audio, midi)
    except PianoAlignError as error:
        text = str(error)
        assert str(audio) in text or str(midi) in text
        assert "\n" not in text
        return False
    check_result(result, midi, target)
    return True


def test_mutated_midi_files(folder, tmp_path):
    data, good = base_midi(), 0
    for number in range(1350):
        rng = np.random.default_rng([1, number])
        midi = tmp_path / f"m{number}.mid"
        midi.write_bytes(mutated(data, rng))
        good += throw(folder / "base.wav", midi, tmp_path / "out.mid")
        midi.unlink()
    assert 100 < good < 1250  # both outcomes occur


@pytest.mark.parametrize("hears_all", [False, True])
def test_odd_midi_files(hears_all, folder, tmp_path, monkeypatch):
    """The localizer takes nearly all for another piece; so then one that hears everything."""

    def locate(spectra, notes):
        status = np.full(len(notes), "aligned", dtype=object)
        onset_s = 1.1 * notes["onset_s"].to_numpy()
        confidence = np.ones(len(notes))
        return Placement(onset_s=onset_s, confidence=confidence, status=status)

    if hears_all:
        monkeypatch.setattr(locate_module, "locate", locate)
    good = 0
    for number in range(150 * hears_all, 150 + 150 * hears_all):
        midi = tmp_path / f"o{number}.mid"
        midi.write_bytes(odd_midi(np.random.default_rng([2, number])))
        good += throw(folder / "base.wav", midi, tmp_path / "out.mid")
        midi.unlink()
    assert good > 75 if hears_all else good < 75


def hear_everything(spectra, notes) -> Placement:
    """Stand in for the localizer, which takes nearly all of these for another piece.

    It begins 0.4 s later than the file, and does not hear what is before that.
    """
    onset_s = 1.1 * notes["onset_s"].to_numpy() - 0.4
    status = np.where(onset_s < 0, "not heard", "aligned").astype(object)
    return Placement(np.maximum(onset_s, 0.0), np.ones(len(notes)), status)


def throw_at_the_command(number: int, folder: Path, out: Path, capture) -> tuple[int, str]:
    """Run the command on a mutated pair, beats kept; return its exit code and what it said."""
    rng = np.random.default_rng([6, number])
    suffix = [*FORMATS, "raw"][int(rng.integers(5))]
    audio = (folder / f"base.{'wav' if suffix == 'raw' else suffix}").read_bytes()
    midi = odd_midi(rng) if rng.random() < 0.3 else (folder / "base.mid").read_bytes()
    out.mkdir()
    paths = out / f"a.{suffix}", out / "m.mid"
    paths[0].write_bytes(mutated(audio, rng) if rng.random() < 0.4 else audio)
    paths[1].write_bytes(mutated(midi, rng) if rng.random() < 0.7 else midi)
    options = ["-o", str(out / "r" / "r.mid"), "--notes", str(out / "r" / "n.csv"), "--keep-beats"]
    code = cli.main(["align", *map(str, paths), *options])
    printed = capture.readouterr()
    assert "Traceback" not in printed.err
    if code in (0, 3):
        assert sorted(path.name for path in (out / "r").iterdir()) == ["n.csv", "r.mid"]
        written = [
            message for track in mido.MidiFile(out / "r" / "r.mid").tracks for message in track
        ]
        starts = sum(message.type == "note_on" and message.velocity > 0 for message in written)
        assert starts == (pd.read_csv(out / "r" / "n.csv")["onset_s"] >= 0).sum()
    else:
        assert code == 1 and not (out / "r").exists()
        last = printed.err.splitlines()[-1]
        assert last.startswith("pianoalign: ") and any(str(path) in last for path in paths)
    shutil.rmtree(out)
    return code, printed.err


def test_the_command_keeps_beats_of_mutated_files(folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(locate_module, "locate", hear_everything)
    outcomes = [
        throw_at_the_command(number, folder, tmp_path / f"{number}", capfd)[0]
        for number in range(120)
    ]
    assert {0, 1} <= set(outcomes) <= {0, 1, 3} and 30 < outcomes.count(0) < 110


@pytest.mark.parametrize("suffix", FORMATS)
def test_mutated_recordings(suffix, folder, tmp_path):
    data, good = (folder / f"base.{suffix}").read_bytes(), 0
    for number in range(100):
        rng = np.random.default_rng([3, number])
        audio = tmp_path / f"a{number}.{suffix}"
        audio.write_bytes(mutated(data, rng))
        good += throw(audio, folder / "base.mid", tmp_path / "out.mid")
        audio.unlink()
    assert 0 < good < 100


def test_the_command_on_mutated_files(folder, tmp_path, capsys):
    outcomes = set()
    for number in range(60):
        rng = np.random.default_rng([4, number])
        midi, audio = tmp_path / f"m{number}.mid", tmp_path / f"a{number}.flac"
        both = rng.random() < 0.3
        midi_data = (folder / "base.mid").read_bytes()
        audio_data = (folder / "base.flac").read_bytes()
        midi.write_bytes(mutated(midi_data, rng))
        audio.write_bytes(mutated(audio_data, rng) if both else audio_data)
        out = tmp_path / f"out{number}"
        names = [str(out / name) for name in ("aligned.mid", "notes.csv")]
        code = cli.main(["align", str(audio), str(midi), "-o", names[0], "--notes", names[1]])
        printed = capsys.readouterr()
        outcomes.add(code)
        if code == 1:
            assert printed.err.startswith("pianoalign: ") and printed.err.count("\n") == 1
            assert str(midi) in printed.err or str(audio) in printed.err
            assert not out.exists() or not list(out.iterdir())
        else:
            assert sorted(path.name for path in out.iterdir()) == ["aligned.mid", "notes.csv"]
            assert 1 <= printed.out.count("\n") <= 3
            assert (code == 3) == ("less than half" in printed.err)
            mido.MidiFile(names[0])
    assert {0, 1} <= outcomes <= {0, 1, 3}


def test_the_command_in_a_process_of_its_own(folder, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])}
    for number in range(3):  # the first is sound
        midi = tmp_path / f"m{number}.mid"
        data = (folder / "base.mid").read_bytes()
        midi.write_bytes(data if number == 0 else mutated(data, np.random.default_rng([5, number])))
        command = [sys.executable, "-m", "pianoalign_lib", "align", str(folder / "base.ogg")]
        command += [str(midi), "-o", str(tmp_path / f"out{number}.mid")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode in (0, 1, 3) and "Traceback" not in done.stderr
        assert (tmp_path / f"out{number}.mid").exists() == (done.returncode != 1)
        assert number > 0 or done.returncode == 0


def test_a_pair_that_ends_the_process_is_one_line_of_the_study(monkeypatch):
    """So is one that has no end."""

    def throw(mutation: SimpleNamespace) -> list:
        if mutation.what == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        while mutation.what == 2:
            pass
        return [mutation.kind, mutation.what, "aligned", 0, 0, 0, 0, ""]

    monkeypatch.setattr(run, "make", lambda number: SimpleNamespace(kind="a kind", what=number))
    monkeypatch.setattr(run, "throw", throw)
    monkeypatch.setattr(run, "LONGEST_S", 1)
    rows = list(run._outcomes([0, 1, 2, 3]))
    assert [row[:3] for row in rows] == [[number, "a kind", number] for number in range(4)]
    ended = "ended the process"
    assert [row[3] for row in rows] == ["aligned", ended, ended, "aligned"]
    assert {len(row) for row in rows} == {len(run.COLUMNS)}
