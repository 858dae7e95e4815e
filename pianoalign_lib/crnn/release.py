"""Release trained checkpoints: copy finished runs to the committed folder, all or none.

The index of the training recordings goes with them, so that the corpus can be described, and its
hash compared with the checkpoints', where the training part has not been rendered.
"""

from __future__ import annotations

import shutil

from ..common.config import CorpusPaths
from ..common.errors import CheckpointError
from ..common.files import atomic_path
from ..corpora.recordings import INDEX, read_index
from .checkpoints import load_checkpoint


def release(paths: CorpusPaths, variants: list[str]) -> None:
    """Copy every variant's weights and training log, and the training index, to ``checkpoints/``.

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
