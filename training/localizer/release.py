"""From trained weights to what is shipped: an ONNX file that knows how sure it may be.

What a network says is calibrated on the validation recordings: a logistic regression from the
decoded probability to whether the onset is right within 10 ms (Platt 1999). Another one, for all
networks, weighs that with what else is known of a note: pianoalign_lib/localizer/confidence.py.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from scipy.optimize import minimize

from pianoalign_lib.common.config import topic
from pianoalign_lib.common.errors import CheckpointError, InputError
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.corpora.timing_errors import Condition, generator, perturb
from pianoalign_lib.localizer.confidence import clues
from pianoalign_lib.localizer.locate import locate
from pianoalign_lib.localizer.patches import N_CHANNELS, N_SCALARS, N_STEPS
from pianoalign_lib.localizer.runner import CHUNK, DEFAULT, WEIGHTS, Runner, load_runner

from .examples import Source
from .network import Localizer
from .sources import load_sources
from .training import run_path, training_run

TOLERANCE_S = 0.010
EVEN = 64  # velocity of every note of a score
CONDITION = Condition("note100", note_ms=100)
SHIPPED = (DEFAULT, "localizer_1", "localizer_best", "localizer_joint")  # in the package


def release_localizer(root: Path, params: dict[str, Any], variant: str) -> Path:
    """Write a variant's ONNX file, calibrated; those that are shipped into the package.

    Raises
    ------
    CheckpointError
        If the variant has not been trained.
    """
    path = run_path(root, variant)
    if not path.is_file():
        raise CheckpointError(f"{path}: not found; run 'python -m training.localizer train' first")
    model = Localizer(training_run(params, variant).network)
    model.load_state_dict(load_file(path))
    folder = _folder(root, variant)
    target = folder / f"{variant}.onnx"
    copies = topic(params, "localizer")["copies"]
    _export(model.eval(), target, (1.0, 0.0))
    load_runner.cache_clear()
    validation = load_sources(root, params, "validation", copies, augmented=True)
    _export(model, target, fit_calibration(load_runner(variant, folder), validation))
    load_runner.cache_clear()
    return target


def _folder(root: Path, variant: str) -> Path:
    return WEIGHTS if variant in SHIPPED else root / "checkpoints" / "localizer"


def _export(model: Localizer, target: Path, calibration: tuple[float, float]) -> None:
    import onnx

    example = (
        torch.zeros(2 * CHUNK, N_STEPS, N_CHANNELS, dtype=torch.uint8),
        torch.zeros(2 * CHUNK, N_SCALARS),
    )
    n_notes = CHUNK * torch.export.Dim("n_chunks", min=1)
    program = torch.onnx.export(
        model,
        example,
        input_names=["patches", "scalars"],
        output_names=["scores"],
        dynamic_shapes=({0: n_notes}, {0: n_notes}),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    proto.metadata_props.add(key="calibration", value=json.dumps(calibration))
    proto.metadata_props.add(key="context", value=json.dumps(model.config.context))
    with atomic_path(target) as temporary:
        onnx.save(proto, str(temporary))


def fit_calibration(runner: Runner, sources: list[Source]) -> tuple[float, float]:
    """Return slope and intercept on the logit, by the largest likelihood."""
    found = _outcomes(replace(runner, calibration=(1.0, 0.0)), sources)
    probability = np.clip(found["confidence"].to_numpy(), 1e-6, 1 - 1e-6)
    x = np.stack([np.log(probability / (1 - probability)), np.ones_like(probability)], axis=1)
    slope, intercept = _regression(x, found["right"].to_numpy())
    return slope, intercept


def fit_confidence(
    root: Path, params: dict[str, Any], variant: str
) -> tuple[tuple[float, ...], float]:
    """Return ``RIGHT`` and ``SOFTER`` of :mod:`pianoalign_lib.localizer.confidence`."""
    copies = topic(params, "localizer")["copies"]
    validation = load_sources(root, params, "validation", copies, augmented=True)
    runner = load_runner(variant, _folder(root, variant))
    found = _outcomes(runner, validation)
    weights = _regression(_clues(found), found["right"].to_numpy())
    # As in a score: all notes at one velocity, the network being told so, too.
    even = [replace(each, velocity=np.full_like(each.velocity, EVEN)) for each in validation]
    found = _outcomes(runner, even)
    right = found["right"].to_numpy()

    def cost(softer: float) -> float:
        odds = _clues(found, softer) @ np.array(weights)
        return float(np.logaddexp(0.0, odds).mean() - right @ odds / len(odds))

    return weights, min(np.arange(0.0, -2.0, -0.1).round(1).tolist(), key=cost)


def _clues(found: pd.DataFrame, softer: float | None = None) -> np.ndarray:
    parts = []
    for _, own in found.groupby("recording", sort=False):
        onset_s, pitch, velocity, confidence = (
            own[name].to_numpy(np.float64)
            for name in ("onset_s", "pitch", "velocity", "confidence")
        )
        parts.append(clues(onset_s, pitch, velocity, confidence, softer))
    return np.concatenate(parts)


def _regression(x: np.ndarray, right: np.ndarray) -> tuple[float, ...]:
    """Return the coefficients of a logistic regression, by the largest likelihood."""
    start = np.zeros(x.shape[1])
    found = minimize(lambda w: np.logaddexp(0.0, x @ w).mean() - right @ x @ w / len(x), start)
    return tuple(round(float(weight), 4) for weight in found.x)


def _outcomes(runner: Runner, sources: list[Source]) -> pd.DataFrame:
    """Return the heard notes: recording, onset_s, pitch, velocity, confidence, whether right.

    Grouped by recording, in the order of the sources; the confidence is the network's own.
    """
    frames = []
    for source in sources:
        notes = pd.DataFrame({"pitch": source.pitch, "velocity": source.velocity})
        # Offsets are not known, and not looked at.
        notes = notes.assign(onset_s=source.onset_s, offset_s=source.onset_s + 0.5)
        loose = perturb(notes, CONDITION, generator(1, source.name))
        with contextlib.suppress(InputError):  # so noisy that it is taken for another piece
            located = locate(source.spectra, loose, runner, judge=False)
            right = np.abs(located.onset_s - source.onset_s) <= TOLERANCE_S
            outcome = {"onset_s": located.onset_s, "confidence": located.confidence}
            frame = notes.assign(recording=source.name, right=right, **outcome)
            frames.append(frame[located.heard])
    return pd.concat(frames, ignore_index=True)
