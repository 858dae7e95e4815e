"""Found notes in files: a key and a tenth of a millisecond each. Loads no torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pianoalign_lib.common.config import CorpusPaths, digest, topic
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.corpora.recordings import Recording, corpus_hash, read_index

from .plan import TOPIC

# In a file's metadata: what made it, and of what.
MADE_BY, MADE_OF = b"checkpoint_sha256", b"recordings_sha256"
_UNIT_S = 1e-4  # mir_eval rounds to it, too
_NAME = re.compile(r"(?P<labels>.+)_seed(?P<seed>\d+)")


def tested_recordings(paths: CorpusPaths, params: dict[str, Any]) -> list[Recording]:
    """Return what the transcribers are tested on; without it, a `CorpusError`."""
    sets = topic(params, TOPIC)["test_sets"]
    index = read_index(paths.split("eval"), split="test")
    return [item for item in index if item.test_set in sets]


def made_of(recordings: list[Recording]) -> str:
    """Return a hash of recordings and of the code that finds onsets in a network's output."""
    return digest([corpus_hash(recordings), sha256_file(Path(__file__).with_name("onsets.py"))])


def stamp(path: Path) -> dict[bytes, str]:
    """Return what the file says it was made by and of; nothing if it is none of this version."""
    try:
        found = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return {}
    return {key: found[key].decode() for key in (MADE_BY, MADE_OF) if key in found}


def pack(notes: pd.DataFrame) -> pd.DataFrame:
    """Return recording, onset (0.1 ms, whole) and pitch of found notes."""
    onset = np.rint(notes["onset_s"] / _UNIT_S).astype(np.int32)
    return pd.DataFrame(
        {"recording": notes["recording"], "onset": onset, "pitch": notes["pitch"].astype(np.int32)}
    )


def read_predictions(path: Path) -> tuple[str, int, pd.DataFrame]:
    """Return the labels trained on, the seed, and found notes: recording, pitch, onset_s.

    A file that is missing, corrupt or of another name is a `CorpusError`.
    """
    found = _NAME.fullmatch(path.stem)
    try:
        table = pd.read_parquet(path)
        onset_s, pitch = table["onset"] * _UNIT_S, table["pitch"].astype(np.int64)
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(f"{path}: missing or corrupt; restore it from git") from error
    if found is None:
        raise CorpusError(f"{path}: is no training's, <labels>_seed<number>; remove it")
    notes = pd.DataFrame({"recording": table["recording"], "pitch": pitch, "onset_s": onset_s})
    return found["labels"], int(found["seed"]), notes
