"""Which tools are compared, by which packages, and by which module here they are run.

Such a module is an adapter: ``start()`` imports the tool, loads its network and lets it compile,
which only the first call pays; ``prepare(audio)`` returns a function that places note tables on a
recording (mono, 16 kHz). A transcriber's ``hear(audio)`` returns the notes it hears (columns pitch,
onset_s) instead, and ``place_on(heard)`` the function, mostly that of :mod:`.matching`; one with
another rate is called as ``hear(audio, rate=...)``. Each is run as its authors advise.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.common.errors import ConfigError
from pianoalign_lib.io.audio import SAMPLE_RATE


@dataclass(frozen=True)
class Tool:
    """A tool that places notes.

    Attributes
    ----------
    packages
        What is installed for it, whose versions are noted.
    module
        Its adapter here, with a class in it after a colon; none for the project's own methods
        (:class:`.project.Own`).
    heard_by
        The transcriber whose notes are used, if that is another tool.
    after
        The tool that warps the notes before, whose stored onsets are used and whose costs count.
    flags
        It tells notes that were not played.
    rate
        The sample rate it is given, in Hz; above 16 kHz, recordings are rendered anew.
    not_run
        Corpora that it is not run on, and why.
    """

    packages: tuple[str, ...] = ()
    module: str = ""
    heard_by: str = ""
    after: str = ""
    flags: bool = False
    rate: int = SAMPLE_RATE
    not_run: Mapping[str, str] = field(default_factory=dict)


# In the order in which they can be run, which is that of table 7.
TOOLS = {
    "none": Tool(),
    "synctoolbox": Tool(("synctoolbox",)),
    "cqt_dtw": Tool(("librosa",), "cqt_dtw"),
    "parangonar": Tool(("parangonar", "partitura"), "parangonar"),
    "basic_pitch": Tool(("basic-pitch", "onnxruntime"), "basic_pitch", after="cqt_dtw", flags=True),
    "transkun": Tool(("transkun", "torch"), "transkun", after="cqt_dtw", flags=True),
    "crnn": Tool(("torch",), flags=True),
    "hybrid": Tool(("torch",), after="synctoolbox", flags=True),
    "localizer": Tool(("onnxruntime",), flags=True),
    "localizer_best": Tool(("onnxruntime",), flags=True),
    "basic_pitch_score": Tool(
        ("basic-pitch", "onnxruntime"), "basic_pitch:ForScore", after="cqt_dtw", flags=True
    ),
    "synctoolbox_basic_pitch": Tool(
        ("synctoolbox", "basic-pitch", "onnxruntime"), "activations:OnBasicPitch"
    ),
    "synctoolbox_transkun": Tool(
        ("synctoolbox", "transkun", "torch"), "activations:OnTranskun", heard_by="transkun"
    ),
    "transkun_44k": Tool(
        ("transkun", "torch"),
        "transkun",
        after="cqt_dtw",
        flags=True,
        rate=44_100,
        not_run={"maps": "the mirror of MAPS has 16 kHz only"},
    ),
}


def tool(method: str) -> Tool:
    """Return a tool by its name.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if method not in TOOLS:
        raise ConfigError(f"unknown tool '{method}'; choose one of {', '.join(TOOLS)}")
    return TOOLS[method]


def adapter(method: str, paths: CorpusPaths, params: dict[str, Any]) -> Any:
    """Return what runs a tool, with ``start``, ``prepare`` and perhaps ``hear``."""
    if name := tool(method).module:
        module, _, within = name.partition(":")
        found = importlib.import_module(f".{module}", __package__)
        return getattr(found, within)() if within else found
    from .project import Own

    return Own(method, paths, params)


def versions(method: str) -> dict[str, str]:
    """Return the installed versions of a tool's packages.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If one is not installed.
    """
    return {name: importlib.metadata.version(name) for name in tool(method).packages}
