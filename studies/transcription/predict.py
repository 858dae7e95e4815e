"""What the trained transcribers find in the test recordings, as compact lists of notes in git."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from pianoalign_lib.common.config import CorpusPaths, VariantConfig, topic
from pianoalign_lib.common.errors import CheckpointError
from pianoalign_lib.common.files import atomic_path, sha256_file
from pianoalign_lib.common.progress import progress
from pianoalign_lib.crnn.excerpts import load_items

from .network import load_transcriber, posterior
from .onsets import pick_onsets
from .plan import checkpoint_folder, prediction_folder
from .predictions import MADE_BY, MADE_OF, made_of, pack, stamp, tested_recordings


def predict(paths: CorpusPaths, params: dict[str, Any]) -> list[Path]:
    """Transcribe the test recordings by every checkpoint there is; return the files' paths.

    A file that was made by the very checkpoint, of the very recordings, is left as it is.

    Raises
    ------
    CheckpointError
        If there is no checkpoint, or a corrupt one.
    CorpusError
        If the test recordings are missing.
    """
    torch.set_num_threads(1)
    checkpoints = sorted(checkpoint_folder(paths).glob("*.safetensors"))
    if not checkpoints:
        folder = checkpoint_folder(paths)
        raise CheckpointError(
            f"{folder}: no checkpoint; run 'python -m studies.transcription train'"
        )
    tested = tested_recordings(paths, params)
    recordings_sha256 = made_of(tested)
    variant = VariantConfig(name="features", **topic(params, "crnn"))
    items = load_items(paths.split("eval"), tested, variant, paths.data / "features")
    features = {item.recording.recording: item.features for item in items}
    files = []
    for checkpoint in progress(checkpoints, label="transcribe"):
        path = prediction_folder(paths) / f"{checkpoint.stem}.parquet"
        made = {MADE_BY: sha256_file(checkpoint), MADE_OF: recordings_sha256}
        if stamp(path) != made:
            _write(path, transcribed(checkpoint, features, variant.fps), made)
        files.append(path)
    return files


def transcribed(checkpoint: Path, features: dict[str, np.ndarray], fps: int) -> pd.DataFrame:
    """Return the notes that a checkpoint finds: recording, pitch, onset_s."""
    model, info = load_transcriber(checkpoint)
    found = [
        pick_onsets(posterior(model, image), fps, info.threshold, info.gap_s).assign(recording=name)
        for name, image in sorted(features.items())
    ]
    return pd.concat(found, ignore_index=True)[["recording", "pitch", "onset_s"]]


def _write(path: Path, notes: pd.DataFrame, made: dict[bytes, str]) -> None:
    table = pa.Table.from_pandas(pack(notes), preserve_index=False)
    table = table.replace_schema_metadata(made)
    encoding = {name: "DELTA_BINARY_PACKED" for name in ("onset", "pitch")}
    with atomic_path(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            use_dictionary=["recording"],
            column_encoding=encoding,
        )
