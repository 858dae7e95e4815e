"""One progress bar for every long job: what is done, how fast, and when it will end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tqdm import tqdm

from .errors import PianoAlignError

Item = TypeVar("Item")
Result = TypeVar("Result")
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


def side_by_side(
    work: Callable[[Item], Result], items: Collection[Item], jobs: int, *, label: str
) -> list[Result]:
    """Return ``work(item)`` of all items in their order, made by `jobs` processes, with progress.

    With one job it happens in this process. `work`, items and results are sent between processes.

    Raises
    ------
    PianoAlignError
        If a process was killed.
    """
    if jobs == 1:
        return list(progress(map(work, items), total=len(items), label=label))
    try:
        with ProcessPoolExecutor(jobs, initializer=_leave_ctrl_c) as pool:
            return list(progress(pool.map(work, items), total=len(items), label=label))
    except BrokenProcessPool as error:
        raise PianoAlignError(
            "a process was killed, perhaps for lack of memory; run this again with fewer --jobs"
        ) from error


def _leave_ctrl_c() -> None:
    """Ctrl-C reaches every process of a terminal: leave it to the first, which cancels the rest."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_progress() -> None:
    """End the line of every bar that an error has left open, so that a message gets its own."""
    for bar in _open:
        bar.close()
