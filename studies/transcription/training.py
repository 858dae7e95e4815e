"""Train the transcriber on one kind of labels: many small updates, resumable at every epoch.

It is trained, and goes on after a stop, as the paper's network is; what it is given and how it is
measured is its own. Validation has true labels, whatever the training's: the epoch is that of the
least loss there, threshold and gap are those of the best F1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import binary_cross_entropy

from pianoalign_lib.common.config import (
    CorpusPaths,
    TrainingConfig,
    VariantConfig,
    digest,
    topic,
)
from pianoalign_lib.common.errors import ConfigError
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.corpora.recordings import Recording, corpus_hash, read_index
from pianoalign_lib.crnn.excerpts import load_items
from pianoalign_lib.crnn.training import TrainingState

from .augment import Augmentation, augmented
from .labels import read_labels
from .matching import match, precision_recall_f1
from .network import Transcriber, TranscriberInfo, posterior, save_transcriber
from .onsets import onset_targets, pick_onsets
from .plan import (
    TOPIC,
    Labels,
    checkpoint_folder,
    labels_named,
    run_name,
    working_folder,
)

CHOSEN_BY_S = 0.050  # the tolerance of the F1 that chooses the threshold


@dataclass(frozen=True)
class TranscriberConfig(TrainingConfig):
    """Hyperparameters of a training; `note_ms` is 0, since the labels are drawn once."""

    recurrent_width: int
    target_ms: float
    positive_weight: float
    augmentation: Augmentation | None = None


@dataclass(frozen=True)
class Heard:
    """A recording for training or validation."""

    features: np.ndarray  # [shape=(n_frames, 88)]
    target: np.ndarray  # the same shape
    notes: pd.DataFrame  # what the target is made of


def transcriber_config(
    params: dict[str, Any], seed: int, stronger: bool = False
) -> TranscriberConfig:
    """Return the settings of one training; a missing or unknown one is a `ConfigError`."""
    settings = topic(params, TOPIC)
    try:
        own = {key: settings[key] for key in ("recurrent_width", "target_ms", "positive_weight")}
        own |= settings["training"]
        if stronger:
            own |= settings["stronger"]["training"]
            own["augmentation"] = Augmentation(**settings["stronger"]["augmentation"])
        return TranscriberConfig(seed=seed, note_ms=0.0, **own)
    except (KeyError, TypeError) as error:
        raise ConfigError(f"params.yaml: transcription: {error}") from error


def train(paths: CorpusPaths, params: dict[str, Any], name: str, seed: int) -> Path:
    """Train on the labels of that name; write weights and log, return the path of the weights.

    A finished training is only written again, which takes seconds.

    Raises
    ------
    ConfigError
        If the labels or a setting are unknown.
    CorpusError
        If recordings or labels are missing, or the loss is no number.
    """
    torch.set_num_threads(1)
    kind, settings = labels_named(params, name), topic(params, TOPIC)
    config, run = transcriber_config(params, seed, kind.stronger), run_name(name, seed)
    variant = VariantConfig(name=run, **topic(params, "crnn"))
    items, validation, sha = _load(paths, params, kind, variant, config)
    state, model, threshold, gap_s = fit(paths, settings, variant, config, items, validation, sha)
    info = TranscriberInfo(
        name, threshold, gap_s, asdict(variant), asdict(config), paths.corpus, sha
    )
    path = checkpoint_folder(paths) / f"{run}.safetensors"
    with atomic_path(path.with_suffix(".csv")) as temporary:
        pd.DataFrame(state.history).to_csv(temporary, index=False, lineterminator="\n")
    save_transcriber(path, model, info)
    return path


def fit(
    paths: CorpusPaths,
    settings: dict[str, Any],
    variant: VariantConfig,
    config: TranscriberConfig,
    items: list[Heard],
    validation: list[Heard],
    corpus_sha: str,
) -> tuple[TranscriberState, Transcriber, float, float]:
    """Train to the end, from where it was stopped; return state, best model, threshold and gap.

    `settings` is the topic ``transcription``; the variant's name is that of the training.
    """
    gaps_s = [gap_ms / 1000 for gap_ms in settings["gaps_ms"]]
    state = TranscriberState(variant, config, corpus_sha, settings["thresholds"], min(gaps_s))
    resume = working_folder(paths) / "resume" / f"{variant.name}-{state.key}.pt"
    state.load(resume)
    while not state.finished:
        state.run_epoch(items, validation)
        state.save(resume)
    model = state.best_model()
    outputs = [posterior(model, item.features) for item in validation]
    _, threshold, gap_s = best_decoding(
        outputs, validation, settings["thresholds"], gaps_s, variant.fps
    )
    return state, model, threshold, gap_s


class TranscriberState(TrainingState):
    """The transcriber after a number of whole epochs."""

    config: TranscriberConfig

    def __init__(
        self,
        variant: VariantConfig,
        config: TranscriberConfig,
        corpus_sha: str,
        thresholds: Sequence[float],
        least_gap_s: float,
    ) -> None:
        self.positive_weight = config.positive_weight
        self._thresholds, self._least_gap_s = thresholds, least_gap_s
        super().__init__(variant, config, corpus_sha)

    def network(self) -> Transcriber:
        """Return an untrained transcriber."""
        return Transcriber(self.variant, self.config.recurrent_width, self.config.output_bias)

    def batches(
        self, items: list[Heard], rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield random excerpts of spectrum and target."""
        return draw_excerpts(
            items, round(self.config.excerpt_s * self.variant.fps), self.config, rng
        )

    def measured(self, validation: list[Heard]) -> tuple[float, str, float]:
        """Return the loss, and the best F1 that a threshold gives with the least gap."""
        outputs = [posterior(self.model, item.features) for item in validation]
        losses = [
            float(binary_cross_entropy(torch.from_numpy(output), torch.from_numpy(item.target)))
            for output, item in zip(outputs, validation, strict=True)
        ]
        gaps_s = [self._least_gap_s]
        f1, *_ = best_decoding(outputs, validation, self._thresholds, gaps_s, self.variant.fps)
        return float(np.mean(losses)), "val_f1_50ms", f1


