"""Fetch MAPS's recordings from the public 16 kHz mirror: in parallel, resumable, verified.

The mirror is the folder ``data/MAPS`` of a public PyTorch version of *Onsets and Frames* (Hawthorne
et al. 2018), at one commit. Each file is compared with its git blob id before it gets its name, so
a file that is there is whole.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from ...common.progress import progress
from ..sources import Downloader, is_whole
from .folder import listed

log = logging.getLogger(__name__)

REPOSITORY = "jongwook/onsets-and-frames"
COMMIT = "783ca08498bb8ada41516c9ed492868b4e947abf"
BASE_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}/data/MAPS"
SIZE_MB = 310  # of all files, about


@dataclass(frozen=True)
class Mirror:
    """Where files come from, and how patient to be."""

    base_url: str = BASE_URL
    timeout_s: float = 30.0  # without a byte
    pauses_s: tuple[float, ...] = (1.0, 4.0, 10.0)  # before each further attempt


def fetch_maps(target: Path, jobs: int = 8, mirror: Mirror | None = None) -> None:
    """Download all listed recordings and their labels into ``target/flac`` and ``target/tsv``.

    Files that are there and whole are not fetched again, half ones are gone on with.

    Parameters
    ----------
    target
        Folder to fill.
    jobs
        Downloads side by side.
    mirror
        Where from; default: the public mirror at the pinned commit.

    Raises
    ------
    CorpusError
        At once if the mirror cannot be reached or does not have a file; if a file does not come
        whole in several attempts; if it cannot be written.
    """
    mirror = mirror or Mirror()
    files = wanted()
    missing = {name: blob for name, blob in files.items() if not is_whole(target / name, blob)}
    log.info(
        "MAPS: %d of %d files to fetch into %s (all together: about %d MB)",
        *(len(missing), len(files), target, SIZE_MB),
    )
    if not missing:
        return
    remedy = (
        "run the command again, which goes on from here, or put the folders flac and tsv of "
        f"github.com/{REPOSITORY}, data/MAPS, commit {COMMIT[:10]}, into {target}"
    )
    downloader = Downloader(mirror.timeout_s, mirror.pauses_s, remedy)
    work: SimpleQueue[tuple[str, Path, str]] = SimpleQueue()
    for name, blob in missing.items():
        work.put((f"{mirror.base_url}/{name}", target / name, blob))
    _run(downloader, work, len(missing), jobs)


def wanted() -> dict[str, str]:
    """Return path below the mirror's folder → git blob id of every listed file."""
    files = {}
    for row in listed().itertuples():
        files[f"flac/{row.recording}.flac"] = str(row.flac_blob)
        files[f"tsv/{row.recording}.tsv"] = str(row.tsv_blob)
    return files


def _run(downloader: Downloader, work: SimpleQueue, total: int, jobs: int) -> None:
    """Download side by side until all is done or something failed.

    Not with an executor: its threads would keep a stopped program waiting for a stalled server.
    """
    done: SimpleQueue[Exception | None] = SimpleQueue()

    def download() -> None:
        while not downloader.stop.is_set():
            try:
                downloader.download(*work.get_nowait())
                done.put(None)
            except Empty:
                return
            except Exception as error:
                done.put(error)

    threads = [
        threading.Thread(target=download, daemon=True) for _ in range(max(1, min(jobs, total)))
    ]
    for thread in threads:
        thread.start()
    try:
        for error in progress((done.get() for _ in range(total)), total=total, label="fetch MAPS"):
            if error is not None:
                raise error
    finally:
        downloader.stop.set()
        deadline = time.monotonic() + 1.0
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
