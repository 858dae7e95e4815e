"""Training runs: several variants side by side, and the release of what they made."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from ..common.config import CorpusPaths, training_config, variant_config
from ..common.errors import CheckpointError
from ..common.files import atomic_path
from ..corpora.recordings import INDEX, read_index
from .checkpoints import load_checkpoint
from .training import train


def train_variants(
    paths: CorpusPaths, params: dict[str, Any], names: list[str], jobs: int = 2
) -> None:
    """Train the named variants, each going on where it was stopped.

    Both parts of the corpus must have been rendered. A finished variant is only written again,
    which takes seconds. Processes side by side (`jobs`) have one thread each: on two cores, two
    runs with two threads each slow each other many times over.

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
            train(paths, params, name)
        return
    # A fresh interpreter per run: PyTorch's thread pools do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_log_to_stderr) as pool:
        futures = [pool.submit(train, paths, params, name) for name in names]
        for future in as_completed(futures):
            future.result()


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)


def release(paths: CorpusPaths, variants: list[str]) -> None:
    """Copy every variant's weights and training log, and the training index, to ``checkpoints/``.

    With the index of the training recordings, the corpus can be described, and its hash compared
    with the checkpoints', where the training part has not been rendered.

    Raises
    ------
    CheckpointError
        If a run is missing or corrupt; then nothing is copied.
    CorpusError
        If the training recordings have no index.
    """
    read_index(paths.split("train"))
    copies = {paths.split("train") / INDEX: paths.checkpoints / INDEX}
    for variant in variants:
        run = paths.run(variant)
        load_checkpoint(run / "model.safetensors")
        if not (run / "log.csv").is_file():
            raise CheckpointError(f"{run / 'log.csv'}: not found; train '{variant}' again")
        copies[run / "model.safetensors"] = paths.checkpoints / f"{variant}.safetensors"
        copies[run / "log.csv"] = paths.checkpoints / f"{variant}.csv"
    for source, target in copies.items():
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
