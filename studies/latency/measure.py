"""How long after its label each test note of a corpus begins to sound (``corpora/sounding.py``)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd

from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.common.progress import side_by_side
from pianoalign_lib.corpora.recordings import Recording, load_recording, read_index
from pianoalign_lib.corpora.sounding import note_latency

FILE = "latency.parquet"


def measure_latency(paths: CorpusPaths, jobs: int = 2) -> Path:
    """Measure every test recording of a corpus and store it in the corpus's data folder.

    One row per note: test_set, recording, performance, piano and the columns of
    :func:`.note_latency`.

    Raises
    ------
    CorpusError
        If the recordings are missing or corrupt.
    """
    folder = paths.split("eval")
    recordings = sorted(read_index(folder, split="test"), key=lambda item: -item.duration_s)
    frame = pd.concat(
        side_by_side(partial(_measure_one, folder), recordings, jobs, label="latency")
    )
    frame = frame.sort_values(["test_set", "recording", "note_id"], ignore_index=True)
    with atomic_path(paths.data / FILE) as temporary:
        frame.to_parquet(temporary, index=False)
    return paths.data / FILE


def read_latency(paths: CorpusPaths) -> pd.DataFrame:
    """Read what :func:`measure_latency` stored.

    Raises
    ------
    CorpusError
        If the file is missing or corrupt.
    """
    path = paths.data / FILE
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"{path}: missing or corrupt; run 'python -m studies latency --corpus {paths.corpus}'"
        ) from error


def _measure_one(folder: Path, recording: Recording) -> pd.DataFrame:
    found = note_latency(*load_recording(folder, recording))
    for place, name in enumerate(("test_set", "recording", "performance", "piano")):
        found.insert(place, name, getattr(recording, name))
    return found
