"""Running a trained network on whole recordings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..io.notes import piano_roll
from .network import Crnn

_BLOCK = 1000  # frames; bounds the memory of the convolutions
_HALO = 4  # frames; three 3×3 convolutions see 3 frames to each side


def use_one_thread() -> None:
    """Compute with one thread: processes side by side would slow each other many times over."""
    torch.set_num_threads(1)


class RecordingEncoder:
    """One recording's spectrum, encoded once for any number of note tables.

    Parameters
    ----------
    model
        A network in evaluation mode; it runs where its weights are.
    features : np.ndarray [shape=(n_frames, 88)]
        The representation it was trained on.
    fps
        Its frame rate.
    """

    def __init__(self, model: Crnn, features: np.ndarray, fps: int) -> None:
        self._model = model
        self._fps = fps
        self._n_frames = len(features)
        with torch.inference_mode():
            self._spectrum = _in_blocks(model.spectrum_branch, features)

    def posterior(self, notes: pd.DataFrame) -> np.ndarray:
        """Return the probability that each pitch sounds, given loosely aligned notes.

        It has [shape=(n_frames, 88), dtype=float32].
        """
        roll = piano_roll(notes, self._n_frames, self._fps)
        with torch.inference_mode():
            encoded = _in_blocks(self._model.roll_branch, roll)
            logits = self._model.join(encoded, self._spectrum)
            return torch.sigmoid(logits)[0].cpu().numpy()


def _in_blocks(branch: torch.nn.Module, image: np.ndarray) -> Tensor:
    """Return a branch's output [shape=(1, n_frames, 256)], exactly as if run in one go."""
    parts = []
    device = next(branch.parameters()).device
    for first in range(0, len(image), _BLOCK):
        begin, end = max(0, first - _HALO), min(len(image), first + _BLOCK + _HALO)
        block = torch.from_numpy(np.array(image[begin:end], dtype=np.float32))[None].to(device)
        parts.append(branch(block)[:, first - begin : first - begin + _BLOCK])
    return torch.cat(parts, dim=1)
