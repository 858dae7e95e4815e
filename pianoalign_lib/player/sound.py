"""Sound as a page holds it: mono Ogg/Opus."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile as sf

from ..io.audio import SAMPLE_RATE, read_blocks
from ..io.recording import Recording

COMPRESSION = 0.8  # of 0 to 1, in libsndfile's measure; about 56 kbit/s
PEAK = 0.89  # of full scale: Opus may go a little beyond the loudest sample


@dataclass(frozen=True)
class Sound:
    """Mono samples at 16 kHz, and the file made of them."""

    samples: np.ndarray
    encoded: bytes

    def peaks(self, number: int) -> np.ndarray:
        """Return the loudest sample of each of `number` parts, or of fewer if it is short."""
        parts = np.array_split(np.abs(self.samples), min(number, len(self.samples)))
        return np.array([part.max() for part in parts])


def opus(recording: Recording, longest_s: float) -> tuple[Sound, float]:
    """Return a recording's first `longest_s` seconds as Ogg/Opus, and how many they are."""
    blocks, wanted, parts = read_blocks(recording.source, recording.sample_rate), 0, []
    for block in blocks:
        parts.append(block)
        wanted += len(block)
        if wanted >= longest_s * SAMPLE_RATE:
            break
    samples = np.concatenate(parts)[: int(longest_s * SAMPLE_RATE)].astype(np.float32)
    samples *= PEAK / max(float(np.abs(samples).max()), 1e-9)
    buffer = io.BytesIO()
    sf.write(
        buffer, samples, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=COMPRESSION
    )
    return Sound(samples, buffer.getvalue()), len(samples) / SAMPLE_RATE
