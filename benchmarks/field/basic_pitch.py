"""basic-pitch 0.4.0 (Bittner et al., ICASSP 2022): a small network that transcribes any instrument.

Run as its command does, with its thresholds or some for a known score, by the ONNX file among its
models, on one thread.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.placement import Placement

from .matching import place_on

ADVISED = {"onset_threshold": 0.5, "frame_threshold": 0.3, "minimum_note_length": 127.7}
# Chosen on the validation recordings of both corpora: python -m benchmarks.field.thresholds
FOR_SCORE = {"onset_threshold": 0.5, "frame_threshold": 0.1, "minimum_note_length": 30.0}


def start() -> None:
    """Import the tool, load its network, and have what it imports compile."""
    hear(np.sin(np.arange(SAMPLE_RATE) / 5).astype(np.float32))


def hear(audio: np.ndarray, thresholds: Mapping[str, float] = ADVISED) -> pd.DataFrame:
    """Transcribe a recording.

    Parameters
    ----------
    audio : np.ndarray [shape=(n_samples,)]
        Mono, 16 kHz.
    thresholds
        As basic-pitch's ``predict`` names them.

    Returns
    -------
    pandas.DataFrame
        Columns pitch and onset_s.
    """
    return notes_of(answer(audio), thresholds)


def notes_of(output: Mapping[str, np.ndarray], thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Return the notes in what the network answers, as basic-pitch's ``predict`` does."""
    from basic_pitch.constants import AUDIO_SAMPLE_RATE, FFT_HOP
    from basic_pitch.note_creation import model_output_to_notes

    shortest_s = thresholds["minimum_note_length"] / 1000
    _, events = model_output_to_notes(
        output,
        onset_thresh=thresholds["onset_threshold"],
        frame_thresh=thresholds["frame_threshold"],
        min_note_len=int(np.round(shortest_s * AUDIO_SAMPLE_RATE / FFT_HOP)),
    )
    rows = [(int(event[2]), float(event[0])) for event in events]
    return pd.DataFrame(rows, columns=["pitch", "onset_s"])


def activations(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which keys sound and which begin (both shape=(n_frames, 88)), and the frames' times.

    `audio` as in :func:`hear`; the times are in seconds.
    """
    from basic_pitch.note_creation import model_frames_to_time

    output = answer(audio)
    return output["note"], output["onset"], model_frames_to_time(len(output["note"]))


def prepare(audio: np.ndarray) -> Callable[[pd.DataFrame], Placement]:
    """Return a function that places notes on what is heard in a recording."""
    return place_on(hear(audio))


class ForScore:
    """With thresholds for a known score, where a note too much does no harm, as an adapter."""

    start = staticmethod(start)
    place_on = staticmethod(place_on)

    @staticmethod
    def hear(audio: np.ndarray) -> pd.DataFrame:
        """Transcribe a recording, as the function of this name."""
        return hear(audio, FOR_SCORE)


def answer(audio: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return what the network answers to a recording: note, onset and contour, frame by frame."""
    import soundfile as sf
    from basic_pitch.inference import run_inference

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.wav"
        sf.write(path, audio, SAMPLE_RATE, subtype="FLOAT")
        with contextlib.redirect_stdout(io.StringIO()):
            return run_inference(path, _model())


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
