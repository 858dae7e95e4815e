"""Score the stored notes of all trainings: counts per recording, from which all tables are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths, topic
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.corpora.recordings import Recording, load_notes
from pianoalign_lib.scoring.scores import write_scores

from .matching import match
from .plan import SCORES, TOPIC, checkpoint_folder, prediction_folder
from .predictions import (
    MADE_BY,
    MADE_OF,
    made_of,
    read_predictions,
    stamp,
    tested_recordings,
)

KEYS = ["labels", "seed", "test_set", "recording", "performance", "calibrated"]


def write_transcription(paths: CorpusPaths, params: dict[str, Any]) -> Path:
    """Score all predictions there are and write ``transcription.csv``; without any, its header.

    Raises
    ------
    CorpusError
        If the test recordings are missing, or predictions are corrupt, of other recordings, or of
        another checkpoint than the one that is here.
    """
    settings = topic(params, TOPIC)
    tolerances_ms = settings["tolerances_ms"]
    folder = paths.split("eval")
    tested = tested_recordings(paths, params)
    recordings_sha256 = made_of(tested)
    true = {item.recording: load_notes(folder, item) for item in tested}
    rows: list[dict[str, Any]] = []
    for path in sorted(prediction_folder(paths).glob("*.parquet")):
        _check(path, paths, recordings_sha256)
        labels, seed, notes = read_predictions(path)
        for item in tested:
            found = notes[notes["recording"] == item.recording].reset_index(drop=True)
            head = {"labels": labels, "seed": seed, **_about(item)}
            scored = scores(true[item.recording], found, tolerances_ms, settings["calibration_ms"])
            rows += [head | row for row in scored]
    columns = [*KEYS, "n_true", "n_found", *(f"matched_{ms:g}ms" for ms in tolerances_ms)]
    path = paths.results / SCORES
    write_scores(path, pd.DataFrame(rows, columns=columns))
    return path


def _check(path: Path, paths: CorpusPaths, recordings_sha256: str) -> None:
    """Refuse predictions of other recordings, or of another checkpoint; it need not be here."""
    made, checkpoint = stamp(path), checkpoint_folder(paths) / f"{path.stem}.safetensors"
    stale = made.get(MADE_OF) != recordings_sha256
    if checkpoint.is_file():
        stale |= made.get(MADE_BY) != sha256_file(checkpoint)
    if stale:
        raise CorpusError(
            f"{path}: corrupt, or made by another checkpoint or of other recordings; run "
            "'python -m studies.transcription predict'"
        )


def scores(
    true: pd.DataFrame, found: pd.DataFrame, tolerances_ms: list[float], calibration_ms: float
) -> list[dict[str, Any]]:
    """Return counts of one recording, raw and after its median error has been removed.

    Parameters
    ----------
    true, found
        Tables with pitch and onset_s.
    tolerances_ms
        Between onsets that match.
    calibration_ms
        The median is that of the notes which match within this.
    """
    error_s = _errors(true, found, calibration_ms / 1000)
    delay_s = float(np.median(error_s)) if len(error_s) else 0.0
    rows = []
    for calibrated in (False, True):
        moved = found.assign(onset_s=found["onset_s"] - delay_s * calibrated)
        counts = {f"matched_{ms:g}ms": len(match(true, moved, ms / 1000)) for ms in tolerances_ms}
        rows.append({"calibrated": calibrated, "n_true": len(true), "n_found": len(found)} | counts)
    return rows


def _errors(true: pd.DataFrame, found: pd.DataFrame, tolerance_s: float) -> np.ndarray:
    pairs = match(true, found, tolerance_s)
    onset_s, true_s = found["onset_s"].to_numpy(), true["onset_s"].to_numpy()
    return onset_s[pairs[:, 1]] - true_s[pairs[:, 0]]


def _about(item: Recording) -> dict[str, str]:
    return {
        "test_set": item.test_set, "recording": item.recording, "performance": item.performance
    }  # fmt: skip
