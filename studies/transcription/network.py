"""The onset transcriber: the audio side of the paper's network, and weights in files.

Log-CQT in, through the convolutions and the dense layer of the CRNN's branch for the spectrum; a
bidirectional LSTM looks across time, and a dense layer gives a logit per key and frame.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pianoalign_lib.common.config import VariantConfig
from pianoalign_lib.common.errors import CheckpointError
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.crnn.network import Crnn
from pianoalign_lib.io.notes import N_PITCHES

_BRANCH_WIDTH = 256  # of the paper's network


class Transcriber(nn.Module):
    """From a spectrum to the logits of an onset, per frame and key.

    Parameters
    ----------
    variant
        As for the paper's network; how it looks across time is fixed.
    width
        Of the LSTM, both directions together.
    output_bias
        Start of the output's bias: the base rate of onsets.
    """

    def __init__(self, variant: VariantConfig, width: int, output_bias: float = 0.0) -> None:
        super().__init__()
        self.spectrum_branch = Crnn(variant).spectrum_branch  # started as there
        self.recurrence = nn.LSTM(_BRANCH_WIDTH, width // 2, batch_first=True, bidirectional=True)
        self.output = nn.Linear(width, N_PITCHES)
        nn.init.orthogonal_(self.output.weight)
        nn.init.constant_(self.output.bias, output_bias)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Map [shape=(batch, n_frames, 88)] to logits of the same shape."""
        return self.output(self.recurrence(self.spectrum_branch(spectrum))[0])


def posterior(model: Transcriber, features: np.ndarray) -> np.ndarray:
    """Return the network's output on a whole recording, 0..1 [shape=(n_frames, 88), float32]."""
    spectrum = torch.from_numpy(np.array(features, dtype=np.float32))[None]
    with torch.inference_mode():
        device = next(model.parameters()).device
        return torch.sigmoid(model(spectrum.to(device)))[0].cpu().numpy()


@dataclass(frozen=True)
class TranscriberInfo:
    """What the file of a trained transcriber says of itself.

    `threshold` and `gap_s` are for :func:`.onsets.pick_onsets`, chosen on validation recordings.
    """

    labels: str
    threshold: float
    gap_s: float
    variant: dict[str, Any]
    training: dict[str, Any]
    corpus: str
    corpus_sha256: str  # over recordings and labels


def save_transcriber(path: Path, model: Transcriber, info: TranscriberInfo) -> None:
    """Write weights in half precision, atomically; equal weights make equal bytes."""
    weights = {
        name: value.detach().to("cpu", torch.float16).contiguous()
        for name, value in model.state_dict().items()
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(weights, {"info": json.dumps(asdict(info), sort_keys=True)}))


def load_transcriber(path: Path) -> tuple[Transcriber, TranscriberInfo]:
    """Return a network, ready for evaluation, and what its file says.

    Raises
    ------
    CheckpointError
        If the file is missing, corrupt, or another network's.
    """
    try:
        with safe_open(path, framework="pt") as file:
            info = TranscriberInfo(**json.loads((file.metadata() or {})["info"]))
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        model = Transcriber(VariantConfig(**info.variant), info.training["recurrent_width"])
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path}: missing or no transcriber ({reason}); restore it from git or train it"
        ) from error
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast
    return model.eval(), info
