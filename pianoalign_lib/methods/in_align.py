"""The methods of ``align`` that need the full installation; entry points name them.

Each gets a recording and notes that last as the pedal holds them. What these methods lose is
uncertain: nothing tells that it was not played.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..common.config import HYBRID_VARIANT, CorpusPaths, corpus_paths, load_params, project_root
from ..common.errors import CheckpointError, ConfigError
from ..common.files import PACKAGE
from ..io.placement import ALIGNED, UNCERTAIN, Placement
from ..io.recording import Recording
from ..io.retiming import note_warp

TRAINED_ON = "maps"  # the corpus whose network is taken: it holds up on both


def dtw(recording: Recording, notes: pd.DataFrame) -> Placement:
    """Warp the notes as a whole."""
    from .placing import prepare_dtw

    return _along(notes, prepare_dtw(recording.samples())(notes))


def crnn(recording: Recording, notes: pd.DataFrame) -> Placement:
    """Place each note by the paper's network; start and tempo must be right."""
    from .placing import prepare

    audio = recording.samples()
    return _along(notes, prepare(HYBRID_VARIANT, audio, *_project())(notes))


def hybrid(recording: Recording, notes: pd.DataFrame) -> Placement:
    """Warp the notes as a whole, then place each by the paper's network."""
    warped = dtw(recording, notes)
    return crnn(recording, notes.assign(onset_s=warped.onset_s, offset_s=warped.ends_s(notes)))


def _along(given: pd.DataFrame, found: Placement) -> Placement:
    """Return a placement in which a lost note goes where its neighbours went."""
    old_s, onset_s, heard = given["onset_s"].to_numpy(), found.onset_s, found.heard
    if heard.any():
        warp = note_warp(old_s[heard], onset_s[heard])
        onset_s = np.where(heard, onset_s, warp(old_s))
    status = np.where(heard, ALIGNED, UNCERTAIN).astype(object)
    return Placement(onset_s, found.confidence, status, found.offset_s)


def _project() -> tuple[CorpusPaths, dict[str, Any]]:
    """Return folders and parameters of the project around, or of the one this package is in."""
    try:
        root = project_root()
    except ConfigError:
        root = PACKAGE.parent
    if not (root / "params.yaml").is_file():
        raise CheckpointError(
            "methods crnn and hybrid need the project's networks; run them inside its folder"
        )
    return corpus_paths(TRAINED_ON, root), load_params(root, TRAINED_ON)
