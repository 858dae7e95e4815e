"""Run a method on every test recording and condition, and store what it says of every note.

All metrics, tables and figures are computed from these files: a new tolerance or statistic never
needs a network again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..common.config import HYBRID_VARIANT, CorpusPaths, topic
from ..common.errors import ConfigError, CorpusError
from ..common.files import atomic_path
from ..common.progress import side_by_side
from ..corpora.recordings import Recording, load_recording, read_index
from ..corpora.timing_errors import conditions, loose_notes
from ..crnn.inference import use_one_thread
from ..io.placement import Placement
from .placing import HYBRID, prepare


def predict(paths: CorpusPaths, params: dict[str, Any], method: str, jobs: int = 2) -> Path:
    """Store what :func:`predicted` returns, as Parquet, and return the file's path."""
    frame = predicted(paths, params, method, jobs)
    path = paths.predictions / f"{method}.parquet"
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)
    return path


def predicted(
    paths: CorpusPaths, params: dict[str, Any], method: str, jobs: int = 2
) -> pd.DataFrame:
    """Predict with a method on all its test sets and conditions (topic ``evaluation``).

    Parameters
    ----------
    paths
        The corpus's folders; the ``eval`` part must have been rendered.
    params
        All of ``params.yaml``.
    method
        See :func:`.placing.prepare`; or ``hybrid``, which gives the full network the
        stored predictions of ``dtw``.
    jobs
        Processes side by side, each with one thread.

    Returns
    -------
    pd.DataFrame
        One row per test set, recording, condition and note.

    Raises
    ------
    ConfigError
        If the method or one of its conditions is unknown.
    CorpusError, CheckpointError
        If the recordings, the checkpoint or the predictions of DTW are missing or corrupt.
    """
    folder = paths.split("eval")
    plan = condition_plan(params, method, read_index(folder, split="test"))
    # The longest first, so that no process is left alone with a long one at the end.
    plan.sort(key=lambda entry: -entry[0].duration_s)
    predict_one = partial(_predict_one, paths, params, method)
    parts = side_by_side(predict_one, plan, jobs, label=f"predict {method}")
    frame = pd.concat(parts, ignore_index=True)
    keys = ["test_set", "recording", "condition", "note_id"]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def condition_plan(
    params: dict[str, Any], method: str, recordings: list[Recording]
) -> list[tuple[Recording, list[str]]]:
    """Return the recordings a method is run on, each with the names of its conditions.

    Raises
    ------
    ConfigError
        If nothing is planned for the method, or a condition is not defined.
    """
    known = conditions(params)
    blocks = [block for block in topic(params, "evaluation")["runs"] if method in block["methods"]]
    unknown = {name for block in blocks for name in block["conditions"]} - set(known)
    if unknown:
        raise ConfigError(f"params.yaml: evaluation.runs: unknown conditions {sorted(unknown)}")
    first: dict[tuple[str, str], str] = {}
    for item in sorted(recordings, key=lambda item: item.recording):
        first.setdefault((item.test_set, item.performance), item.recording)
    plan = []
    for item in recordings:
        is_first = first[item.test_set, item.performance] == item.recording
        names = [
            name
            for block in blocks
            if item.test_set in block["test_sets"] and (is_first or not block.get("first_only"))
            for name in block["conditions"]
        ]
        if names:
            plan.append((item, list(dict.fromkeys(names))))
    if not plan:
        raise ConfigError(f"params.yaml: evaluation.runs names no run of method '{method}'")
    return plan


def _predict_one(
    paths: CorpusPaths,
    params: dict[str, Any],
    method: str,
    planned: tuple[Recording, list[str]],
) -> pd.DataFrame:
    use_one_thread()
    recording, names = planned
    audio, notes = load_recording(paths.split("eval"), recording)
    align = prepare(HYBRID_VARIANT if method == HYBRID else method, audio, paths, params)
    warped = _warped_notes(paths, recording) if method == HYBRID else None
    parts = []
    for name in names:
        loose = loose_notes(notes, name, recording.recording, params)
        given = loose if warped is None else warped(name, loose)
        parts.append(prediction_rows(recording, method, name, notes, loose, given, align(given)))
    return pd.concat(parts, ignore_index=True)


def prediction_rows(
    recording: Recording,
    method: str,
    condition: str,
    notes: pd.DataFrame,
    loose: pd.DataFrame,
    given: pd.DataFrame,
    found: Placement,
) -> pd.DataFrame:
    """Return what a method says of each note of a recording, as it is stored.

    Parameters
    ----------
    notes, loose, given
        Note tables, note by note: the true one, the input, and what the method was given, which is
        the input unless another one warped it before.
    """
    return pd.DataFrame(
        {
            "test_set": recording.test_set,
            "recording": recording.recording,
            "performance": recording.performance,
            "method": method,
            "condition": condition,
            "note_id": notes["note_id"],
            "pitch": notes["pitch"],
            "velocity": notes["velocity"],
            "onset_true_s": notes["onset_s"],
            "onset_in_s": loose["onset_s"],
            "onset_s": found.onset_s,
            "offset_s": found.ends_s(given),
            "confidence": found.confidence.astype(np.float32),
            "placed": found.heard,
        }
    )


def _warped_notes(paths: CorpusPaths, recording: Recording) -> Callable:
    """Return a function from a condition and its loose notes to the notes as DTW placed them."""
    path = paths.predictions / "dtw.parquet"
    wanted = [("recording", "==", recording.recording), ("test_set", "==", recording.test_set)]
    try:
        stored = pd.read_parquet(path, filters=wanted)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: missing or corrupt; run 'dvc repro predict_dtw'") from error

    def warp(condition: str, loose: pd.DataFrame) -> pd.DataFrame:
        rows = stored[stored["condition"] == condition].set_index("note_id")
        if not rows.index.sort_values().equals(pd.Index(np.sort(loose["note_id"]))):
            raise CorpusError(
                f"{path}: lacks notes of {recording.recording} under '{condition}'; "
                "run 'dvc repro predict_dtw'"
            )
        onset_s, offset_s = (rows[name].loc[loose["note_id"]] for name in ("onset_s", "offset_s"))
        return loose.assign(onset_s=onset_s.to_numpy(), offset_s=offset_s.to_numpy())

    return warp
