"""The performances of the Saarland Music Data: found in a folder by their contents, or fetched.

``listed.csv`` names the 47 files of a public repository at one commit, known by their git blob ids:
those that train, those that validate, and those left out because a held-out recording has the same
music. MIDI only, CC BY-NC-SA 3.0 (Müller, Konz, Bogler, Arifi-Müller 2011), not part of this
repository.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import yaml

from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.corpora.asap.folder import find_listed
from pianoalign_lib.corpora.demo.fetch import download_by_pip
from pianoalign_lib.corpora.sources import (
    Package,
    Remote,
    corpus_folder,
    fetch_files,
    fetch_packages,
)

VARIABLE = "PIANOALIGN_SMD"
REPOSITORY = "thakkarV/Mozarella"
COMMIT = "e4fe40077c615523ed9f419ceabfcfc5b2c5bd1d"
BASE_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}"
HOW_TO_GET = (
    f"name the folder of its MIDI files in {VARIABLE} or run 'python -m training.quiet fetch' "
    "(15 MB, most of it a piano)"
)


@cache
def listed() -> pd.DataFrame:
    """Return path in the repository, git blob id, seconds, notes, split and why it is left out."""
    with files(__package__).joinpath("listed.csv").open(encoding="utf-8") as handle:
        return pd.read_csv(handle, keep_default_na=False)


def find_smd(fetched: Path, split: str) -> list[tuple[Path, str]]:
    """Return file and git blob id of the performances of a split.

    Parameters
    ----------
    fetched
        Where :func:`fetch_quiet` put them; ``PIANOALIGN_SMD`` comes first.

    Raises
    ------
    CorpusError
        If one is missing or not the listed file.
    """
    folder = corpus_folder("The Saarland Music Data", VARIABLE, HOW_TO_GET, None, fetched)
    table = listed().query("split == @split")
    found = find_listed(folder, table, "the Saarland Music Data", HOW_TO_GET)
    return list(zip(found, table["blob"], strict=True))


def fetch_quiet(paths: CorpusPaths, base_url: str = BASE_URL) -> None:
    """Put the validation's piano and the performances into the corpus's sources.

    Performances of which ``PIANOALIGN_SMD`` names a folder are not fetched.

    Raises
    ------
    CorpusError
        If a file cannot be had, is not the pinned one, or cannot be written.
    """
    text = files(__package__).joinpath("packages.yaml").read_text(encoding="utf-8")
    fetch_packages(
        [Package(**entry) for entry in yaml.safe_load(text)],
        paths.sources,
        paths.data / "downloads",
        lambda package: f"{package.package}=={package.version}",
        label="fetch a piano (13 MB)",
        download=download_by_pip,
    )
    if os.environ.get(VARIABLE):
        return
    wanted = listed().query("split != ''")
    remotes = [
        Remote(paths.sources / "smd" / Path(path).name, f"{base_url}/{quote(path)}", f"git:{blob}")
        for path, blob in wanted[["path", "blob"]].itertuples(index=False, name=None)
    ]
    remedy = (
        "run the command again, which goes on from here, or name a folder that has the files in "
        f"{VARIABLE} (github.com/{REPOSITORY}, commit {COMMIT[:10]})"
    )
    fetch_files(remotes, label="fetch the Saarland Music Data", remedy=remedy)
