"""The tools that are compared, behind one interface: started, prepared on a recording, given notes.

Each tool is run as its authors advise. A transcriber hears a recording once; what it heard is
matched to warped notes by :mod:`~benchmarks.field.matching`.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths

from .placed import Aligner
from .registry import TRANSCRIBERS, tool


def start(method: str, paths: CorpusPaths, params: dict[str, Any]) -> None:
    """Import a tool, load its network and let it compile: what only the first call pays."""
    if tool(method).module:
        _module(method).start()
    else:
        from . import project

        project.start("dtw" if method == "synctoolbox" else method, paths, params)


def hear(method: str, audio: np.ndarray) -> pd.DataFrame:
    """Return the notes a transcriber hears (columns pitch, onset_s) in mono audio at 16 kHz."""
    return _module(method).hear(audio)


def prepare(
    method: str,
    audio: np.ndarray,
    paths: CorpusPaths,
    params: dict[str, Any],
    heard: pd.DataFrame | None = None,
) -> Aligner:
    """Return a function that aligns note tables to one recording (mono, 16 kHz).

    A tool with an ``after`` in the registry is given warped notes. `heard` is what a transcriber
    heard before; by default it hears it now.
    """
    if method in TRANSCRIBERS:
        from . import matching

        return matching.prepare(hear(method, audio) if heard is None else heard)
    if tool(method).module:
        return _module(method).prepare(audio)
    from . import project

    return project.prepare("dtw" if method == "synctoolbox" else method, audio, paths, params)


def _module(method: str) -> ModuleType:
    return importlib.import_module(f".{tool(method).module}", __package__)
