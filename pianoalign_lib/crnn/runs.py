"""Train several variants side by side, one process and one thread each."""

from __future__ import annotations

import logging
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from ..common.config import CorpusPaths, training_config, variant_config
from .training import train


def train_variants(
    paths: CorpusPaths, params: dict[str, Any], names: list[str], jobs: int = 2
) -> None:
    """Train the named variants, each going on where it was stopped.

    Parameters
    ----------
    paths
        The corpus's folders; ``train`` and ``eval`` must have been rendered.
    params
        All of ``params.yaml``.
    names
        Variants. A finished one is only written again, which takes seconds.
    jobs
        Processes side by side. One thread each: on two cores, two runs with two threads each slow
        each other many times over.

    Raises
    ------
    ConfigError
        If a variant or a setting is unknown; nothing is trained then.
    CorpusError
        If the corpus is incomplete.
    """
    for name in names:
        variant_config(params, name)
        training_config(params, name)
    if jobs == 1 or len(names) == 1:
        for name in names:
            _train_one(paths, params, name)
        return
    # A fresh interpreter per run: PyTorch's thread pools do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_log_to_stderr) as pool:
        futures = [pool.submit(_train_one, paths, params, name) for name in names]
        for future in as_completed(futures):
            future.result()


def _train_one(paths: CorpusPaths, params: dict[str, Any], name: str) -> None:
    decoding = params["decoding"]
    train(
        paths,
        variant_config(params, name),
        training_config(params, name),
        thresholds=decoding["thresholds"],
        max_shift_s=decoding["max_shift_ms"] / 1000.0,
    )


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
