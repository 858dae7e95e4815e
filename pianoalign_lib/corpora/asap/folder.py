"""Find ASAP's performances in a folder, at any depth and under any name: by their contents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import pandas as pd

from ...common.errors import CorpusError
from ..place import corpus_folder
from ..sources import git_blob_id

VARIABLE = "PIANOALIGN_ASAP"
HOW_TO_GET = (
    "give the folder of ASAP (pianoalign data render --corpus asap --folder /path/to/asap-dataset) "
    "or run 'pianoalign data fetch --corpus asap' (about 100 MB, most of it pianos)"
)


@dataclass(frozen=True)
class Performance:
    """A performance and its MIDI file; `blob` is the file's git blob id."""

    name: str
    midi: Path
    blob: str


@cache
def listed() -> pd.DataFrame:
    """Return the performances of the list.

    Returns
    -------
    DataFrame
        path in the repository, git blob id, seconds, notes, and the reason why it is left out
        (excluded; empty: it is used).
    """
    with files(__package__).joinpath("listed.csv").open(encoding="utf-8") as handle:
        return pd.read_csv(handle, keep_default_na=False)


def used() -> pd.DataFrame:
    """Return the rows of :func:`listed` that are trained on."""
    table = listed()
    return table[table["excluded"] == ""].reset_index(drop=True)


def find_folder(given: str | Path | None, fetched: Path) -> Path:
    """Return ASAP's folder: the one given, that of ``PIANOALIGN_ASAP``, or the fetched files.

    Raises
    ------
    CorpusError
        If there is none.
    """
    return corpus_folder("ASAP", VARIABLE, HOW_TO_GET, given, fetched)


def find_performances(folder: Path) -> list[Performance]:
    """Return the performances to train on.

    Raises
    ------
    CorpusError
        If one is missing or not the listed file.
    """
    table = used()
    files = find_listed(folder, table)
    rows = zip(table["path"], files, table["blob"], strict=True)
    return [Performance(_name(path), midi, blob) for path, midi, blob in rows]


def find_listed(folder: Path, table: pd.DataFrame) -> list[Path]:
    """Return the file of each row of a list, found by its git blob id.

    Raises
    ------
    CorpusError
        If one is missing or not the listed file.
    """
    files = {git_blob_id(path): path for path in sorted(folder.rglob("*.mid"))}
    missing = table[~table["blob"].isin(list(files))]
    if len(missing):
        raise CorpusError(
            f"{folder}: lacks {len(missing)} of ASAP's listed files, or holds other versions of "
            f"them, such as {missing['path'].iloc[0]}; {HOW_TO_GET}"
        )
    return [files[blob] for blob in table["blob"]]


def _name(path: str) -> str:
    """Return a performance's name: its path in the repository, fit to be a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "_", path.removesuffix(".mid"))
