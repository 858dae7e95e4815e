"""Sound in containers that libsndfile does not read: m4a, AAC, wma, video."""

from __future__ import annotations

import builtins
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf

from pianoalign_lib import align, cli
from pianoalign_lib.common.errors import ConfigError, InputError, PianoAlignError
from pianoalign_lib.io.audio import SAMPLE_RATE, load_audio, read_blocks
from pianoalign_lib.io.recording import open_recording

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CODECS = {"m4a": "aac", "aac": "aac", "wma": "wmav2", "mkv": "aac", "mov": "alac", "avi": "mp2"}
LATE_S = 1.5


def write(path: Path, samples: np.ndarray, rate: int = 44_100, late_s: float = 0.0) -> None:
    """Write a mono signal; with `late_s`, a video whose sound begins so much later."""
    codec = CODECS[path.suffix[1:]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono", bit_rate=128_000)
        if late_s:
            video = container.add_stream("mpeg4", rate=10)
            video.width = video.height = 16
            for k in range(round(10 * late_s) + 5):
                picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
                picture.pts = k
                container.mux(video.encode(picture))
            container.mux(video.encode())
        frame = av.AudioFrame.from_ndarray(
            np.round(32767 * samples[None]).astype(np.int16), "s16", "mono"
        )
        frame.rate, frame.pts = rate, round(late_s * rate)
        fitting = av.AudioResampler(
            stream.codec_context.format, "mono", rate, stream.codec_context.frame_size or 4096
        )
        for part in [*fitting.resample(frame), *fitting.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode())


def clicks(rate: int, seconds: float = 25.0) -> np.ndarray:
    """Return a decaying tone every five seconds, more than a block of them."""
    since_s = np.arange(round(seconds * rate)) / rate % 5.0
    return (0.5 * np.sin(2 * np.pi * 440 * since_s) * np.exp(-8 * since_s)).astype(np.float32)


def lag_s(found: np.ndarray, expected: np.ndarray) -> float:
    """Return by how much later the first is, by cross-correlation of a few seconds."""
    size = 8 * SAMPLE_RATE
    spectra = (np.fft.rfft(each[:size], 2 * size) for each in (found, expected))
    one, other = spectra
    lags = np.fft.irfft(one * other.conj())
    best = int(lags.argmax())
    return (best if best < size else best - 2 * size) / SAMPLE_RATE


@pytest.mark.parametrize("suffix", CODECS)
def test_sound_is_where_it_was(suffix: str, tmp_path: Path) -> None:
    path, whole = tmp_path / f"a.{suffix}", tmp_path / "a.wav"
    write(path, clicks(44_100))
    sf.write(whole, clicks(44_100), 44_100)
    recording = open_recording(path, None)
    assert recording.sample_rate == 44_100
    blocks = list(read_blocks(recording.source))
    found, expected = np.concatenate(blocks), load_audio(whole)
    assert len(blocks) > 1
    # AAC without a container says nothing of the samples that its encoder puts before the sound.
    before_s = 0.05 if suffix in ("aac", "wma", "avi") else 0.001
    assert abs(lag_s(found, expected)) <= before_s
    assert abs(len(found) - len(expected)) / SAMPLE_RATE < 0.12
    assert np.corrcoef(load_audio(path)[: len(found)], found)[0, 1] > 0.999


def test_sound_that_begins_later_than_the_video(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.mkv", tmp_path / "a.wav"
    write(path, clicks(44_100, 12.0), late_s=LATE_S)
    sf.write(whole, clicks(44_100, 12.0), 44_100)
    assert lag_s(load_audio(path), load_audio(whole)) == pytest.approx(LATE_S, abs=0.03)


def test_a_video_is_aligned_like_its_recording(tmp_path: Path) -> None:
    samples, rate = sf.read(EXAMPLES / "recording.flac", dtype="float32")
    write(tmp_path / "a.mkv", samples, rate)
    expected = align(EXAMPLES / "recording.flac", EXAMPLES / "loose.mid").notes
    found = align(tmp_path / "a.mkv", EXAMPLES / "loose.mid").notes
    assert (found["status"] == "aligned").mean() > 0.98
    assert (found["onset_s"] - expected["onset_s"]).abs().quantile(0.95) < 0.005


def test_without_pyav_one_line_names_it(tmp_path: Path, monkeypatch, capsys) -> None:
    path, out = tmp_path / "a.m4a", tmp_path / "out.mid"
    write(path, clicks(44_100, 3.0))
    known = builtins.__import__

    def without(name, *arguments, **options):
        if name == "av":
            raise ImportError("No module named 'av'", name="av")
        return known(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'pianoalign\[media\]'"):
        load_audio(path)
    assert cli.main(["align", str(path), str(EXAMPLES / "loose.mid"), "-o", str(out)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line and not out.exists()


@pytest.mark.parametrize("suffix", ["m4a", "mkv", "wma"])
def test_damaged_files_are_read_or_refused_in_a_line(suffix: str, tmp_path: Path) -> None:
    path, refused = tmp_path / f"a.{suffix}", 0
    write(path, clicks(44_100, 3.0))
    data, rng = path.read_bytes(), np.random.default_rng(3)
    for _ in range(15):
        changed = bytearray(data)
        where = int(rng.integers(16, len(data)))
        if rng.random() < 0.5:
            del changed[where:]
        else:
            changed[where : where + 8] = rng.bytes(8)
        path.write_bytes(changed)
        try:
            assert np.isfinite(load_audio(path)).all()
        except PianoAlignError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused < 15


def test_a_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width = video.height = 16
        container.mux(
            video.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24"))
        )
        container.mux(video.encode())
    with pytest.raises(InputError, match="an MP4 file without sound"):
        load_audio(path)
