"""One progress bar for every long job: what is done, how fast, and when it will end."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_open: list[tqdm] = []


def progress(items: Iterable[Item], *, label: str, total: int | None = None) -> Iterator[Item]:
    """Yield `items`, showing progress and the remaining time on stderr.

    Where stderr is no terminal (a log, CI), a line every ten seconds is enough.
    """
    interval_s = 0.5 if sys.stderr.isatty() else 10.0
    bar = tqdm(items, desc=label, total=total, mininterval=interval_s, maxinterval=interval_s)
    _open.append(bar)
    try:
        yield from bar
    finally:
        _open.remove(bar)


def end_progress() -> None:
    """End the line of every bar that an error has left open, so that a message gets its own."""
    for bar in _open:
        bar.close()
