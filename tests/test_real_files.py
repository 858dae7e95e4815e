"""Files that people really have: odd headers, crossed wires, slips of programs that wrote them."""

from __future__ import annotations

import io
import os
import pickle
import struct
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile as sf
import soxr

from pianoalign_lib import align
from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.audio import load_audio, read_blocks
from pianoalign_lib.io.midi_score import read_midi_score
from pianoalign_lib.io.recording import open_recording
from pianoalign_lib.localizer.spectra import compute_spectra

RATE = 16_000
END = b"\x00\xff\x2f\x00"
NOTES = b"\x00\x90\x3c\x40\x60\x80\x3c\x40\x00\x90\x40\x50\x60\x80\x40\x40"


def tones(seconds: float = 3.0, rate: int = RATE) -> np.ndarray:
    """Return decaying tones, the lowest among them."""
    time_s = np.arange(round(seconds * rate)) / rate
    audio = np.zeros(len(time_s))
    for onset_s, hz in ((0.3, 30.87), (0.9, 220.0), (1.6, 1318.5), (2.2, 65.4)):
        since_s = np.maximum(time_s - onset_s, 0.0)
        audio += 0.2 * np.sin(2 * np.pi * hz * since_s) * np.exp(-3 * since_s)
    return audio.astype(np.float32)


def heard(source, rate: int | None = None) -> np.ndarray:
    """Return what the localizer gets of a recording, after the checks of `align`."""
    recording = open_recording(source, rate)
    return np.concatenate(list(read_blocks(recording.source, recording.sample_rate)))


def refused(read, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def tracks(*bodies: bytes, count: int | None = None) -> bytes:
    header = struct.pack(">4sIHHH", b"MThd", 6, 1, len(bodies) if count is None else count, 480)
    return header + b"".join(b"MTrk" + struct.pack(">I", len(body)) + body for body in bodies)


def unknown_length(data: bytes) -> bytes:
    """Return a FLAC file as programs write it into a pipe: its length is not known beforehand."""
    changed = bytearray(data)
    changed[21] &= 0xF0
    changed[22:26] = bytes(4)
    return bytes(changed)


@pytest.mark.parametrize("seconds", [1.0, 45.0])  # within a block, and over three
def test_flac_of_unknown_length(seconds, tmp_path):
    path = tmp_path / "a.flac"
    sf.write(path, np.resize(tones(), round(seconds * RATE)), RATE)
    expected = heard(path)
    path.write_bytes(unknown_length(path.read_bytes()))
    np.testing.assert_array_equal(heard(path), expected)
    np.testing.assert_array_equal(load_audio(path), expected)


@pytest.mark.parametrize("riff", [0, 36, 0xFFFFFFFF])
@pytest.mark.parametrize("before", [b"", b"JUNK\x1c\0\0\0" + bytes(28)])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_wav_whose_recorder_crashed(subtype, before, riff, tmp_path):
    """The samples are there, the lengths are not."""
    path = tmp_path / "a.wav"
    sf.write(path, tones(), RATE, subtype=subtype)
    expected, data = heard(path), path.read_bytes()
    place = data.index(b"data")
    rest = data[place + 8 :]
    head = data[:4] + struct.pack("<I", riff) + data[8:12] + before + data[12:place]
    path.write_bytes(head + b"data" + bytes(4) + rest)
    np.testing.assert_array_equal(heard(path), expected)
    path.write_bytes(head + b"data" + bytes(4))
    assert "holds no samples" in refused(compute_spectra, path)


@pytest.mark.parametrize("unknown", [bytes(8), b"\xff" * 8])
def test_caf_of_unknown_length(unknown, tmp_path):
    path = tmp_path / "a.caf"
    sf.write(path, tones(), RATE, subtype="PCM_16")
    expected, data = heard(path), path.read_bytes()
    place = data.index(b"data") + 4
    path.write_bytes(data[:place] + unknown + data[place + 8 :])
    np.testing.assert_array_equal(heard(path), expected)


@pytest.mark.parametrize(("form", "place", "size"), [("RF64", 28, 8), ("AU", 8, 4)])
def test_other_headers_of_unknown_length(form, place, size, tmp_path):
    path = tmp_path / "a"
    sf.write(path, tones(), RATE, format=form, subtype="PCM_16")
    expected, data = heard(path), bytearray(path.read_bytes())
    assert any(data[place : place + size]) and len(expected) == len(tones())
    data[place : place + size] = bytes(size)
    path.write_bytes(data)
    np.testing.assert_array_equal(heard(path), expected)


@pytest.mark.parametrize("name", ["a.raw", "a.RAW", "a.wav", "a.vox", "a", "ä b.mp3"])
@pytest.mark.parametrize("form", ["WAV", "FLAC", "AIFF", "NIST"])
def test_names_say_nothing_about_what_is_inside(form, name, tmp_path):
    sf.write(tmp_path / name, tones(), RATE, format=form, subtype="PCM_16")
    np.testing.assert_allclose(heard(tmp_path / name), tones(), atol=1e-4)
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(20_000))
    if name.lower().endswith("raw"):
        assert "not readable as audio" in refused(open_recording, tmp_path / name, None)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "GSM610"), ("WAV", "G721_32"), ("WAV", "IMA_ADPCM"), ("WAV", "NMS_ADPCM_32"),
     ("AU", "G723_24"), ("AIFF", "DWVW_16"), ("AU", "ULAW"), ("SDS", "PCM_16"), ("WAV", "PCM_U8"),
     ("NIST", "PCM_16"), ("PVF", "PCM_16"), ("VOC", "PCM_16"), ("PAF", "PCM_16"),
     ("MAT4", "PCM_16"), ("AVR", "PCM_16"), ("IRCAM", "PCM_16"), ("SVX", "PCM_16")],
)  # fmt: skip
def test_kinds_that_cannot_be_sought_in(form, subtype, tmp_path):
    samples = soxr.resample(np.resize(tones(), 45 * RATE), RATE, 8_000)
    sf.write(tmp_path / "a", samples, 8_000, format=form, subtype=subtype)
    found, expected = heard(tmp_path / "a"), soxr.resample(samples, 8_000, RATE)
    assert abs(len(found) - len(expected)) < RATE
    found = found[: len(expected)]
    assert np.corrcoef(found, expected[: len(found)])[0, 1] > 0.8


