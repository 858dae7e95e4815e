"""Where a corpus lies that the user brings, or that was fetched."""

from __future__ import annotations

import os
from pathlib import Path

from ..common.errors import CorpusError


def corpus_folder(
    name: str, variable: str, how_to_get: str, given: str | Path | None, fetched: Path
) -> Path:
    """Return a corpus's folder: the one given, that of an environment variable, or the fetched one.

    Parameters
    ----------
    name, how_to_get
        The corpus's name and where it comes from, for messages.
    variable
        The environment variable.

    Raises
    ------
    CorpusError
        If there is none.
    """
    named = given or os.environ.get(variable)
    folder = Path(named).expanduser() if named else fetched
    if folder.is_dir():
        return folder
    if named:
        raise CorpusError(f"{folder}: no such folder; {how_to_get}")
    raise CorpusError(f"{name} is not here; {how_to_get}")
