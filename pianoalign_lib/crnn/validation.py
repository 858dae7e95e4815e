"""Validation of a network in training, and the choice of its decision threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from ..common.config import TrainingConfig, VariantConfig
from ..corpora.timing_errors import Condition, generator, perturb
from ..io.notes import piano_roll
from .decoding import place_notes
from .excerpts import TrainingItem
from .inference import RecordingEncoder
from .network import Crnn

_QUICK_S = 40.0  # of each recording, after every epoch
_QUICK_DECODING = {"threshold": 0.4, "max_shift_s": 0.25}


def validate(
    model: Crnn, variant: VariantConfig, items: list[TrainingItem], config: TrainingConfig
) -> tuple[float, float]:
    """Return the mean binary cross-entropy and the accuracy at 10 ms of a network in training."""
    losses, hits = [], []
    for item in items:
        frames = round(_QUICK_S * variant.fps)
        true = item.notes[item.notes["onset_s"] < _QUICK_S - 1.0].reset_index(drop=True)
        moved = _loose(item, true, config)
        posterior = RecordingEncoder(model, item.features[:frames], variant.fps).posterior(moved)
        target = torch.from_numpy(piano_roll(true, len(posterior), variant.fps))
        loss = torch.nn.functional.binary_cross_entropy(torch.from_numpy(posterior), target)
        losses.append(float(loss))
        onset_s, _, _ = place_notes(moved, posterior, variant.fps, **_QUICK_DECODING)
        hits.append(np.abs(onset_s - true["onset_s"].to_numpy()) <= 0.010)
    return float(np.mean(losses)), float(np.concatenate(hits).mean())


def choose_threshold(
    model: Crnn,
    variant: VariantConfig,
    items: list[TrainingItem],
    decoding: dict[str, Any],
    config: TrainingConfig,
) -> float:
    """Return the threshold with the highest accuracy at 10 ms on the validation recordings.

    `decoding` is the topic of ``params.yaml``: the candidates ``thresholds`` and ``max_shift_ms``.
    """
    thresholds, max_shift_s = decoding["thresholds"], decoding["max_shift_ms"] / 1000.0
    hits = np.zeros(len(thresholds))
    for item in items:
        moved = _loose(item, item.notes, config)
        posterior = RecordingEncoder(model, item.features, variant.fps).posterior(moved)
        true_s = item.notes["onset_s"].to_numpy()
        for index, threshold in enumerate(thresholds):
            onset_s, _, _ = place_notes(moved, posterior, variant.fps, threshold, max_shift_s)
            hits[index] += (np.abs(onset_s - true_s) <= 0.010).sum()
    return thresholds[int(hits.argmax())]


def _loose(item: TrainingItem, notes: pd.DataFrame, config: TrainingConfig) -> pd.DataFrame:
    """Return `notes` with the timing errors of training, always the same ones."""
    rng = generator(config.seed, item.recording.recording, "validation")
    return perturb(notes, Condition("validation", note_ms=config.note_ms), rng)
