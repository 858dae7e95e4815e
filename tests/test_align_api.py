"""``align`` and its result: inputs of every kind, what the result says, and what it refuses.

The localizer itself is tested elsewhere; here it is replaced by a known answer, except where said.
"""

from __future__ import annotations

import io
import re
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

import pianoalign_lib
import pianoalign_lib.localizer.locate as locate_module
from pianoalign_lib import PianoAlignError, align
from pianoalign_lib.alignment import aligner
from pianoalign_lib.common.errors import CheckpointError, ConfigError, InputError
from pianoalign_lib.common.labels import clock
from pianoalign_lib.io.placement import Placement, placed

RATE = 16_000
COLUMNS = [
    "note_id", "pitch", "velocity", "onset_in_s", "onset_s", "offset_s", "shift_s", "confidence",
    "status",
]  # fmt: skip
# (track, channel, pitch, onset, offset) in seconds at 120 bpm, 1000 ticks per beat
NOTES = [
    (1, 0, 60, 0.5, 0.9),
    (1, 0, 64, 0.5, 0.9),
    (2, 1, 64, 0.5, 0.7),  # the same key, in another track
    (1, 0, 67, 1.0, 1.4),
    (1, 0, 60, 1.5, 1.9),
    (2, 1, 110, 1.6, 1.8),  # beyond the keyboard
    (3, 9, 38, 1.7, 1.8),  # a drum
    (1, 0, 72, 2.0, 2.4),
]
SHIFT_S = 0.25


