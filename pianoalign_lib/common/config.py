"""``params.yaml`` as checked values, and where a corpus keeps its files.

The project root is the nearest folder, from the working directory upwards, that holds a
``params.yaml``; notebooks and commands therefore work from any folder inside the project.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError

REPRESENTATIONS = ("log_cqt", "cqt", "log_mel", "mel")
FRAME_RATES = (50, 100, 200)
_CHOICES = {
    "representation": REPRESENTATIONS,
    "fps": FRAME_RATES,
    "recurrence": ("lstm", "gru", "transformer", "none"),
    "narrowing": ("stride", "pooling"),
}
HYBRID_VARIANT = "crnn"  # the network that follows DTW in the method "hybrid" (paper, hybrid)
# Topics of params.yaml that a corpus can change, by entries of the same name in its own topic.
_CORPUS_TOPICS = ("variants", "training", "evaluation")


@dataclass(frozen=True)
class VariantConfig:
    """One variant of the paper's network: what goes in, and how it looks across time."""

    name: str
    representation: str = "log_cqt"
    fps: int = 100
    recurrence: str = "lstm"
    bidirectional: bool = True
    narrowing: str = "stride"  # how the second and third convolution halve the frequencies

    def __post_init__(self) -> None:
        for key, allowed in _CHOICES.items():
            value = getattr(self, key)
            if value not in allowed:
                raise ConfigError(
                    f"params.yaml: variant '{self.name}' has {key}={value!r}; choose of {allowed}"
                )


@dataclass(frozen=True)
class TrainingConfig:
    """Hyperparameters of one training run (topic ``training`` of ``params.yaml``)."""

    seed: int
    note_ms: float
    excerpt_s: float
    batch_size: int
    learning_rate: float
    epochs: int
    steps_per_epoch: int
    patience: int
    output_bias: float
    output_speed: float


_OF_TRAINING = frozenset(field.name for field in fields(TrainingConfig))


@dataclass(frozen=True)
class CorpusPaths:
    """Where everything that belongs to one corpus lives."""

    root: Path
    corpus: str

    @property
    def data(self) -> Path:
        """Folder of the large, git-ignored files."""
        return self.root / "data" / self.corpus

    @property
    def sources(self) -> Path:
        return self.data / "sources"

    @property
    def predictions(self) -> Path:
        return self.data / "predictions"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints" / self.corpus

    @property
    def results(self) -> Path:
        return self.root / "results" / self.corpus

    @property
    def figures(self) -> Path:
        return self.root / "figures" / self.corpus

    def split(self, name: str) -> Path:
        """Folder of a rendered part: ``eval`` or ``train``."""
        return self.data / name

    def run(self, variant: str) -> Path:
        """Folder of one training run."""
        return self.data / "runs" / variant


def project_root() -> Path:
    """Return the nearest folder upwards that holds ``params.yaml``; if none, a `ConfigError`."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file():
            return folder
    raise ConfigError(f"{here}: no params.yaml here or above; run this inside the project's folder")


def corpus_paths(corpus: str, root: Path | None = None) -> CorpusPaths:
    """Return the folders of `corpus` under `root` (the project root unless given)."""
    return CorpusPaths(root or project_root(), corpus)


def load_params(root: Path | None = None, corpus: str = "demo") -> dict[str, Any]:
    """Return the whole of ``params.yaml`` as nested dictionaries, as it holds for a corpus.

    What a corpus's own topic says of variants, training and evaluation is put over the general one.
    A file that is missing or cannot be read is a `ConfigError`.
    """
    path = (root or project_root()) / "params.yaml"
    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path}: cannot be read ({reason}); restore it from git") from error
    if not isinstance(params, dict):
        raise ConfigError(f"{path}: holds no settings; restore it from git")
    own = params.get(corpus) or {}
    return params | {name: params[name] | own[name] for name in _CORPUS_TOPICS if name in own}


def topic(params: dict[str, Any], name: str) -> Any:
    """Return one topic of the parameters; a missing one is a `ConfigError`."""
    if name not in params:
        raise ConfigError(f"params.yaml: the topic '{name}' is missing; restore it from git")
    return params[name]


def variant_config(params: dict[str, Any], name: str) -> VariantConfig:
    """Return the topic ``crnn`` with a variant's differences; unknown ones are a `ConfigError`."""
    variants = topic(params, "variants")
    if name not in variants:
        raise ConfigError(f"unknown variant '{name}'; params.yaml has {', '.join(variants)}")
    own = {key: value for key, value in (variants[name] or {}).items() if key not in _OF_TRAINING}
    settings = {**topic(params, "crnn"), **own}
    try:
        return VariantConfig(name=name, **settings)
    except TypeError as error:
        raise ConfigError(f"params.yaml: variant '{name}': {error}") from error


def training_config(params: dict[str, Any], variant: str) -> TrainingConfig:
    """Return the topic ``training``, with what a variant has of its own, as its seed.

    A setting that is missing, unknown or not positive where it must be is a `ConfigError`.
    """
    own = topic(params, "variants").get(variant) or {}
    settings = topic(params, "training") | {key: own[key] for key in own if key in _OF_TRAINING}
    try:
        config = TrainingConfig(**settings)
    except TypeError as error:
        raise ConfigError(f"params.yaml: training: {error}") from error
    for key, value in asdict(config).items():
        if key not in ("output_bias", "seed") and not value > 0:
            raise ConfigError(f"params.yaml: training.{key} is {value}; it must be positive")
    return config


def digest(value: Any) -> str:
    """Return twelve hexadecimal digits that change when `value` (JSON-like) does."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
