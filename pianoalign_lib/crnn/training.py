"""Train one variant of the paper's network: many small updates, resumable at every epoch.

The run is a function of the seed, the parameters and the corpus alone: the excerpts of epoch e come
from a generator seeded by (seed, e), so that a run continued after an interruption ends as an
undisturbed one does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from ..common.config import (
    CorpusPaths,
    TrainingConfig,
    VariantConfig,
    digest,
    training_config,
    variant_config,
)
from ..common.errors import CorpusError
from ..common.files import atomic_path
from ..corpora.recordings import corpus_hash, read_index
from ..io.notes import N_PITCHES
from .checkpoints import CheckpointInfo, save_checkpoint
from .excerpts import draw_batches, load_items
from .network import Crnn
from .validation import choose_threshold, validate

log = logging.getLogger(__name__)


def train(paths: CorpusPaths, params: dict[str, Any], name: str) -> Path:
    """Train a variant on a corpus; write ``model.safetensors`` and ``log.csv``, return the folder.

    One thread: two runs with one thread each are faster than one with two. A GPU is used when there
    is one. Of the thresholds in ``params.yaml`` the one that is best on validation is kept.

    Raises
    ------
    CorpusError
        If the corpus is incomplete, or the loss is no number.
    """
    torch.set_num_threads(1)
    variant, config = variant_config(params, name), training_config(params, name)
    recordings = read_index(paths.split("train"), split="train")
    held_out = read_index(paths.split("eval"), split="validation")
    corpus_sha = corpus_hash([*recordings, *held_out])
    cache = paths.data / "features"
    items = load_items(paths.split("train"), recordings, variant, cache)
    validation = load_items(paths.split("eval"), held_out, variant, cache)
    minutes = sum(len(item.features) for item in items) / variant.fps / 60
    log.info("%s: %.0f min of training audio", name, minutes)

    state = TrainingState(variant, config, corpus_sha)
    resume = paths.data / "resume" / f"{name}-{state.key}.pt"
    state.load(resume)
    while not state.finished:
        state.run_epoch(items, validation)
        state.save(resume)
    model = state.best_model()
    info = CheckpointInfo(
        variant=asdict(variant),
        threshold=choose_threshold(model, variant, validation, params["decoding"], config),
        training=asdict(config),
        corpus=paths.corpus,
        corpus_sha256=corpus_sha,
    )
    run = paths.run(name)
    with atomic_path(run / "log.csv") as temporary:
        pd.DataFrame(state.history).to_csv(temporary, index=False, lineterminator="\n")
    save_checkpoint(run / "model.safetensors", model, info)
    return run


class TrainingState:
    """Network, optimiser and history after a number of whole epochs.

    Another network is trained in the same way, and resumed with the same guarantees, by a subclass
    with `network`, `batches` and `measured` of its own.
    """

    positive_weight: float | None = None  # of the ones in the target, in the loss

    def __init__(self, variant: VariantConfig, config: TrainingConfig, corpus_sha: str) -> None:
        torch.manual_seed(config.seed)
        self.variant, self.config = variant, config
        self.key = digest([asdict(variant), asdict(config), corpus_sha])
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = self.network().to(self.device)
        self.model.to(memory_format=torch.channels_last)
        output = {"params": [self.model.output.weight], "speed": config.output_speed}
        others = [p for n, p in self.model.named_parameters() if n != "output.weight"]
        groups = [{"params": others, "speed": 1.0}, output]
        self.optimizer = torch.optim.Adam(groups, lr=config.learning_rate, fused=True)
        self.history: list[dict[str, float]] = []
        self.best: dict[str, torch.Tensor] = {}
        self.precision = "bfloat16" if _bfloat16_is_fast() else "float32"

    def network(self) -> Any:
        """Return the network to train, whose last layer is called ``output``."""
        return Crnn(self.variant, self.config.output_bias)

    def batches(self, items: Any, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield the batches of an epoch: what the network is given, and last its target."""
        return draw_batches(items, self.variant.fps, self.config, rng)

    def measured(self, validation: Any) -> tuple[float, str, float]:
        """Return the loss on the validation recordings, and an accuracy with its name."""
        loss, accuracy = validate(self.model, self.variant, validation, self.config)
        return loss, "val_acc_10ms", accuracy

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the validation loss has stopped falling."""
        losses = [row["val_loss"] for row in self.history]
        stale = len(losses) - 1 - int(np.argmin(losses)) if losses else 0
        return len(losses) >= self.config.epochs or stale >= self.config.patience

    def load(self, path: Path) -> None:
        """Continue from a saved state of the same run, if there is one.

        Raises
        ------
        CorpusError
            If it is corrupt, or was trained in another precision than this machine would go on in.
        """
        if not path.is_file():
            return
        try:
            saved = torch.load(path, weights_only=True, map_location=self.device)
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.history, self.best = saved["history"], saved["best"]
            precision = saved.get("precision", self.precision)  # older ones do not say
        except (OSError, RuntimeError, KeyError, ValueError, EOFError) as error:
            reason = str(error).splitlines()[0]
            raise CorpusError(f"{path}: cannot resume from it ({reason}); delete it") from error
        if precision != self.precision:
            raise CorpusError(
                f"{path}: was begun in {precision}, this machine trains in {self.precision}; go on "
                "where it was begun, or delete it to train from the start"
            )
        log.info("%s: going on after epoch %d", self.variant.name, len(self.history))

    def save(self, path: Path) -> None:
        """Write everything :meth:`load` needs, atomically."""
        with atomic_path(path) as temporary:
            torch.save(
                {
                    "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "history": self.history,
                    "best": self.best,
                    "precision": self.precision,
                },
                temporary,
            )

    def best_model(self) -> Any:
        """Return the network of the epoch with the lowest validation loss, as it will be released.

        The weights are rounded to half precision first, so that the threshold is chosen for the
        very weights that are shipped.
        """
        self.model.load_state_dict({name: v.half().float() for name, v in self.best.items()})
        self.model.eval()
        return self.model

    def run_epoch(self, items: Any, validation: Any) -> None:
        """Train for one epoch, validate, and append a row to the history."""
        config, epoch = self.config, len(self.history)
        rng = np.random.default_rng([config.seed, epoch])
        started = time.perf_counter()
        batches = self.batches(items, rng)
        self.model.train()
        step = epoch * config.steps_per_epoch
        losses = [self._update(batch, step + index) for index, batch in enumerate(batches)]
        seconds = time.perf_counter() - started
        self.model.eval()
        val_loss, name, accuracy = self.measured(validation)
        if not self.history or val_loss < min(row["val_loss"] for row in self.history):
            self.best = {name: v.detach().clone() for name, v in self.model.state_dict().items()}
        heard_s = config.steps_per_epoch * config.batch_size * config.excerpt_s
        row = {
            "epoch": epoch + 1,
            "step": step + config.steps_per_epoch,
            "train_loss": round(float(np.mean(losses)), 6),
            "val_loss": round(val_loss, 6),
            name: round(accuracy, 4),
            "lr": round(self._rate(step + config.steps_per_epoch), 8),
            "seconds": round(seconds, 2),
            "audio_s_per_s": round(heard_s / seconds, 1),
        }
        self.history.append(row)
        log.info(
            f"{self.variant.name}: epoch {row['epoch']}/{config.epochs}  "
            f"loss {row['train_loss']:.4f}  validation {row['val_loss']:.4f}  "
            f"{name} {100 * accuracy:.1f} %  {row['audio_s_per_s']:.0f} s/s  "
            f"ETA {(config.epochs - len(self.history)) * row['seconds'] / 60:.0f} min"
        )

    def _update(self, batch: tuple[np.ndarray, ...], step: int) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = group["speed"] * self._rate(step)
        *given, target = (torch.from_numpy(part).to(self.device) for part in batch)
        mixed = self.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed):
            logits = self.model(*given)
        weight = None  # as for the paper's network
        if self.positive_weight is not None:
            weight = torch.tensor(self.positive_weight, device=self.device)
        loss = bce(logits.float(), target, pos_weight=weight)
        if not torch.isfinite(loss):
            raise CorpusError(f"{self.variant.name}: the loss is no number; lower learning_rate")
        self.optimizer.zero_grad(set_to_none=True)
        # Summed over pitches: the mean's gradients for rare keys come near Adam's epsilon.
        (N_PITCHES * loss).backward()
        self.optimizer.step()
        return float(loss.detach())

    def _rate(self, step: int) -> float:
        """Return the learning rate of an update: falling linearly to zero."""
        total = self.config.epochs * self.config.steps_per_epoch
        return self.config.learning_rate * max(0.0, 1.0 - step / total)


def _bfloat16_is_fast() -> bool:
    """Return whether the hardware multiplies bfloat16 itself; elsewhere it is emulated, slowly."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
