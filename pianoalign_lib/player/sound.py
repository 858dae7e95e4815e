"""Sound as a page or a widget holds it: the beginning of a recording, mono."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile as sf

from ..io.audio import SAMPLE_RATE, read_blocks
from ..io.recording import Recording
from .ogg import numbered

COMPRESSION = 0.8  # of 0 to 1, in libsndfile's measure of Opus; about 56 kbit/s
PEAK = 0.89  # of full scale: Opus may go a little beyond the loudest sample


@dataclass(frozen=True)
class Sound:
    """Mono samples at 16 kHz."""

    samples: np.ndarray

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / SAMPLE_RATE

    def peaks(self, number: int) -> np.ndarray:
        """Return the loudest sample of each of `number` parts, or of fewer if it is short."""
        parts = np.array_split(np.abs(self.samples), min(number, len(self.samples)))
        return np.array([part.max() for part in parts])

    def opus(self) -> bytes:
        """Return an Ogg/Opus file: small, and takes a second per half a minute."""
        options = {"format": "OGG", "subtype": "OPUS", "compression_level": COMPRESSION}
        return numbered(self._written(**options))

    def flac(self) -> bytes:
        """Return a FLAC file: made in no time, and four times as large."""
        return self._written(format="FLAC", subtype="PCM_16")

    def _written(self, **options) -> bytes:
        buffer = io.BytesIO()
        sf.write(buffer, self.samples, SAMPLE_RATE, **options)
        return buffer.getvalue()


def beginning(recording: Recording, longest_s: float) -> Sound:
    """Return a recording's first `longest_s` seconds, as loud as can be."""
    wanted, found, parts = int(longest_s * SAMPLE_RATE), 0, []
    for block in read_blocks(recording.source, recording.sample_rate):
        parts.append(block)
        found += len(block)
        if found >= wanted:
            break
    samples = np.concatenate(parts)[:wanted].astype(np.float32)
    return Sound(samples * (PEAK / max(float(np.abs(samples).max()), 1e-9)))
