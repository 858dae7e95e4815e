"""From trained weights to what is shipped: an ONNX file that knows how sure it may be.

The confidence is calibrated on the validation recordings: a logistic regression from the decoded
probability to whether the onset is right within 10 ms (Platt 1999).
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
from pianoalign_lib.localizer.locate import locate
from pianoalign_lib.localizer.patches import N_CHANNELS, N_SCALARS, N_STEPS
from pianoalign_lib.localizer.runner import CHUNK, DEFAULT, WEIGHTS, Runner, load_runner

from .examples import Source
from .network import Localizer
from .sources import load_sources
from .training import run_path, training_run

TOLERANCE_S = 0.010
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
    folder = WEIGHTS if variant in SHIPPED else root / "checkpoints" / "localizer"
    target = folder / f"{variant}.onnx"
    copies = topic(params, "localizer")["copies"]
    _export(model.eval(), target, (1.0, 0.0))
    load_runner.cache_clear()
    validation = load_sources(root, params, "validation", copies, augmented=True)
    _export(model, target, fit_calibration(load_runner(variant, folder), validation))
    load_runner.cache_clear()
    return target


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
    plain = replace(runner, calibration=(1.0, 0.0))
    pairs = []
    for source in sources:
        with contextlib.suppress(InputError):  # so noisy that it is taken for another piece
            pairs.append(_outcomes(plain, source))
    probability, right = (np.concatenate(part) for part in zip(*pairs, strict=True))
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    x = np.stack([np.log(clipped / (1 - clipped)), np.ones_like(clipped)], axis=1)
    found = minimize(lambda w: np.logaddexp(0.0, x @ w).mean() - right @ x @ w / len(x), [1.0, 0.0])
    return round(float(found.x[0]), 4), round(float(found.x[1]), 4)


def _outcomes(runner: Runner, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Return each heard note's decoded probability, and whether its onset is right."""
    notes = pd.DataFrame({"pitch": source.pitch, "velocity": source.velocity})
    # Offsets are not known, and not looked at.
    notes = notes.assign(onset_s=source.onset_s, offset_s=source.onset_s + 0.5)
    loose = perturb(notes, CONDITION, generator(1, source.name))
    located = locate(source.spectra, loose, runner)
    heard = located.status != "not heard"
    error_s = np.abs(located.onset_s - source.onset_s)
    return located.confidence[heard], (error_s <= TOLERANCE_S)[heard]
