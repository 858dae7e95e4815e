"""Train the localizer: many updates on chunks of consecutive notes, going on after a stop."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from pianoalign_lib.common.config import digest, topic
from pianoalign_lib.common.errors import CheckpointError, ConfigError
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.common.progress import progress
from pianoalign_lib.localizer.runner import WEIGHTS

from .examples import Source, draw_chunk
from .network import Localizer, LocalizerConfig
from .sources import load_sources, sources_hash

log = logging.getLogger(__name__)
SAVE_EVERY = 200  # updates
SCATTERED = 0.25  # of the chunks, where the network has attention
# What a variant may say of its run; the rest is of its network.
OF_RUNS = ("updates", "seed", "augmentation", "corpora", "share", "start", "keep", "learning_rate")


@dataclass(frozen=True)
class TrainingRun:
    """What decides the weights of one variant, besides the sources."""

    seed: int
    chunks: int  # of 32 notes in a batch
    updates: int  # steps of AdamW; the learning rate falls linearly to zero
    learning_rate: float
    weight_decay: float
    augmentation: bool  # train on augmented copies, too
    corpora: tuple[str, ...]  # that are trained on
    share: dict[str, float]  # of each corpus, of the training chunks
    start: str  # released weights to go on from; empty: from scratch
    keep: float  # share of those weights in what comes out: the mean does better on what both know
    network: LocalizerConfig


def training_run(params: dict[str, Any], variant: str) -> TrainingRun:
    """Return the settings of a variant (topic ``localizer``).

    Raises
    ------
    ConfigError
        If the variant is unknown or one of its settings is.
    """
    settings = topic(params, "localizer")
    if variant not in settings["variants"]:
        known = ", ".join(settings["variants"])
        raise ConfigError(f"unknown localizer '{variant}'; params.yaml has {known}")
    run = settings["training"] | {"augmentation": True, "corpora": settings["copies"]}
    run |= {"share": settings["share"], "start": "", "keep": 0.0}
    own = settings["variants"][variant] or {}
    run |= {key: own[key] for key in OF_RUNS if key in own}
    try:
        network = LocalizerConfig(**{key: own[key] for key in own if key not in OF_RUNS})
        return TrainingRun(**run | {"corpora": tuple(run["corpora"])}, network=network)
    except TypeError as error:
        raise ConfigError(f"params.yaml: localizer variant '{variant}': {error}") from error


def train_localizer(root: Path, params: dict[str, Any], variant: str) -> Path:
    """Train a variant, or go on where an earlier run was stopped.

    Returns
    -------
    Path
        The trained weights, ``data/localizer/runs/<variant>.safetensors``.

    Raises
    ------
    ConfigError
        If the variant is unknown.
    CorpusError
        If the sources have not been built.
    """
    torch.set_num_threads(1)
    run = training_run(params, variant)
    sources = load_sources(root, params, "train", run.corpora, run.augmentation)
    key = digest([asdict(run), sources_hash(root, params, run.corpora)])
    state = _State(run, root / "data" / "localizer" / "resume" / f"{variant}-{key}.pt")
    share = _shares(sources, run.share)
    remaining = range(state.step, run.updates)
    for _ in progress(remaining, total=len(remaining), label=f"train localizer {variant}"):
        state.update(*_batch(sources, share, run, state.rng))
        if state.step % SAVE_EVERY == 0:
            state.save()
            log.info("%s: update %d, loss %.3f", variant, state.step, state.loss)
    path, weights = run_path(root, variant), state.model.state_dict()
    if run.keep:  # Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", CVPR
        load_released(begun := Localizer(run.network), WEIGHTS / f"{run.start}.onnx")
        first = begun.state_dict()
        for name in [name for name, value in weights.items() if value.is_floating_point()]:
            weights[name] = torch.lerp(weights[name], first[name], run.keep)
    with atomic_path(path) as temporary:
        save_file(weights, temporary, {"key": key, "loss": f"{state.loss:.4f}"})
    return path


def run_path(root: Path, variant: str) -> Path:
    """Return where a variant's trained weights are kept."""
    return root / "data" / "localizer" / "runs" / f"{variant}.safetensors"


def _shares(sources: list[Source], of_corpus: dict[str, float]) -> np.ndarray:
    """Return each source's share: its notes, scaled to what its corpus is given."""
    corpora = np.array([source.name.partition("/")[0] for source in sources])
    share = np.array([len(source.onset_s) for source in sources], float)
    for corpus in set(corpora.tolist()):
        share[corpora == corpus] *= of_corpus[corpus] / share[corpora == corpus].sum()
    return share / share.sum()


def _batch(
    sources: list[Source], share: np.ndarray, run: TrainingRun, rng: np.random.Generator
) -> list[torch.Tensor]:
    drawn = rng.choice(len(sources), run.chunks, p=share)
    scattered = SCATTERED if run.network.attention else 0.0
    chunks = [draw_chunk(sources[index], rng, scattered) for index in drawn]
    return [torch.from_numpy(np.concatenate(parts)) for parts in zip(*chunks, strict=True)]


def load_released(model: Localizer, path: Path) -> None:
    """Give a network the weights of an ONNX file, to be trained further.

    Its batch norms were folded into the convolutions: they stay as they are, a scale and a shift.
    Attention, whose weights are stored in another form, begins anew and without effect.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is of another network.
    """
    import onnx

    if not path.is_file():
        raise CheckpointError(f"{path}: not found; name one of its folder in params.yaml: start")
    initial = onnx.load(path).graph.initializer
    stored = {item.name: torch.tensor(onnx.numpy_helper.to_array(item)) for item in initial}
    for name, value in model.state_dict().items():  # which shares its memory with the model
        if name.startswith("attend.leave"):
            value.zero_()
        elif name.startswith("attend.") or ".norm." in name:
            continue
        elif name in stored and stored[name].shape == value.shape:
            value.copy_(stored[name])
        else:
            raise CheckpointError(f"{path}: lacks {name}; start from weights of this network")
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm1d) and norm.running_var is not None:
            norm.running_var -= norm.eps
            norm.eval()


class _State:
    """Network, optimiser and random generator, as saved to go on later."""

    def __init__(self, run: TrainingRun, path: Path) -> None:
        self.run, self.path = run, path
        torch.manual_seed(run.seed)
        self.rng = np.random.default_rng(run.seed)
        self.model = Localizer(run.network)
        if run.start:
            load_released(self.model, WEIGHTS / f"{run.start}.onnx")
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=run.learning_rate, weight_decay=run.weight_decay
        )
        self.step, self.loss = 0, float("nan")
        if path.is_file():
            saved = torch.load(path, weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.rng.bit_generator.state = saved["rng"]
            self.step, self.loss = saved["step"], saved["loss"]
            log.info("going on at update %d", self.step)

    def update(self, patches, scalars, targets, weights) -> None:
        """One step on a batch; the learning rate rises for 200 updates and then falls."""
        left = 1.0 - self.step / self.run.updates
        for group in self.optimizer.param_groups:
            group["lr"] = self.run.learning_rate * min(1.0, (self.step + 1) / 200) * left
        scores = self.model(patches, scalars)
        loss = (-(targets * scores).sum(dim=1) * weights).sum() / weights.sum()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        value = loss.item()
        self.loss = value if self.step == 0 else 0.98 * self.loss + 0.02 * value
        self.step += 1

    def save(self) -> None:
        with atomic_path(self.path) as temporary:
            torch.save(
                {
                    "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "rng": self.rng.bit_generator.state,
                    "step": self.step,
                    "loss": self.loss,
                },
                temporary,
            )
