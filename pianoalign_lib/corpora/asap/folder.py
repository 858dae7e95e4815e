"""Find ASAP's performances in a folder, at any depth and under any name: by their contents."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ...common.errors import CorpusError
from ..sources import git_blob_id

VARIABLE = "PIANOALIGN_ASAP"
HOW_TO_GET = (
    "give the folder of ASAP (pianoalign data render --corpus asap --folder /path/to/asap-dataset) "
    "or run 'pianoalign data fetch --corpus asap' (about 100 MB, most of it pianos)"
)


class Performance(NamedTuple):
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
    return listed().query("excluded == ''").reset_index(drop=True)


def find_performances(folder: Path) -> list[Performance]:
    """Return the performances to train on, named as in the repository.

    Raises
    ------
    CorpusError
        If one is missing or not the listed file.
    """
    table = used()
    # A name fit to be a file's.
    names = [re.sub(r"[^A-Za-z0-9]+", "_", path.removesuffix(".mid")) for path in table["path"]]
    return list(map(Performance, names, find_listed(folder, table), table["blob"]))


def find_listed(folder: Path, table: pd.DataFrame) -> list[Path]:
    """Return the file of each row of a list, found by its git blob id.

    Raises
    ------
    CorpusError
        If one is missing or not the listed file.
    """
    found = {git_blob_id(path): path for path in sorted(folder.rglob("*.mid"))}
    missing = table[~table["blob"].isin(list(found))]
    if len(missing):
        raise CorpusError(
            f"{folder}: lacks {len(missing)} of ASAP's listed files, or holds other versions of "
            f"them, such as {missing['path'].iloc[0]}; {HOW_TO_GET}"
        )
    return [found[blob] for blob in table["blob"]]
