"""Which tools are compared, by which packages, and what they are called."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from pianoalign_lib.common.errors import ConfigError


@dataclass(frozen=True)
class Tool:
    """A tool that places notes.

    Attributes
    ----------
    label
        Its name to print.
    packages
        What is installed for it, whose versions are noted.
    module
        Its module here; none for the project's own methods.
    after
        The tool that warps the notes before, whose stored onsets are used and whose costs count.
    flags
        It tells notes that were not played.
    """

    label: str
    packages: tuple[str, ...] = ()
    module: str = ""
    after: str = ""
    flags: bool = False


# In the order in which they can be run.
TOOLS = {
    "none": Tool("Input MIDI"),
    "synctoolbox": Tool("Sync Toolbox", ("synctoolbox",)),
    "cqt_dtw": Tool("CQT-DTW (librosa)", ("librosa",), "cqt_dtw"),
    "parangonar": Tool("parangonar", ("parangonar", "partitura"), "parangonar"),
    "basic_pitch": Tool(
        "basic-pitch + matching", ("basic-pitch", "onnxruntime"), "basic_pitch", "cqt_dtw", True
    ),
    "transkun": Tool("Transkun + matching", ("transkun", "torch"), "transkun", "cqt_dtw", True),
    "crnn": Tool("CRNN (paper)", ("torch",), flags=True),
    "hybrid": Tool("DTW + CRNN (paper)", ("torch",), after="synctoolbox", flags=True),
    "localizer": Tool("Localizer (ours)", ("onnxruntime",), flags=True),
}
TRANSCRIBERS = ("basic_pitch", "transkun")


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


def versions(method: str) -> dict[str, str]:
    """Return the installed versions of a tool's packages.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If one is not installed.
    """
    return {name: importlib.metadata.version(name) for name in tool(method).packages}
