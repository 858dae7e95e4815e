"""The project's own ways to place notes, as they stand in the comparison with other tools."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import HYBRID_VARIANT, CorpusPaths
from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.audio import SAMPLE_RATE

from .placed import Aligner, Placed, placed

WARM_UP_S = 4.0


def start(method: str, paths: CorpusPaths, params: dict[str, Any]) -> None:
    """Import what a method needs, load its network and have everything compile, on a few tones."""
    onset_s = np.arange(0.5, WARM_UP_S - 0.5, 0.25)
    time_s = np.arange(round(WARM_UP_S * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 440 * time_s) * np.exp(-8 * (time_s % 0.25))
    notes = pd.DataFrame(
        {"pitch": 69, "velocity": 64, "onset_s": onset_s, "offset_s": onset_s + 0.2}
    )
    notes.insert(0, "note_id", np.arange(len(notes)))
    with contextlib.suppress(InputError):  # the localizer may find that a tone is no piano
        prepare(method, tone.astype(np.float32), paths, params)(notes)


def prepare(method: str, audio: np.ndarray, paths: CorpusPaths, params: dict[str, Any]) -> Aligner:
    """Return a function that aligns notes to a recording (mono, 16 kHz).

    `hybrid` is given notes that were warped before.
    """
    if method == "localizer":
        return _localizer(audio)
    import torch

    from pianoalign_lib.methods import placing as methods

    torch.set_num_threads(1)
    name = HYBRID_VARIANT if method in ("crnn", "hybrid") else method
    align = methods.prepare(name, audio, paths, params)

    def converted(notes: pd.DataFrame) -> Placed:
        placement = align(notes)
        return placed(placement.onset_s, placement.placed, placement.confidence)

    return converted


def _localizer(audio: np.ndarray) -> Aligner:
    from pianoalign_lib.localizer.locate import locate
    from pianoalign_lib.localizer.spectra import compute_spectra

    spectra = compute_spectra(audio, SAMPLE_RATE)

    def align(notes: pd.DataFrame) -> Placed:
        found = locate(spectra, notes)
        return Placed(found.onset_s, found.confidence, found.status)

    return align
