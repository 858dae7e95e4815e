"""Where a corpus's files come from: a folder that the user names, or downloads that are checked.

Downloads go by pooch. A file gets its name only when it is the pinned one, so a run that was
stopped goes on with the files that are missing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import IO, Any, NamedTuple

import pooch
import yaml

from ..common.errors import CorpusError
from ..common.files import PACKAGE, atomic_path, sha256_file
from ..common.progress import progress

log = logging.getLogger(__name__)
JOBS = 8  # downloads side by side
RETRIES = 3  # after one, two and three seconds
TIMEOUT_S = 30.0  # without a byte
Download = Callable[[str, str, Any], None]  # (address, file to write, pooch's object)
http: Download = pooch.HTTPDownloader(chunk_size=1 << 16, timeout=TIMEOUT_S)


class Remote(NamedTuple):
    """A file to fetch."""

    path: Path  # where it goes
    address: str  # where it comes from: a URL, or what else a `Download` understands
    pin: str  # what it must be: sha256:…, or git:…, the id that git gives its contents


class Package(NamedTuple):
    """A package file of a registry; what each field is says ``demo/packages.yaml``."""

    package: str
    version: str
    filename: str
    sha256: str
    source: str
    licence: str
    members: dict[str, str]


def read_packages(corpus: str) -> list[Package]:
    """Return the packages that a corpus comes from (``<corpus>/packages.yaml``)."""
    text = (PACKAGE / "corpora" / corpus / "packages.yaml").read_text(encoding="utf-8")
    return [Package(**entry) for entry in yaml.safe_load(text)]


def fetch_files(
    files: Iterable[Remote], *, label: str, remedy: str, download: Download = http
) -> None:
    """Download the files that are not there yet, side by side.

    Parameters
    ----------
    label
        Name of the progress bar.
    remedy
        The end of every message.

    Raises
    ------
    CorpusError
        If a file cannot be had, is not the pinned one, or cannot be written.
    """
    missing = [file for file in files if not is_pinned(file.path, file.pin)]
    if not missing:
        return
    pooch.get_logger().setLevel("WARNING")
    log.info("%s: %d files to fetch", label, len(missing))
    for folder in {file.path.parent for file in missing}:
        for left in folder.glob("tmp????????"):  # by a run that was killed
            left.unlink(missing_ok=True)

    # Its threads, unlike an executor's, do not keep a stopped program waiting for a server.
    with ThreadPool(min(JOBS, len(missing))) as pool:
        done = pool.imap_unordered(partial(_fetch, download, remedy), missing)
        for _ in progress(done, total=len(missing), label=label):
            pass


def _fetch(download: Download, remedy: str, file: Remote) -> None:
    def checked(address: str, target: str, pup: Any) -> None:
        download(address, target, pup)
        Path(target).chmod(0o644)  # a temporary file is private
        if not is_pinned(Path(target), file.pin):
            raise ValueError("its contents are not the pinned ones")

    folder, name = file.path.parent, file.path.name
    urls = {name: file.address}
    try:
        file.path.unlink(missing_ok=True)
        pup = pooch.create(folder, "", registry={name: None}, urls=urls, retry_if_failed=RETRIES)
        pup.fetch(name, downloader=checked)
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        if "Max retries exceeded" in reason:  # what urllib3 says of every connection refused
            reason = "the server cannot be reached; is this computer offline?"
        raise CorpusError(
            f"{file.path}: cannot be fetched from {file.address} ({reason}); check network and "
            f"disk, then {remedy}"
        ) from error


def fetch_packages(
    packages: Iterable[Package],
    sources: Path,
    downloads: Path,
    address: Callable[[Package], str],
    *,
    label: str,
    download: Download = http,
) -> None:
    """Download packages into `downloads` (:func:`fetch_files`), and unpack what is used of them.

    `address` returns where a package that is not there yet comes from.
    """
    archives = {downloads / package.filename: package for package in packages}
    files = [
        Remote(path, address(package), f"sha256:{package.sha256}")
        for path, package in archives.items()
        if not is_pinned(path, f"sha256:{package.sha256}")
    ]
    remedy = f"run the command again, or put the file into {downloads}"
    fetch_files(files, label=label, remedy=remedy, download=download)
    for path, package in archives.items():
        for member, data in _contents(path):
            folder, _, name = member.rpartition("/")
            whole = package.members.get(f"{folder}/")
            if target := whole + name if whole else package.members.get(member):
                with atomic_path(sources / target) as temporary, temporary.open("wb") as handle:
                    shutil.copyfileobj(data, handle)


def _contents(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and contents of each file of an archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                with wheel.open(name) as data:
                    yield name, data
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if file := tar.extractfile(member):
                yield member.name, file


def is_pinned(path: Path, pin: str) -> bool:
    """Return whether a file is there and is the pinned one (as in :class:`Remote`)."""
    kind, _, expected = pin.partition(":")
    digest = {"sha256": sha256_file, "git": git_blob_id}[kind]
    return path.is_file() and digest(path) == expected


def git_blob_id(path: Path) -> str:
    """Return the id under which git stores a file's contents."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def corpus_folder(
    name: str, variable: str, how_to_get: str, given: str | Path | None, fetched: Path | None
) -> Path:
    """Return a corpus's folder: the one given, that of an environment variable, or the fetched one.

    Raises
    ------
    CorpusError
        If there is none.
    """
    named = given or os.environ.get(variable)
    folder = Path(named).expanduser() if named else fetched
    if folder and folder.is_dir():
        return folder
    problem = f"{folder}: no such folder" if named else f"{name} is not here"
    raise CorpusError(f"{problem}; {how_to_get}")


def fetched(path: Path, corpus: str) -> Path:
    """Return the path of a fetched file or folder; CorpusError if it is missing."""
    if not path.exists():
        raise CorpusError(f"{path}: not found; run 'pianoalign data fetch --corpus {corpus}'")
    return path
