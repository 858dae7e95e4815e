"""Sound in what libsndfile does not read: m4a, AAC, wma, video. By PyAV, the extra ``[media]``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..common.errors import ConfigError, InputError

# What `given.kind_of` calls them.
MEDIA = (
    "an MP4 file", "a Windows Media file", "a Matroska file", "an AAC file", "an AVI file",
    "a Flash video", "an MPEG video",
)  # fmt: skip
MEDIA_SUFFIXES = (
    ".m4a", ".aac", ".wma", ".mp4", ".m4v", ".mov", ".mkv", ".mka", ".webm", ".avi", ".mpg", ".flv",
)  # fmt: skip
GAP_S = 0.1  # between packets: sound that is missing, not how exactly their times are written


class MediaSound:
    """The first audio stream of a file, as :func:`~.audio.open_sound` gives sound.

    Sound is where the file's times have it, 0 being where its first stream begins: a video whose
    sound begins later begins with silence.
    """

    def __init__(self, container: Any) -> None:
        self._container, self._stream = container, container.streams.audio[0]
        self.samplerate = int(self._stream.rate)
        begin = container.start_time or 0  # in microseconds, as its duration
        self._begin_s = begin / 1e6
        self.frames = round((container.duration or 0) / 1e6 * self.samplerate)

    def parts(self, block_s: float = 20.0) -> Iterator[np.ndarray]:
        """Yield blocks of shape (n_samples, n_channels), of about `block_s` each."""
        ready, n_ready = [], 0
        for part in self._frames():
            ready.append(part)
            n_ready += len(part)
            if n_ready >= block_s * self.samplerate:
                yield np.concatenate(ready)
                ready, n_ready = [], 0
        if ready:
            yield np.concatenate(ready)

    def _frames(self) -> Iterator[np.ndarray]:
        import av

        planes = av.AudioResampler(format="fltp", rate=self.samplerate, layout=self._stream.layout)
        done = 0
        for frame in self._container.decode(self._stream):
            if frame.pts is not None:
                place = (float(frame.pts * frame.time_base) - self._begin_s) * self.samplerate
                missing = round(place) - done
                if missing > GAP_S * self.samplerate:
                    done += missing
                    yield np.zeros((missing, self._stream.channels), np.float32)
            for plain in planes.resample(frame):
                samples = plain.to_ndarray().T
                done += len(samples)
                yield samples


@contextmanager
def open_media(path: Path, kind: str) -> Iterator[MediaSound]:
    """Open a file of a `kind` of :data:`MEDIA`.

    Raises
    ------
    ConfigError
        If PyAV is not installed.
    InputError
        If the file holds no sound, or is damaged, also while it is read.
    """
    try:
        import av
    except ImportError as error:
        raise ConfigError(
            f"{path}: is {kind}, which needs PyAV: pip install 'pianoalign[media]', or convert it "
            "to WAV or FLAC"
        ) from error
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            # A stream of an unknown or damaged kind has no codec, and no rate.
            if not any(stream.codec_context for stream in container.streams.audio[:1]):
                raise InputError(f"{path}: is {kind} without sound; give a recording")
            yield MediaSound(container)
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path}: not readable as audio ({error.strerror or error}; it is {kind}); convert it "
            "to WAV or FLAC"
        ) from error
