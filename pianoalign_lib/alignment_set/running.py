"""Pairs side by side: on Dask, or one at a time in a process of its own.

Dask queues, watches its workers and repeats what a worker died of, three times. Here is only what
it is asked. Without it one process does all, so that a pair that ends its process ends no more.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing import connection
from typing import Any

from ..common.errors import ConfigError, PianoAlignError
from .job import Record, Task, align_once, align_pair, failure, finished
from .pairs import Pair

# What becomes of a pair whose process ends again and again; it has no record, and is tried anew by
# the next run.
DIED = "its process was killed, perhaps for lack of memory; run it alone, or with fewer workers"

PATIENCE = "20s"  # with a scheduler that does not answer
# What a worker of Dask runs first: Ctrl-C reaches all processes of a terminal, and is for one.
LEAVE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


def default_workers() -> int:
    """Return how many pairs go side by side if nobody says: one per core where Dask is there."""
    return (os.cpu_count() or 1) if find_spec("distributed") else 1


def run_pairs(
    pairs: list[Pair], task: Task, workers: int = 1, scheduler: str | None = None
) -> Generator[Record, None, None]:
    """Align pairs, and yield their records as they come.

    Parameters
    ----------
    pairs, task
        Which, and how.
    workers
        Processes on this machine, each with one recording in its memory at a time.
    scheduler
        The address of a Dask scheduler whose workers find the same files; in place of `workers`.

    Raises
    ------
    ConfigError
        If Dask is needed and not installed.
    PianoAlignError
        If the scheduler cannot be reached or is lost; what is finished has its record.
    """
    if scheduler is None and workers == 1:
        return _one_by_one(pairs, task)
    if not find_spec("distributed"):
        raise ConfigError(
            "several workers need Dask: pip install 'pianoalign[cluster]', or use --workers 1"
        )
    return _on_dask(pairs, task, workers, scheduler)


def _one_by_one(pairs: Iterable[Pair], task: Task) -> Generator[Record, None, None]:
    """Align in one process of its own; where it dies, that pair has failed, and another goes on."""
    left = list(pairs)
    while left:
        # Spawned: a process that begins as a copy of this one could inherit a lock that is held.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context, initializer=_end_with_parent) as pool:
            try:
                while left:
                    yield pool.submit(align_pair, left[0], task).result()
                    del left[0]
            except BrokenProcessPool:
                pair = left.pop(0)
                yield finished(pair, task) or {"name": pair.name, **failure(DIED)}


def _end_with_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it is gone, even if it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch(sentinel: int) -> None:
        connection.wait([sentinel])
        os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


def _on_dask(
    pairs: list[Pair], task: Task, workers: int, scheduler: str | None
) -> Generator[Record, None, None]:
    """Align on a cluster of this machine, or on one that is there."""
    import dask
    from distributed import CancelledError, Client, LocalCluster, as_completed
    from distributed.scheduler import KilledWorker

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if scheduler is not None:  # its workers may stand in another folder
        task = replace(task, out=task.out.absolute())
        pairs = [
            replace(pair, recording=pair.recording.absolute(), midi=pair.midi.absolute())
            for pair in pairs
        ]
    with ExitStack() as stack:
        # A worker holds no second pair, which would be suspected, too, if the first one kills it.
        stack.enter_context(dask.config.set({"distributed.scheduler.worker-saturation": 1.0}))
        try:
            cluster: Any = scheduler or stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address=None,
                    preload=LEAVE_CTRL_C,
                    silence_logs=logging.CRITICAL,
                )
            )
            client = stack.enter_context(Client(cluster, timeout=PATIENCE))
            # Keys of one group, which the scheduler hands out one by one.
            keys: list = [("align", pair.name) for pair in pairs]
            futures = client.map(align_once, pairs, task=task, pure=False, key=keys)
            for future in as_completed(futures):
                if future.status == "error":  # not the pair's, which has a record of it
                    error = future.exception()
                    reason = f"its worker could not align ({type(error).__name__}: {error})"
                    reason = DIED if isinstance(error, KilledWorker) else reason
                    yield {"name": future.key[1], **failure(reason)}
                else:
                    yield future.result()
                future.release()
        except (OSError, RuntimeError, CancelledError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise PianoAlignError(
                f"{scheduler or 'the cluster'}: the scheduler cannot be reached ({reason}); the "
                "same command goes on from here"
            ) from error
