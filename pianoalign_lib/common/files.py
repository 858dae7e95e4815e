"""Files that are either whole or absent: atomic writing and checksums."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import CorpusError, PianoAlignError

PACKAGE = Path(__file__).resolve().parents[1]  # pianoalign_lib/


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` on success.

    The temporary file keeps the suffix of `path`, since many writers choose the format by it.

    Raises
    ------
    PianoAlignError
        If the file cannot be written (no space, no permission). Nothing is left behind.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent
        )
    except OSError as error:
        raise _write_error(target, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; a finished output is an ordinary one.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise _write_error(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fetched(path: Path, corpus: str) -> Path:
    """Return the path of a fetched file or folder; CorpusError if it is missing."""
    if not path.exists():
        raise CorpusError(f"{path}: not found; run 'pianoalign data fetch --corpus {corpus}'")
    return path


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _write_error(path: Path, error: OSError) -> PianoAlignError:
    reason = error.strerror or str(error)
    return PianoAlignError(
        f"{path}: cannot write ({reason}); free some space or choose another folder"
    )