def draw_excerpts(
    items: list[Heard], frames: int, config: TranscriberConfig, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield an epoch's batches: spectrum and target, each [shape=(batch, frames, 88), float32]."""
    lengths = np.array([len(item.features) for item in items], dtype=float)
    for _ in range(config.steps_per_epoch):
        rows = rng.choice(len(items), size=config.batch_size, p=lengths / lengths.sum())
        batch = np.zeros((2, config.batch_size, frames, items[0].target.shape[1]), np.float32)
        for place, row in enumerate(rows):
            first = int(rng.integers(0, max(1, len(items[row].features) - frames)))
            cut = slice(first, first + frames)
            parts = items[row].features[cut], items[row].target[cut]
            if config.augmentation:
                parts = augmented(*parts, config.augmentation, rng)
            for side, part in enumerate(parts):
                batch[side, place, : len(part)] = part
        yield batch[0], batch[1]


def best_decoding(
    outputs: list[np.ndarray],
    items: list[Heard],
    thresholds: Sequence[float],
    gaps_s: Sequence[float],
    fps: int,
) -> tuple[float, float, float]:
    """Return the best F1 at 50 ms over all recordings together, its threshold and its gap."""
    n_true = sum(len(item.notes) for item in items)
    best = (-1.0, thresholds[0], gaps_s[0])
    for gap_s in gaps_s:
        peaks = [pick_onsets(output, fps, min(thresholds), gap_s) for output in outputs]
        for threshold in thresholds:
            found = [each[each["confidence"] >= threshold] for each in peaks]
            pairs = zip(items, found, strict=True)
            n_matched = sum(len(match(item.notes, each, CHOSEN_BY_S)) for item, each in pairs)
            f1 = float(precision_recall_f1(n_matched, n_true, sum(map(len, found)))[2])
            best = max(best, (f1, threshold, gap_s), key=lambda each: each[0])  # first of equals
    return best


def _load(
    paths: CorpusPaths,
    params: dict[str, Any],
    kind: Labels,
    variant: VariantConfig,
    config: TranscriberConfig,
) -> tuple[list[Heard], list[Heard], str]:
    """Return what is trained on, what is validated on, and a hash over both."""
    recordings = read_index(paths.split("train"), split="train")
    held_out = read_index(paths.split("eval"), split="validation")
    labels = read_labels(paths, params, recordings, replace(kind, stronger=False))
    items = load_heard(paths, "train", recordings, variant, config, labels)
    validation = load_heard(paths, "eval", held_out, variant, config)
    sha = digest([corpus_hash([*recordings, *held_out]), *map(_table_digest, labels)])
    return items, validation, sha


def load_heard(
    paths: CorpusPaths,
    part: str,
    recordings: list[Recording],
    variant: VariantConfig,
    config: TranscriberConfig,
    labels: list[pd.DataFrame] | None = None,
) -> list[Heard]:
    """Return recordings of ``train`` or ``eval``, with true labels if none are given."""
    items = load_items(paths.split(part), recordings, variant, paths.data / "features")
    width_s = config.target_ms / 1000
    tables = labels if labels is not None else [item.notes for item in items]
    return [
        Heard(
            item.features,
            onset_targets(notes, len(item.features), variant.fps, width_s),
            notes,
        )
        for item, notes in zip(items, tables, strict=True)
    ]


def _table_digest(table: pd.DataFrame) -> str:
    return digest(table[["pitch", "onset_s"]].to_csv(float_format="%.6f"))
