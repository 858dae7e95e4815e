"""Download one file that is known by its git blob id, whatever the network does.

A file gets its name when it is verified. Until then it is ``<name>.part``, which a further attempt
goes on with, in this run or the next.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from ..common.errors import CorpusError

BLOCK = 1 << 16  # bytes
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}  # answers after which asking again may help


class Lost(Exception):
    """An attempt failed; another one may not."""


class Downloader:
    """Downloads files; one object serves several threads.

    Parameters
    ----------
    timeout_s
        How long to wait for a connection and for each next byte.
    pauses_s
        How long to wait before each further attempt; an attempt that brought something does not
        count.
    remedy
        The end of every message.

    Attributes
    ----------
    stop
        Set it to end all downloads that are under way.
    """

    def __init__(self, timeout_s: float, pauses_s: tuple[float, ...], remedy: str) -> None:
        self.stop = threading.Event()
        self._timeout_s = timeout_s
        self._pauses_s = pauses_s
        self._remedy = remedy
        self._opener = urllib.request.build_opener()  # knows the proxies of the environment
        self._reached = threading.Event()

    def download(self, url: str, path: Path, blob: str) -> None:
        """Download `url` to `path`; return without it if stopped.

        Raises
        ------
        CorpusError
            If the file cannot be had or written.
        """
        part = path.with_name(f"{path.name}.part")
        failures = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            while not is_whole(part, blob) and not self.stop.is_set():
                had = _size(part)
                try:
                    self._receive(url, part)
                    if self.stop.is_set() or is_whole(part, blob):
                        continue
                    part.unlink()
                    problem = "its contents are not the pinned ones"
                except Lost as error:
                    problem = str(error)
                failures = 1 if _size(part) >= had + BLOCK else failures + 1
                if failures > len(self._pauses_s):
                    raise self._error(f"{path.name}: cannot be fetched from {url} ({problem})")
                self.stop.wait(self._pauses_s[failures - 1])
            if not self.stop.is_set():
                part.replace(path)
        except OSError as error:
            reason = error.strerror or error
            raise self._error(f"{path}: cannot be written ({reason}); check the disk") from error

    def _receive(self, url: str, part: Path) -> None:
        """Append what is missing of a file to `part`, or start it over where the server does."""
        had = _size(part)
        with self._open(url, had) as answer:
            told = answer.headers.get("Content-Range", "")
            if answer.status == 206 and not told.startswith(f"bytes {had}-"):
                part.unlink(missing_ok=True)
                raise Lost(f"the server sent another part than asked for: {told!r}")
            with part.open("ab" if answer.status == 206 else "wb") as file:
                while block := _read(answer):
                    if self.stop.is_set():
                        return
                    file.write(block)
            if answer.length:
                raise Lost(f"cut off after {_size(part)} bytes")

    def _open(self, url: str, had: int) -> http.client.HTTPResponse:
        headers = {"Range": f"bytes={had}-"} if had else {}
        try:
            answer = self._opener.open(
                urllib.request.Request(url, headers=headers), timeout=self._timeout_s
            )
        except urllib.error.HTTPError as error:
            self._reached.set()
            with error:
                problem = f"the server says {error.code} {error.reason}"
            if error.code == 416 and had:  # the rest of a file that has none
                return self._open(url, 0)
            if error.code in TRANSIENT:
                raise Lost(problem) from error
            name = url.rpartition("/")[2]
            raise self._error(f"{name}: cannot be fetched from {url} ({problem})") from error
        except urllib.error.URLError as error:
            problem = _words(error.reason)
            if self._reached.is_set():
                raise Lost(problem) from error
            host = urllib.parse.urlsplit(url).netloc
            raise self._error(
                f"{host}: cannot be reached ({problem}); is this computer offline? Check the "
                "network and its proxy"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise Lost(_words(error)) from error
        self._reached.set()
        return answer

    def _error(self, problem: str) -> CorpusError:
        return CorpusError(f"{problem}; {self._remedy}")


def git_blob_id(path: Path) -> str:
    """Return the id under which git stores a file's contents."""
    digest = hashlib.sha1(f"blob {_size(path)}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def is_whole(path: Path, blob: str) -> bool:
    """Return whether a file is there with the contents of a git blob."""
    return path.is_file() and git_blob_id(path) == blob


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise Lost(_words(error)) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _words(error: object) -> str:
    """Return an error's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__
