"""Release trained checkpoints: copy finished runs to the committed folder, all or none."""

from __future__ import annotations

import shutil

from .checkpoints import load_checkpoint
from .config import CorpusPaths
from .errors import CheckpointError
from .files import atomic_path


def release(paths: CorpusPaths, variants: list[str]) -> None:
    """Copy every variant's weights and training log to ``checkpoints/<corpus>/``.

    Raises
    ------
    CheckpointError
        If a run is missing or corrupt; then nothing is copied.
    """
    for variant in variants:
        load_checkpoint(paths.run(variant) / "model.safetensors")
        log = paths.run(variant) / "log.csv"
        if not log.is_file():
            raise CheckpointError(f"{log}: not found; train the variant '{variant}' again")
    for variant in variants:
        for name, suffix in (("model.safetensors", ".safetensors"), ("log.csv", ".csv")):
            with atomic_path(paths.checkpoints / f"{variant}{suffix}") as temporary:
                shutil.copyfile(paths.run(variant) / name, temporary)
