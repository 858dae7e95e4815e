"""What there is to explore: the corpora that were predicted here, and the example for all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import parquet

from ..common.config import corpus_paths, project_root
from ..corpora.recordings import audio_path, load_notes, read_index
from ..io.placement import NOT_HEARD
from ..io.recording import Recording, open_recording
from ..localizer.spectra import Spectra, compute_spectra

EXAMPLE = "example"
CORPORA = ("demo", "maps")


@dataclass(frozen=True)
class Piece:
    """A recording, its true notes, and where methods put loose ones.

    Attributes
    ----------
    truth : pd.DataFrame
        Note table.
    predictions : pd.DataFrame
        Rows as in ``data/<corpus>/predictions``, of all methods and conditions.
    """

    recording: Recording
    spectra: Spectra
    truth: pd.DataFrame
    predictions: pd.DataFrame

    def conditions(self) -> list[str]:
        """Return the conditions that any method was given."""
        return sorted(self.predictions["condition"].unique())

    def methods(self, condition: str) -> list[str]:
        """Return the methods that were given a condition."""
        given = self.predictions["condition"] == condition
        return sorted(self.predictions.loc[given, "method"].unique())

    def notes(self, method: str, condition: str) -> pd.DataFrame:
        """Return the rows of a method, by note, with ``error_s``."""
        rows = self.predictions
        rows = rows[(rows["method"] == method) & (rows["condition"] == condition)]
        rows = rows.sort_values("note_id", ignore_index=True)
        return rows.assign(error_s=rows["onset_s"] - rows["onset_true_s"])


def corpora(root: Path | None = None) -> list[str]:
    """Return what can be explored: corpora with predictions, and the example."""
    found = [
        name for name in CORPORA if any(corpus_paths(name, root).predictions.glob("*.parquet"))
    ]
    return [*found, EXAMPLE]


def recordings(corpus: str, root: Path | None = None) -> list[str]:
    """Return the names of the recordings of a corpus that were predicted."""
    if corpus == EXAMPLE:
        return [EXAMPLE]
    index = read_index(corpus_paths(corpus, root).split("eval"))
    # The test set first: rooms and others come after it.
    ordered = sorted(index, key=lambda item: (item.test_set != "test", item.recording))
    return [item.recording for item in ordered if item.test_set]


@lru_cache(maxsize=4)
def load_piece(corpus: str, name: str, root: Path | None = None) -> Piece:
    """Return a recording with what is known of it.

    Raises
    ------
    CorpusError
        If the corpus is not, or not wholly, here.
    """
    if corpus == EXAMPLE:
        return _example((root or project_root()) / "examples")
    paths = corpus_paths(corpus, root)
    folder = paths.split("eval")
    item = next(each for each in read_index(folder) if each.recording == name)
    recording = open_recording(audio_path(folder, name), None)
    files = sorted(paths.predictions.glob("*.parquet"))
    with ThreadPoolExecutor(1) as beside:  # a quarter of a second that nobody has to wait for
        table = beside.submit(parquet.read_table, files, filters=[("recording", "==", name)])
        spectra = compute_spectra(recording.source)
    return Piece(recording, spectra, load_notes(folder, item), table.result().to_pandas())


def _example(folder: Path) -> Piece:
    """Return the example of the repository, aligned now."""
    from ..alignment.aligner import align  # not waited for where a corpus is shown

    truth = pd.read_csv(folder / "true_notes.csv")
    result = align(folder / "recording.flac", folder / "loose.mid")
    found = result.notes.assign(
        onset_true_s=truth["onset_s"],
        condition="loose",
        placed=result.notes["status"] != NOT_HEARD,
        method="localizer",
    )
    length_s = found["offset_s"] - found["onset_s"]
    as_it_is = found.assign(
        method="none", onset_s=found["onset_in_s"], offset_s=found["onset_in_s"] + length_s,
        confidence=np.nan, placed=True,
    )  # fmt: skip
    predictions = pd.concat([as_it_is, found], ignore_index=True)
    return Piece(result._recording, result.spectra, truth, predictions)