def midi_data() -> bytes:
    events: dict[int, list] = {0: [], 1: [], 2: [], 3: []}
    for track, channel, pitch, onset_s, offset_s in NOTES:
        kind = {"channel": channel, "note": pitch, "velocity": 40 + pitch // 2}
        events[track] += [(onset_s, mido.Message("note_on", **kind))]
        events[track] += [(offset_s, mido.Message("note_off", **kind))]
    events[1] += [(1.95, mido.Message("control_change", control=64, value=0))]
    file = mido.MidiFile(ticks_per_beat=1000)
    for track, own in events.items():
        file.tracks.append(mido.MidiTrack([mido.MetaMessage("track_name", name=f"T{track}")]))
        tick = 0
        for time_s, message in sorted(own, key=lambda pair: pair[0]):
            file.tracks[-1].append(message.copy(time=round(2000 * time_s) - tick))
            tick = round(2000 * time_s)
    return saved(file)


def saved(file: mido.MidiFile) -> bytes:
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def tones(seconds: float = 3.0, rate: int = RATE) -> np.ndarray:
    """Return the piano notes as piano-like tones, `SHIFT_S` later than the MIDI file has them."""
    audio = np.zeros(round(seconds * rate))
    for _, channel, pitch, onset_s, _ in NOTES:
        if channel < 9 and pitch <= 108:
            first = round((onset_s + SHIFT_S) * rate)
            time_s = np.arange(max(len(audio) - first, 0)) / rate
            hz = 440.0 * 2 ** ((pitch - 69) / 12)
            for h in range(1, 1 + min(7, int(3_900 / hz))):
                decay = np.exp(-2 * h * time_s) / h
                audio[first:] += 0.1 * np.sin(2 * np.pi * h * hz * time_s + h) * decay
    return audio.astype(np.float32)


@pytest.fixture
def files(tmp_path: Path) -> SimpleNamespace:
    audio, midi = tmp_path / "recording.wav", tmp_path / "loose.mid"
    sf.write(audio, tones(), RATE)
    midi.write_bytes(midi_data())
    return SimpleNamespace(audio=audio, midi=midi, folder=tmp_path)


@pytest.fixture
def located(monkeypatch: pytest.MonkeyPatch) -> list[pd.DataFrame]:
    """Replace the localizer: all notes later by `SHIFT_S`, the one at 1.0 s not heard.

    Returns the note tables it was given.
    """
    given: list[pd.DataFrame] = []

    def locate(spectra, notes: pd.DataFrame) -> Placement:
        given.append(notes)
        status = np.where(notes["pitch"] == 67, "not heard", "aligned").astype(object)
        confidence = np.where(notes["pitch"] == 67, 0.9, 0.8)
        onset_s = notes["onset_s"].to_numpy() + SHIFT_S
        return Placement(onset_s=onset_s, confidence=confidence, status=status)

    monkeypatch.setattr(locate_module, "locate", locate)
    return given


def test_result_has_every_note(files, located):
    notes = align(files.audio, files.midi).notes
    assert notes.columns.tolist() == COLUMNS
    assert notes["note_id"].tolist() == list(range(8))
    assert notes["pitch"].tolist() == [60, 64, 64, 67, 60, 110, 38, 72]
    assert notes["velocity"].tolist() == [40 + pitch // 2 for pitch in notes["pitch"]]
    np.testing.assert_allclose(notes["onset_in_s"], [note[3] for note in NOTES], atol=1e-9)
    # Drums and notes beyond the keys move with the rest.
    np.testing.assert_allclose(notes["shift_s"], SHIFT_S, atol=1e-9)
    np.testing.assert_allclose(notes["onset_s"], notes["onset_in_s"] + SHIFT_S)
    np.testing.assert_allclose(notes["offset_s"], [note[4] + SHIFT_S for note in NOTES], atol=1e-9)
    expected = ["aligned"] * 3 + ["not heard"] + ["aligned", "outside", "outside", "aligned"]
    assert notes["status"].tolist() == expected
    assert notes["confidence"].isna().tolist() == [status == "outside" for status in expected]


def test_the_localizer_gets_each_struck_key_once(files, located):
    align(files.audio, files.midi)
    (given,) = located
    assert given.columns.tolist() == ["note_id", "pitch", "velocity", "onset_s", "offset_s"]
    assert given["pitch"].tolist() == [60, 64, 67, 60, 72]
    assert given["onset_s"].is_monotonic_increasing


def test_every_kind_of_input(files, located):
    expected = align(str(files.audio), str(files.midi)).notes
    samples = tones()
    stereo = np.stack([samples, samples], axis=1)
    data = midi_data()
    for audio, rate in [
        (files.audio, None),
        (samples, RATE),
        (samples.astype(np.float64), float(RATE)),
        ((samples * 32767).astype(np.int16), RATE),
        (samples * 32768, RATE),  # integers given as floats
        (stereo, RATE),
        (stereo.T, RATE),
        (samples.tolist(), RATE),
    ]:
        pd.testing.assert_frame_equal(align(audio, data, sample_rate=rate).notes, expected)
    for midi in (data, io.BytesIO(data), files.midi):
        pd.testing.assert_frame_equal(align(files.audio, midi).notes, expected)
    found = align(files.audio, pretty_midi.PrettyMIDI(str(files.midi))).notes
    assert len(found) == len(expected)
    np.testing.assert_allclose(found["onset_s"], expected["onset_s"], atol=0.002)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_rates_and_channels(rate, channels, files, located):
    path = files.folder / "other.wav"
    sf.write(path, np.repeat(tones(rate=rate)[:, None], channels, axis=1), rate)
    result = align(path, files.midi)
    assert result.duration_s == pytest.approx(3.0, abs=0.02)
    # The spectra see the same tones whatever the rate and the number of channels.
    expected = align(tones(), files.midi, sample_rate=RATE).spectra.long.astype(int)
    found = result.spectra.long.astype(int)[: len(expected)]
    loud = expected[: len(found)] > 150
    assert np.median(np.abs(found - expected[: len(found)])[loud]) <= 2  # 1 dB


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_formats(suffix, files, located):
    path = files.folder / f"other.{suffix}"
    sf.write(path, tones(), RATE)
    assert align(path, files.midi).notes["status"].eq("aligned").sum() == 5


def test_written_files(files, located):
    result = align(files.audio, files.midi)
    target = files.folder / "new" / "aligned.mid"
    result.to_midi(target)
    before, after = mido.MidiFile(files.midi), mido.MidiFile(target)
    assert [track.name for track in after.tracks] == [track.name for track in before.tracks]
    read = pretty_midi.PrettyMIDI(str(target))
    starts = sorted((n.start, n.pitch, n.end) for i in read.instruments for n in i.notes)
    expected = result.notes.sort_values(["onset_s", "pitch", "offset_s"])
    np.testing.assert_allclose([n[0] for n in starts], expected["onset_s"], atol=3e-4)
    np.testing.assert_allclose([n[2] for n in starts], expected["offset_s"], atol=6e-4)
    (pedal,) = [change for i in read.instruments for change in i.control_changes]
    assert pedal.time == pytest.approx(1.95 + SHIFT_S, abs=3e-4)

    result.to_csv(files.folder / "notes.csv")
    table = pd.read_csv(files.folder / "notes.csv")
    pd.testing.assert_frame_equal(table, result.notes, check_dtype=False, atol=1e-6)


def test_pictures_and_report(files, located):
    result = align(files.audio, files.midi)
    assert "8 notes: 5 aligned, 0 uncertain, 1 not heard, 2 outside" in result.summary()
    assert "median shift +250 ms" in result.summary()
    figure = result.plot()
    shifts, *rolls = figure.axes
    moved = np.concatenate([points.get_offsets() for points in shifts.collections])
    assert len(moved) == len(result.notes)
    np.testing.assert_allclose(moved[:, 1], 250.0)
    drawn = [np.sort(np.concatenate([line.get_xdata() for line in roll.lines])) for roll in rolls]
    piano = result.notes[result.notes["status"] != "outside"]
    np.testing.assert_allclose(drawn[0], np.sort(piano["onset_in_s"]))
    np.testing.assert_allclose(drawn[1], np.sort(piano["onset_s"]))
    result.write_report(files.folder / "report.html")
    page = (files.folder / "report.html").read_text()
    assert "loose.mid aligned to recording.wav" in page and "data:image/png;base64" in page
    assert "0:01.250" in page and "G4" in page  # the note to check
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?https?:", page)


def test_times_before_the_recording_are_printed_so():
    printed = [clock(seconds, 3) for seconds in (-13.322, -0.2, 0.0, 73.5)]
    assert printed == ["−0:13.322", "−0:00.200", "0:00.000", "1:13.500"]


def refused(*arguments, **options) -> str:
    with pytest.raises(PianoAlignError) as caught:
        align(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_unusable_recordings(files, located):
    nothing = np.zeros(RATE, np.float32)
    for name, samples in {
        "silent": nothing,
        "none": nothing[:0],
        "nan": np.where(np.arange(RATE) == 99, np.nan, 0.1).astype(np.float32),
        "damaged": np.where(np.arange(RATE) == 99, 1e30, 0.1).astype(np.float32),
        "unscaled": 32767 * tones(1.0)[:RATE].astype(np.float32),
    }.items():
        path = files.folder / f"{name}.wav"
        sf.write(path, samples, RATE, subtype="FLOAT")
        assert str(path) in refused(path, files.midi)
        if name in ("silent", "none", "nan"):  # samples may be of any scale
            assert "recording" in refused(samples, files.midi, sample_rate=RATE)
    for name, data in {"text": b"hello" * 99, "empty": b"", "midi": midi_data()}.items():
        path = files.folder / f"{name}.flac"
        path.write_bytes(data)
        assert str(path) in refused(path, files.midi)
    missing = files.folder / "missing.wav"
    assert str(missing) in refused(missing, files.midi)
    assert str(files.folder) in refused(files.folder, files.midi)


def test_short_cut_and_mismatched_recordings(files, located):
    short = files.folder / "short.wav"
    sf.write(short, tones(1.0)[-3200:], RATE)  # 0.2 s, and a MIDI file of 2.4 s
    assert len(align(short, files.midi).notes) == 8
    cut = files.folder / "cut.wav"
    cut.write_bytes(files.audio.read_bytes()[:-20_000])
    assert len(align(cut, files.midi).notes) == 8
    long = files.folder / "long.wav"
    sf.write(long, np.pad(tones(), (0, 90 * RATE)), RATE)
    assert align(long, files.midi).duration_s == pytest.approx(93.0, abs=0.1)


def test_a_midi_file_of_hours_for_a_recording_of_seconds(files, located):
    hours = mido.MidiFile(files.midi)
    hours.tracks[1].append(mido.Message("note_on", note=60, time=2000 * 3600))
    hours.save(files.folder / "hours.mid")
    text = refused(files.audio, files.folder / "hours.mid")
    assert "hours.mid: lasts 60 minutes" in text and str(files.audio) in text
    minutes = mido.MidiFile(files.midi)
    minutes.tracks[1].append(mido.Message("note_on", note=60, time=2000 * 300))
    minutes.save(files.folder / "minutes.mid")
    assert len(align(files.audio, files.folder / "minutes.mid").notes) == 9


def test_unusable_samples_and_options(files, located):
    samples = tones()
    assert "sample_rate" in refused(samples, files.midi)
    for rate in (0, -1, 10, 1e9, float("nan"), float("inf"), "high"):
        assert "sample_rate" in refused(samples, files.midi, sample_rate=rate)
    assert "sample_rate" in refused(files.audio, files.midi, sample_rate=RATE)
    for wrong in (np.zeros((2, 3, 4)), np.array(["a"]), samples + 0j, None, 3):
        assert "recording" in refused(wrong, files.midi, sample_rate=RATE)
    with pytest.raises(ConfigError, match="localizer, crnn, dtw, hybrid"):
        align(files.audio, files.midi, method="magic")


def test_midi_without_piano_notes(files, located):
    drums = mido.MidiFile(tracks=[mido.MidiTrack()])
    drums.tracks[0].append(mido.Message("note_on", channel=9, note=40, time=10))
    drums.tracks[0].append(mido.Message("note_off", channel=9, note=40, time=10))
    drums.tracks[0].append(mido.Message("note_on", channel=0, note=10, time=10))
    path = files.folder / "drums.mid"
    drums.save(path)
    assert str(path) in refused(files.audio, path)


def test_errors_of_the_localizer_name_the_files(files, monkeypatch):
    def locate(spectra, notes):
        raise InputError("seems to be of another piece")

    monkeypatch.setattr(locate_module, "locate", locate)
    text = refused(files.audio, files.midi)
    assert str(files.audio) in text and str(files.midi) in text and "another piece" in text


def test_localizer(files):
    """The shipped network, end to end: tones of a kind it was never trained on."""
    result = align(files.audio, files.midi)
    piano = result.notes[result.notes["status"] != "outside"]
    assert piano["status"].eq("aligned").all() and piano["confidence"].between(0.5, 1).all()
    np.testing.assert_allclose(piano["shift_s"], SHIFT_S, atol=0.015)


def test_dtw(files):
    """The real method, end to end, from a MIDI file that starts at another time."""
    result = align(files.audio, files.midi, method="dtw")
    piano = result.notes[result.notes["status"] != "outside"]
    assert piano["status"].eq("aligned").all() and piano["confidence"].isna().all()
    assert (piano["shift_s"] - SHIFT_S).abs().median() < 0.1
    short = files.folder / "short.wav"
    sf.write(short, tones()[:3200], RATE)
    assert str(short) in refused(short, files.midi, method="dtw")


def test_a_method_that_another_package_adds(files, located, monkeypatch):
    """It gets the recording and the struck keys, each until the pedal goes up."""

    def later(recording, notes):
        assert len(recording.samples()) == 3 * RATE
        assert notes["offset_s"].tolist() == pytest.approx([1.5, 1.95, 1.95, 1.95, 2.4])
        return placed(notes["onset_s"].to_numpy() + 0.5)

    entry = SimpleNamespace(name="mine", load=lambda: later)
    monkeypatch.setattr(aligner, "entry_points", lambda group: [entry])
    midi = mido.MidiFile(files.midi)
    midi.tracks[1].insert(1, mido.Message("control_change", control=64, value=127))
    data = saved(midi)
    result = align(files.audio, data, method="mine")
    np.testing.assert_allclose(result.notes["shift_s"], 0.5)
    assert result.method == "mine" and not located
    with pytest.raises(ConfigError, match=r"'theirs'; choose one of localizer, mine$"):
        align(files.audio, data, method="theirs")


def test_missing_parts_of_the_installation(files, monkeypatch, tmp_path):
    monkeypatch.setitem(
        sys.modules, "pianoalign_lib.methods.placing", None
    )  # as if torch were missing
    with pytest.raises(ConfigError, match="full installation"):
        align(files.audio, files.midi, method="crnn")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((Path(__file__).parents[1] / "params.yaml").read_text())
    with pytest.raises(CheckpointError, match=r"crnn\.safetensors: not found"):
        align(files.audio, files.midi, method="crnn")


def test_the_package_and_a_midi_file_need_nothing_heavy(files):
    code = (
        "import sys, pianoalign_lib, pianoalign_lib.cli\n"
        "print([name for name in ('numpy', 'pandas', 'torch', 'scipy') if name in sys.modules])\n"
        "pianoalign_lib.cli.main(['align', *sys.argv[1:]])\n"
        "print(*sys.modules)\n"
    )
    command = [sys.executable, "-c", code, files.audio, files.midi, "-o", files.folder / "out.mid"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, *_, modules = done.stdout.splitlines()
    assert first == "[]" and (files.folder / "out.mid").is_file()
    scipy = ("signal", "stats", "optimize", "interpolate", "sparse", "linalg")
    others = ("torch", "librosa", "numba", "pretty_midi", "mido", "yaml", "matplotlib", "jinja2")
    for heavy in (*others, "markupsafe", "tqdm", "pooch", *(f"scipy.{part}" for part in scipy)):
        assert heavy not in modules.split()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pianoalign_lib.nothing  # noqa: B018
