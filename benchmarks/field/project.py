"""The project's own ways to place notes, as they stand in the comparison with other tools."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import HYBRID_VARIANT, CorpusPaths
from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.placement import Placement

WARM_UP_S = 4.0
LOCALIZERS = ("localizer", "localizer_best")  # by the names of their weights
NAMES = {"synctoolbox": "dtw", "crnn": HYBRID_VARIANT, "hybrid": HYBRID_VARIANT}


@dataclass(frozen=True)
class Own:
    """A method of ours as an adapter; `hybrid` is given notes that were warped before."""

    method: str
    paths: CorpusPaths
    params: dict[str, Any]

    def start(self) -> None:
        """Place a few tones."""
        onset_s = np.arange(0.5, WARM_UP_S - 0.5, 0.25)
        time_s = np.arange(round(WARM_UP_S * SAMPLE_RATE)) / SAMPLE_RATE
        tone = np.sin(2 * np.pi * 440 * time_s) * np.exp(-8 * (time_s % 0.25))
        notes = pd.DataFrame(
            {"pitch": 69, "velocity": 64, "onset_s": onset_s, "offset_s": onset_s + 0.2}
        )
        notes.insert(0, "note_id", np.arange(len(notes)))
        with contextlib.suppress(InputError):  # the localizer may find that a tone is no piano
            self.prepare(tone.astype(np.float32))(notes)

    def prepare(self, audio: np.ndarray) -> Callable[[pd.DataFrame], Placement]:
        """Return a function that places notes on a recording."""
        if self.method in LOCALIZERS:  # without torch, and failing where it fails
            from pianoalign_lib.localizer.locate import locate
            from pianoalign_lib.localizer.runner import load_runner
            from pianoalign_lib.localizer.spectra import compute_spectra

            return partial(locate, compute_spectra(audio), runner=load_runner(self.method))
        from pianoalign_lib.crnn.inference import use_one_thread
        from pianoalign_lib.methods.placing import prepare

        use_one_thread()
        name = NAMES.get(self.method, self.method)
        return prepare(name, audio, self.paths, self.params)
