"""Piano rolls of one recording before and after the network, for figure 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.config import CorpusPaths, variant_config
from ..corpora.recordings import Recording, load_recording
from ..corpora.timing_errors import loose_notes
from ..crnn.checkpoints import load_checkpoint
from ..crnn.features import compute_features
from ..crnn.inference import RecordingEncoder
from ..io.notes import piano_roll


@dataclass(frozen=True)
class RollExample:
    """What the network is given, says, and should say, all [shape=(n_frames, 88)].

    Attributes
    ----------
    log_cqt : np.ndarray
        0 (80 dB below the recording's maximum) to 1.
    unaligned, predicted, aligned : np.ndarray
        Binary rolls: the input MIDI, the network's output at its threshold, the true notes.
    fps
        Frames per second; frame k is centred on k / fps seconds.
    """

    log_cqt: np.ndarray
    unaligned: np.ndarray
    predicted: np.ndarray
    aligned: np.ndarray
    fps: int


def roll_example(
    paths: CorpusPaths,
    params: dict[str, Any],
    recording: Recording,
    *,
    variant: str = "crnn",
    condition: str = "note100",
) -> RollExample:
    """Run a variant on one recording of the ``eval`` part, with the very input it is evaluated on.

    Raises
    ------
    CorpusError, CheckpointError, ConfigError
        If the recording, the checkpoint or the condition is missing.
    """
    config = variant_config(params, variant)
    model, info = load_checkpoint(paths.checkpoints / f"{variant}.safetensors", expected=config)
    audio, notes = load_recording(paths.split("eval"), recording)
    loose = loose_notes(notes, condition, recording.recording, params)
    heard = compute_features(audio, config.representation, config.fps)
    posterior = RecordingEncoder(model, heard, config.fps).posterior(loose)
    is_log_cqt = config.representation == "log_cqt"
    return RollExample(
        log_cqt=heard if is_log_cqt else compute_features(audio, "log_cqt", config.fps),
        unaligned=piano_roll(loose, len(heard), config.fps) > 0,
        predicted=posterior >= info.threshold,
        aligned=piano_roll(notes, len(heard), config.fps) > 0,
        fps=config.fps,
    )
