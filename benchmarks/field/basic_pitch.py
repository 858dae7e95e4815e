"""basic-pitch 0.4.0 (Bittner et al., ICASSP 2022): a small network that transcribes any instrument.

Run as its command does, with its thresholds, by the ONNX file among its models, on one thread.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.placement import Placement

from .matching import place_on


def start() -> None:
    """Import the tool, load its network, and have what it imports compile."""
    hear(np.sin(np.arange(SAMPLE_RATE) / 5).astype(np.float32))


def hear(audio: np.ndarray) -> pd.DataFrame:
    """Transcribe a recording.

    Parameters
    ----------
    audio : np.ndarray [shape=(n_samples,)]
        Mono, 16 kHz.

    Returns
    -------
    pandas.DataFrame
        Columns pitch and onset_s.
    """
    import soundfile as sf
    from basic_pitch.inference import predict

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.wav"
        sf.write(path, audio, SAMPLE_RATE, subtype="FLOAT")
        with contextlib.redirect_stdout(io.StringIO()):
            _, _, events = predict(path, _model())
    rows = [(int(event[2]), float(event[0])) for event in events]
    return pd.DataFrame(rows, columns=["pitch", "onset_s"])


def prepare(audio: np.ndarray) -> Callable[[pd.DataFrame], Placement]:
    """Return a function that places notes on what is heard in a recording."""
    return place_on(hear(audio))


@cache
def _model():
    import onnxruntime
    from basic_pitch import FilenameSuffix, build_icassp_2022_model_path
    from basic_pitch.inference import Model

    path = str(build_icassp_2022_model_path(FilenameSuffix.onnx))
    model = Model(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model.model = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    return model
