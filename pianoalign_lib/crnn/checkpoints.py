"""Checkpoints: half-precision weights in safetensors, with everything needed to use them.

Whole-model pickles can run code when loaded; safetensors cannot, and its bytes depend on nothing
but the contents.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..common.config import VariantConfig
from ..common.errors import CheckpointError
from ..common.files import atomic_path
from .network import Crnn


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself."""

    variant: dict[str, Any]
    threshold: float  # from which on a pitch sounds; chosen on the validation recordings
    training: dict[str, Any]
    corpus: str
    corpus_sha256: str  # over the recordings it was trained and validated on


def save_checkpoint(path: Path, model: Crnn, info: CheckpointInfo) -> None:
    """Write a model's weights in half precision, atomically."""
    weights = {
        name: value.detach().to("cpu", torch.float16).contiguous()
        for name, value in model.state_dict().items()
    }
    # One key only: safetensors keeps the metadata in a hash map, whose order would vary.
    metadata = {"info": json.dumps(asdict(info), sort_keys=True)}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(weights, metadata))


def load_checkpoint(
    path: Path, expected: VariantConfig | None = None
) -> tuple[Crnn, CheckpointInfo]:
    """Return the network, ready for evaluation, and its checkpoint's information.

    Raises
    ------
    CheckpointError
        If the file is missing, corrupt, or of another variant than `expected`.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path}: not found; restore it from git or train it ('make retrain')"
        )
    try:
        with safe_open(path, framework="pt") as file:
            info = CheckpointInfo(**json.loads((file.metadata() or {})["info"]))
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        variant = VariantConfig(**info.variant)
        model = Crnn(variant)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path}: corrupt or no checkpoint ({reason}); restore it") from error
    if expected is not None and variant != expected:
        raise CheckpointError(
            f"{path}: was trained as {info.variant}, but params.yaml asks for {asdict(expected)}; "
            "restore params.yaml or train again ('make retrain')"
        )
    model.eval()
    return model.to(memory_format=torch.channels_last), info  # type: ignore[call-overload]
