"""Every way to place notes: a method is prepared once per recording, then given loose notes.

``none`` leaves the input as it is, ``dtw`` warps it as a whole, a network variant moves each note,
``hybrid`` (:mod:`pianoalign_lib.methods.predict`) is the network on what DTW returns,
``<variant>_of_<corpus>`` a variant that was trained on another corpus, and ``localizer`` the
note-level aligner, with its ablations after an underscore.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..common.config import CorpusPaths, variant_config
from ..common.errors import ConfigError, InputError
from ..crnn.checkpoints import load_checkpoint
from ..crnn.decoding import place_notes
from ..crnn.features import compute_features
from ..crnn.inference import RecordingEncoder
from .dtw import audio_features, map_notes, note_features, warping_path


@dataclass(frozen=True)
class Placement:
    """What a method says of the notes it was given, in their row order.

    Attributes
    ----------
    onset_s, offset_s : np.ndarray [shape=(n_notes,)]
        A note moved by a network keeps its length.
    confidence : np.ndarray [shape=(n_notes,), dtype=float32]
        0 to 1; NaN where the method gives none.
    placed : np.ndarray [shape=(n_notes,), dtype=bool]
        False where the note keeps its input onset because the method lost it.
    """

    onset_s: np.ndarray
    offset_s: np.ndarray
    confidence: np.ndarray
    placed: np.ndarray


# Ablations of the localizer that need no other weights.
DECODING_ABLATIONS = {"independent": {"joint": False}, "no_tendency": {"tendency": False}}
Aligner = Callable[[pd.DataFrame], Placement]


def prepare(method: str, audio: np.ndarray, paths: CorpusPaths, params: dict[str, Any]) -> Aligner:
    """Return a function that aligns note tables to one recording.

    Parameters
    ----------
    method
        ``none``, ``dtw``, a variant of ``params.yaml``, ``<variant>_of_<corpus>``, ``localizer`` or
        ``localizer_<ablation>``.
    audio : np.ndarray [shape=(n_samples,)]
        Mono, 16 kHz.
    paths
        The corpus whose checkpoints are used.
    params
        All of ``params.yaml``.

    Raises
    ------
    ConfigError
        If the method is unknown.
    CheckpointError
        If its checkpoint is missing or of another variant.
    """
    if method == "none":
        return _keep
    if method == "dtw":
        recording = audio_features(audio)
        return lambda notes: _keep(map_notes(warping_path(recording, note_features(notes)), notes))
    if method.partition("_")[0] == "localizer":
        return _localizer(method, audio, paths.root)
    variant, _, trained_on = method.partition("_of_")
    if variant not in params["variants"]:
        known = ["none", "dtw", "localizer", *params["variants"]]
        raise ConfigError(f"unknown method '{method}'; choose one of {', '.join(known)}")
    trained = replace(paths, corpus=trained_on) if trained_on else paths
    return _network(variant, audio, trained, params)


def _keep(notes: pd.DataFrame) -> Placement:
    return Placement(
        onset_s=notes["onset_s"].to_numpy(copy=True),
        offset_s=notes["offset_s"].to_numpy(copy=True),
        confidence=np.full(len(notes), np.nan, np.float32),
        placed=np.ones(len(notes), bool),
    )


def _localizer(method: str, audio: np.ndarray, root: Path) -> Aligner:
    from ..localizer.locate import locate
    from ..localizer.runner import load_runner
    from ..localizer.spectra import SAMPLE_RATE, compute_spectra

    ablation = method.partition("_")[2]
    options = DECODING_ABLATIONS.get(ablation, {})
    if ablation and not options:
        runner = load_runner(ablation, root / "checkpoints" / "localizer")
    else:
        runner = load_runner()
    spectra = compute_spectra(audio, SAMPLE_RATE)

    def place(notes: pd.DataFrame) -> Placement:
        try:
            found = locate(spectra, notes, runner, **options)
        except InputError:  # taken for another piece: no note is placed
            return replace(_keep(notes), placed=np.zeros(len(notes), bool))
        length_s = (notes["offset_s"] - notes["onset_s"]).to_numpy()
        return Placement(
            found.onset_s,
            found.onset_s + length_s,
            found.confidence.astype(np.float32),
            found.status != "not heard",
        )

    return place


def _network(variant_name: str, audio: np.ndarray, paths: CorpusPaths, params: dict) -> Aligner:
    variant = variant_config(params, variant_name)
    path = paths.checkpoints / f"{variant_name}.safetensors"
    model, info = load_checkpoint(path, expected=variant)
    features = compute_features(audio, variant.representation, variant.fps)
    encoder = RecordingEncoder(model, features, variant.fps)
    max_shift_s = params["decoding"]["max_shift_ms"] / 1000.0

    def place(notes: pd.DataFrame) -> Placement:
        posterior = encoder.posterior(notes)
        onset_s, confidence, placed = place_notes(
            notes, posterior, variant.fps, info.threshold, max_shift_s
        )
        length_s = (notes["offset_s"] - notes["onset_s"]).to_numpy()
        return Placement(onset_s, onset_s + length_s, confidence, placed)

    return place
