"""Prediction frames: what is checked before they are scored, and how they split into recordings.

A prediction frame holds one row per (test_set, method, condition, recording, note), as stored in
``data/<corpus>/predictions/<method>.parquet``; several methods may stand in one frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..common.errors import PianoAlignError

_GROUP = ["test_set", "method", "condition"]
_COLUMNS = [
    *_GROUP, "recording", "performance", "note_id", "pitch",
    "onset_true_s", "onset_in_s", "onset_s", "placed",
]  # fmt: skip
_TIMES = ["onset_true_s", "onset_in_s", "onset_s"]
_NOTE = [*_GROUP, "recording", "note_id"]


def validate_predictions(predictions: pd.DataFrame) -> None:
    """Refuse a prediction frame that would give a wrong score without a word.

    Raises
    ------
    PianoAlignError
        If the frame is empty, lacks a column, has a missing value, a time that is not finite, or
        the same note twice within (test_set, method, condition, recording).
    """
    missing = [column for column in _COLUMNS if column not in predictions.columns]
    if missing:
        raise PianoAlignError(
            f"predictions lack the column {', '.join(missing)}; run predict again"
        )
    if predictions.empty:
        raise PianoAlignError("predictions hold no note; run predict again")
    for column in _COLUMNS:
        unknown = predictions[predictions[column].isna()]
        if len(unknown):
            raise PianoAlignError(
                f"predictions have a missing value in {column} (recording "
                f"{unknown['recording'].iloc[0]}, note_id {unknown['note_id'].iloc[0]}); "
                "run predict again"
            )
    for column in _TIMES:
        if not np.isfinite(predictions[column].to_numpy(float)).all():
            raise PianoAlignError(f"predictions have a time in {column} that is not finite")
    repeated = predictions.loc[predictions.duplicated(_NOTE), _NOTE]
    if len(repeated):
        note = ", ".join(f"{name} {value}" for name, value in repeated.iloc[0].items())
        raise PianoAlignError(f"predictions hold a note more than once: {note}")


@dataclass(frozen=True)
class Recording:
    """One method's notes in one recording under one condition; arrays of shape (notes,)."""

    name: str
    performance: str
    pitch: NDArray[np.integer]
    onset_true_s: NDArray[np.float64]
    errors_s: NDArray[np.float64]
    placed: NDArray[np.bool_]

    def calibrated(self) -> Recording:
        """Return the same notes with their median error removed."""
        return replace(self, errors_s=self.errors_s - np.median(self.errors_s))


def groups(predictions: pd.DataFrame) -> Iterator[tuple[dict[str, str], list[Recording]]]:
    """Validate, then yield each (test_set, method, condition) and its recordings, in order."""
    validate_predictions(predictions)
    # The order of rows decides nothing, not even the last bit of a sum.
    ordered = predictions.sort_values(_NOTE, kind="stable")
    for key, group in ordered.groupby(_GROUP, sort=True, observed=True):
        parts = [
            _recording(str(name), part)
            for name, part in group.groupby("recording", sort=True, observed=True)
        ]
        yield dict(zip(_GROUP, map(str, key), strict=True)), parts


def _recording(name: str, notes: pd.DataFrame) -> Recording:
    true = notes["onset_true_s"].to_numpy(float)
    return Recording(
        name=name,
        performance=str(notes["performance"].iloc[0]),
        pitch=notes["pitch"].to_numpy(),
        onset_true_s=true,
        errors_s=notes["onset_s"].to_numpy(float) - true,
        placed=notes["placed"].to_numpy(bool),
    )
