"""Run a released localizer: ONNX and numpy, no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..common.errors import CheckpointError
from .patches import N_CHANNELS, Expected, make_patches
from .posterior import N_BINS
from .spectra import Spectra

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT = "localizer"
BATCH = 256  # notes; a multiple of the training chunk, which attention needs
CHUNK = 32


@dataclass(frozen=True)
class Runner:
    """A network and what was measured of it on validation.

    Attributes
    ----------
    calibration
        Slope and intercept, on the logit, from the decoded probability to a confidence.
    context
        Whether the network sees where the other notes are expected.
    n_channels
        Of a patch, that the network takes: the first so many.
    """

    session: Any  # onnxruntime.InferenceSession, imported when it is needed
    calibration: tuple[float, float]
    context: bool = True
    n_channels: int = N_CHANNELS

    def posterior(
        self, spectra: Spectra, reference: float, notes: Expected, index: np.ndarray
    ) -> np.ndarray:
        """Return the posterior of some notes [shape=(len(index), 121)].

        Parameters
        ----------
        spectra, reference, notes, index
            As in :func:`pianoalign_lib.localizer.patches.make_patches`.
        """
        parts = []
        for start in range(0, len(index), BATCH):
            batch = index[start : start + BATCH]
            padded = np.pad(batch, (0, -len(batch) % CHUNK), mode="edge")
            patches, scalars = make_patches(spectra, notes, padded, reference, self.context)
            feeds = {"patches": patches[:, :, : self.n_channels], "scalars": scalars}
            (found,) = self.session.run(None, feeds)
            parts.append(found[: len(batch)])
        if not parts:
            return np.zeros((0, N_BINS + 1), np.float32)
        scores = np.concatenate(parts)
        return np.exp(scores, out=scores)

    def confidence(self, probability: np.ndarray) -> np.ndarray:
        """Return the calibrated chance that an onset is right within 10 ms."""
        clipped = np.clip(probability, 1e-6, 1 - 1e-6)
        slope, intercept = self.calibration
        logit = slope * np.log(clipped / (1 - clipped)) + intercept
        return 1.0 / (1.0 + np.exp(-logit))


@cache
def load_runner(name: str = DEFAULT, folder: Path = WEIGHTS) -> Runner:
    """Return a released network by name.

    Raises
    ------
    CheckpointError
        If its file is missing or no network of this version.
    """
    import onnxruntime

    path = folder / f"{name}.onnx"
    if not path.is_file():
        raise CheckpointError(f"{path}: not found; install pianoalign again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        meta = session.get_modelmeta().custom_metadata_map
        slope, intercept = json.loads(meta["calibration"])
        n_channels = int(session.get_inputs()[0].shape[2])
        context = bool(json.loads(meta.get("context", "true")))
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise CheckpointError(f"{path}: is no network of this version; install again") from error
    return Runner(session, (float(slope), float(intercept)), context, n_channels)
