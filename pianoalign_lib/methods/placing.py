"""Every way to place notes: a method is prepared once per recording, then given loose notes.

``none`` leaves the input as it is, ``dtw`` warps it as a whole, a network variant moves each note,
``hybrid`` (:mod:`pianoalign_lib.methods.predict`) is the network on what DTW returns,
``<variant>_of_<corpus>`` a variant that was trained on another corpus, and ``localizer`` the
note-level aligner, with its ablations after an underscore.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from ..io.placement import NOT_HEARD, Aligner, Placement, placed
from ..localizer.runner import WEIGHTS, load_runner
from ..localizer.spectra import compute_spectra
from ..localizer.transposition import locate
from .dtw import audio_features, map_notes, note_features, warping_path

# Ablations of the localizer that need no other weights.
DECODING_ABLATIONS = {"independent": {"joint": False}, "no_tendency": {"tendency": False}}
HYBRID = "hybrid"


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
    if method in METHODS:
        return METHODS[method](audio)
    family, _, ablation = method.partition("_")
    if family == "localizer":
        return prepare_localizer(audio, ablation, paths.root / "checkpoints" / "localizer")
    variant, _, trained_on = method.partition("_of_")
    if variant not in params["variants"]:
        known = [*METHODS, *params["variants"]]
        raise ConfigError(f"unknown method '{method}'; choose one of {', '.join(known)}")
    trained = replace(paths, corpus=trained_on) if trained_on else paths
    return _prepare_network(variant, audio, trained, params)


def _keep(notes: pd.DataFrame) -> Placement:
    return replace(placed(notes["onset_s"].to_numpy()), offset_s=notes["offset_s"].to_numpy())


def prepare_dtw(audio: np.ndarray) -> Aligner:
    """Return Sync Toolbox on a recording (:mod:`.dtw`)."""
    recording = audio_features(audio)
    return lambda notes: _keep(map_notes(warping_path(recording, note_features(notes)), notes))


def prepare_localizer(audio: np.ndarray, ablation: str = "", folder: Path = WEIGHTS) -> Aligner:
    """Return the note-level aligner on a recording.

    Parameters
    ----------
    audio
        Mono, 16 kHz.
    ablation
        One of `DECODING_ABLATIONS`, or a network of its own in `folder`.
    """
    options = DECODING_ABLATIONS.get(ablation, {})
    runner = load_runner(ablation, folder) if ablation and not options else load_runner()
    spectra = compute_spectra(audio)

    def place(notes: pd.DataFrame) -> Placement:
        try:
            return locate(spectra, notes, runner, **options)[0]
        except InputError:  # taken for another piece: no note is placed
            kept = _keep(notes)
            return replace(kept, status=np.full(len(notes), NOT_HEARD, object))

    return place


def _prepare_network(
    name: str, audio: np.ndarray, paths: CorpusPaths, params: dict[str, Any]
) -> Aligner:
    variant = variant_config(params, name)
    model, info = load_checkpoint(paths.checkpoints / f"{name}.safetensors", expected=variant)
    features = compute_features(audio, variant.representation, variant.fps)
    encoder = RecordingEncoder(model, features, variant.fps)
    max_shift_s = params["decoding"]["max_shift_ms"] / 1000.0

    def place(notes: pd.DataFrame) -> Placement:
        posterior = encoder.posterior(notes)
        onset_s, confidence, heard = place_notes(
            notes, posterior, variant.fps, info.threshold, max_shift_s
        )
        return placed(onset_s, heard, confidence)

    return place


# Those that need nothing but the recording.
METHODS: dict[str, Callable[[np.ndarray], Aligner]] = {
    "none": lambda audio: _keep,
    "dtw": prepare_dtw,
    "localizer": prepare_localizer,
}