def test_a_cut_mp3_ends_where_it_ends(tmp_path):
    """Its header claims more; what is read must not hold the memory of earlier blocks."""
    path = tmp_path / "a.mp3"
    sf.write(path, np.resize(tones(), 45 * RATE), RATE)
    whole = heard(path)
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    found = heard(path)
    assert 0.3 * len(whole) < len(found) < 0.7 * len(whole)
    np.testing.assert_allclose(found[: RATE * 5], whole[: RATE * 5], atol=0.01)


@pytest.mark.parametrize("gains", [(1, -1), (0.5, -0.5), (1, -0.7), (1, 0, -1), (1, -1, 0, 0)])
def test_channels_that_cancel_each_other(gains, tmp_path):
    sound = np.concatenate([np.zeros(30 * RATE, np.float32), tones()])  # from the second block on
    channels = sound[:, None] * np.array(gains, np.float32)
    sf.write(tmp_path / "a.wav", channels, RATE, subtype="FLOAT")
    for found in (heard(tmp_path / "a.wav"), load_audio(tmp_path / "a.wav"), heard(channels, RATE)):
        np.testing.assert_allclose(found, sound * max(np.abs(gains)), atol=1e-6)


def test_ordinary_channels_are_mixed(tmp_path):
    """Also unlike ones, silent ones, and those of another level."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (2 * RATE, 2)).astype(np.float32)
    silent = np.zeros_like(noise[:, :1])
    for channels in (noise, np.hstack([noise[:, :1], silent]), noise[:, :1] * [1, 0.1], noise):
        np.testing.assert_allclose(heard(channels, RATE), channels.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("offset", [0.05, 0.5, -0.3])
def test_a_constant_offset_is_no_sound(offset, rate, tmp_path):
    sf.write(tmp_path / "a.wav", tones(rate=rate), rate, subtype="FLOAT")
    expected = compute_spectra(tmp_path / "a.wav")
    sf.write(tmp_path / "b.wav", tones(rate=rate) + offset, rate, subtype="FLOAT")
    found = compute_spectra(tmp_path / "b.wav")
    loud = expected.long[:, :20] > expected.long.max() - 100  # within 50 dB, the low keys
    difference = found.long[:, :20].astype(int) - expected.long[:, :20]
    assert np.abs(difference[loud]).mean() < 2  # bytes of half a decibel
    bands = found.bands.astype(int) - expected.bands
    assert np.abs(bands[expected.bands > expected.bands.max() - 100]).mean() < 2


def test_a_small_offset_changes_nothing():
    """Sampled pianos have it; what was published was computed with it."""
    quiet = tones() + np.float32(0.1) * tones().std()
    np.testing.assert_array_equal(heard(quiet, RATE), quiet)


def test_integers_in_wider_types():
    narrow = (tones() * 32767).astype(np.int16)
    expected = heard(narrow, RATE)
    for samples in (narrow.astype(np.int32), narrow.astype(np.int64), narrow.tolist()):
        np.testing.assert_array_equal(heard(samples, RATE), expected)
    for bits, kind in ((24, np.int32), (32, np.int32), (32, np.int64), (24, np.int64)):
        samples = (tones().astype(float) * (2 ** (bits - 1) - 1)).astype(kind)
        np.testing.assert_allclose(heard(samples, RATE), tones(), atol=1e-5)
    eight = np.round(tones() * 127 + 128).astype(np.uint8)
    loose = heard(eight, RATE)
    assert np.corrcoef(loose, tones())[0, 1] > 0.95 and abs(loose[RATE:].mean()) < 0.01
    least = np.array([np.iinfo(np.int64).min, 0] * RATE)
    assert np.abs(heard(least, RATE)).max() <= 1


def test_what_is_there_instead_of_a_recording(tmp_path):
    said = {
        "page.mp3": (b"<!doctype html><html>404</html>" * 50, "is a web page"),
        "score.wav": (b'<?xml version="1.0"?>\n<score-partwise/>', "is an XML file"),
        "list.flac": (b"track one\ntrack two\n", "is a text file"),
        "song.wav": (tracks(NOTES + END), "recording comes first"),
        "clip.m4a": (b"\0\0\0\x20ftypM4A " + bytes(99), "MP4"),
        "empty.wav": (b"", "not readable as audio"),
        "packed.wav": (b"\x1f\x8b\x08" + bytes(99), "it is a gzip archive"),
    }
    for name, (data, words) in said.items():
        (tmp_path / name).write_bytes(data)
        text = refused(open_recording, tmp_path / name, None)
        assert words in text and name in text
    for read in (lambda path: open_recording(path, None), read_midi_score):
        assert "is a folder" in refused(read, tmp_path)
        assert "no such file" in refused(read, tmp_path / "missing.wav")
        for address in ("https://example.org/a.mp3", "file:///a.mp3", "s3://bucket/a.mid"):
            assert f"{address}: is an address" in refused(read, address)
    (tmp_path / "r.mid").write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(60))
    assert "the recording comes first" in refused(read_midi_score, tmp_path / "r.mid")


def test_a_pipe_is_said_to_be_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for read in (lambda path: open_recording(path, None), read_midi_score):
        assert "is a pipe" in refused(read, tmp_path / "pipe")


def test_nothing_but_the_message_is_printed(tmp_path, capfd):
    """libmpg123 prints what it meets on its way through something that is no sound."""
    (tmp_path / "page.mp3").write_bytes(b"\n<html><body>Not found</body></html>" * 99)
    refused(open_recording, tmp_path / "page.mp3", None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("event", [b"\x60\xb0\x07\xff", b"\x60\x90\x41\xc8", b"\x60\xc0\xfe"])
def test_values_above_127_are_read_as_mido_clips_them(event):
    body = NOTES + event + b"\x30\x80\x41\x40" + END
    score = read_midi_score(tracks(body))
    assert score.events.remarks == ("track 1 has 1 messages with values above 127, read as 127",)
    reference = mido.MidiFile(file=io.BytesIO(tracks(body)), clip=True)
    expected = [bytes(m.bytes()) for m in reference.tracks[0] if not m.is_meta]
    assert score.events.messages == expected
    times = np.cumsum([m.time for m in reference.tracks[0] if not m.is_meta])
    assert score.events.table["tick"].tolist() == times.tolist()


def test_counts_and_lengths_of_tracks():
    two = tracks(NOTES + END, NOTES + END)
    alien = two[:14] + b"XFIH\0\0\0\4abcd" + two[14:]
    expected = read_midi_score(two).notes
    assert not read_midi_score(two).events.remarks
    for data, said in (
        (tracks(NOTES + END, NOTES + END, count=3), "has 2 of the 3 tracks"),
        (tracks(NOTES + END, NOTES + END, count=1), None),
        (alien, None),
        (alien[:10] + b"\0\3" + alien[12:], None),  # the maker's own chunk is counted
        (bytes(128) + two, None),  # a MacBinary
        (two[:18] + bytes(4) + two[22:], "track 1 does not have the length"),
        (two.replace(struct.pack(">I", len(NOTES + END)), b"\0\1\0\0"), "track 1 does not"),
        (two[: -len(NOTES + END) - 4] + b"\xff" * 4 + NOTES + END, "track 2 does not have"),
    ):
        score = read_midi_score(data)
        assert score.notes.equals(expected)
        remarks = score.events.remarks
        assert (said in remarks[0]) if said else not remarks
    track = 14 + 8 + len(NOTES + END)  # where the second begins
    for between in (b"\0", b"\r\n", b"\0\0\0", bytes(99), b"XFIH\0\0\0\3abc\0"):
        score = read_midi_score(two[:track] + between + two[track:])
        assert score.notes.equals(expected)
        assert score.events.remarks == ("bytes before track 2 that are no track are left out",)
    for more in (1, 4, 8):  # into the next track's header
        claimed = struct.pack(">I", len(NOTES + END) + more)
        score = read_midi_score(two[:18] + claimed + two[22:])
        assert score.notes.equals(expected)
        assert score.events.remarks == ("track 1 does not have the length that it claims",)
    assert not read_midi_score(two + bytes(99)).events.remarks
    for cut in (two[:-1], two[:-7], two[:40]):
        assert "cut off" in refused(read_midi_score, cut)


@pytest.fixture(scope="module")
def example() -> tuple[Path, Path]:
    folder = Path(__file__).resolve().parents[1] / "examples"
    return folder / "recording.flac", folder / "loose.mid"


def test_a_result_comes_back_from_another_process(example):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        result = pool.submit(align, *map(str, example)).result()
    again = pickle.loads(pickle.dumps(result))
    assert again.notes.equals(result.notes) and again.midi_bytes() == result.midi_bytes()
