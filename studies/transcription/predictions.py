"""Found notes in files: a key and a tenth of a millisecond each. Loads no torch."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from pianoalign_lib.common.errors import CorpusError

HEADER = b"checkpoint_sha256"  # in a file's metadata
_UNIT_S = 1e-4  # mir_eval rounds to it, too
_NAME = re.compile(r"(?P<labels>.+)_seed(?P<seed>\d+)")


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
