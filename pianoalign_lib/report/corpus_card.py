"""The recordings of a whole corpus, with the part that only training renders."""

from __future__ import annotations

import pandas as pd

from ..common.config import CorpusPaths
from ..common.errors import CorpusError
from ..common.files import write_text
from ..corpora.recordings import INDEX, Recording, corpus_hash, read_index
from ..tables.provenance import training_hash


def read_corpus(paths: CorpusPaths) -> tuple[pd.DataFrame, str]:
    """Return all recordings of a corpus, and whether its checkpoints were trained on them.

    The training part is not rendered to evaluate the checkpoints; its index was released with them.

    Returns
    -------
    recordings, trained_on : DataFrame, str
        One row per recording, as in ``recordings.csv``; a sentence on the hashes.

    Raises
    ------
    CorpusError, CheckpointError
        If an index or a checkpoint is missing or corrupt.
    """
    evaluated = read_index(paths.split("eval"))
    training = _read_training_index(paths)
    validation = [item for item in evaluated if item.split == "validation"]
    found, expected = corpus_hash([*training, *validation]), training_hash(paths)
    sentence = (
        f"The checkpoints were trained and validated on these very recordings (hash {expected})."
        if found == expected
        else f"The checkpoints were trained and validated on recordings with the hash {expected}, "
        f"these have {found}: rendered on another machine, or with other parameters."
    )
    return pd.DataFrame([*training, *evaluated]), sentence


def write_corpus(paths: CorpusPaths, recordings: pd.DataFrame) -> None:
    """Write the list of all recordings and their parts as ``results/<corpus>/corpus.csv``."""
    text = recordings.to_csv(index=False, float_format="%.3f", lineterminator="\n")
    write_text(paths.results / "corpus.csv", text)


def _read_training_index(paths: CorpusPaths) -> list[Recording]:
    path = paths.checkpoints / INDEX
    if not path.is_file():
        raise CorpusError(f"{path}: not found; restore it from git, or run 'pianoalign release'")
    return read_index(paths.checkpoints, split="train")
