"""Transkun 2.0.1 (Yan & Duan, ISMIR 2024): a transformer that transcribes piano to notes.

Run as its command does (``transkun/transcribe.py``): its 2.0 weights, segments of 16 s every 8 s.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.placement import Placement

from .matching import place_on


def start() -> None:
    """Import the tool and load its network."""
    _model()


def hear(audio: np.ndarray, rate: int = SAMPLE_RATE) -> pd.DataFrame:
    """Transcribe a recording.

    Parameters
    ----------
    audio : np.ndarray [shape=(n_samples,)]
        Mono; resampled to Transkun's 44.1 kHz as its command does it.
    rate
        Of the audio, in Hz.

    Returns
    -------
    pandas.DataFrame
        Columns pitch and onset_s.
    """
    import soxr
    import torch

    model = _model()
    samples = soxr.resample(audio[:, None], rate, model.fs)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about gradients, which nothing here needs
        events = model.transcribe(torch.from_numpy(samples))
    # Negative pitches are pedals.
    rows = [(int(event.pitch), float(event.start)) for event in events if event.pitch > 0]
    return pd.DataFrame(rows, columns=["pitch", "onset_s"])


def prepare(audio: np.ndarray) -> Callable[[pd.DataFrame], Placement]:
    """Return a function that places notes on what is heard in a recording."""
    return place_on(hear(audio))


@cache
def _model():
    import moduleconf
    import torch

    torch.set_num_threads(1)
    folder = files("transkun") / "pretrained"
    configuration = moduleconf.parseFromFile(str(folder / "2.0.conf"))["Model"]
    with _torchaudio():
        model = configuration.module.TransKun(conf=configuration.config)
    checkpoint = torch.load(str(folder / "2.0.pt"), map_location="cpu", weights_only=True)
    weights = checkpoint.get("best_state_dict") or checkpoint["state_dict"]
    model.load_state_dict(weights, strict=False)
    return model.eval()


@contextmanager
def _torchaudio() -> Iterator[None]:
    """Lend Transkun the one function it takes from torchaudio.

    Torchaudio's wheels need the libraries of CUDA, which the CPU build of PyTorch comes without.
    The filterbank is among Transkun's stored weights, which replace what is computed here.
    """
    import librosa
    import torch

    def melscale_fbanks(n_freqs, f_min, f_max, n_mels, sample_rate):
        filters = librosa.filters.mel(
            sr=sample_rate, n_fft=2 * (n_freqs - 1), n_mels=n_mels, fmin=f_min, fmax=f_max,
            htk=True, norm=None,
        )  # fmt: skip
        return torch.from_numpy(filters.T.copy())

    module = types.ModuleType("torchaudio")
    module.functional = types.SimpleNamespace(melscale_fbanks=melscale_fbanks)  # type: ignore[attr-defined]
    before = sys.modules.get("torchaudio")
    sys.modules["torchaudio"] = module
    try:
        yield
    finally:
        if before is None:
            del sys.modules["torchaudio"]
        else:
            sys.modules["torchaudio"] = before
