"""From stored predictions to the committed metrics files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from ..common.config import CorpusPaths, topic
from ..common.errors import CorpusError
from .metrics import evaluate_all
from .scores import write_scores

METRICS = "metrics.csv"
PER_RECORDING = "metrics_per_recording.csv"


def load_predictions(paths: CorpusPaths, methods: Collection[str] | None = None) -> pd.DataFrame:
    """Return the stored predictions of a corpus, all or those of some methods, in one frame.

    Raises
    ------
    CorpusError
        If there are none, or a file is corrupt.
    """
    files = sorted(paths.predictions.glob("*.parquet"))
    files = [file for file in files if methods is None or file.stem in methods]
    if not files:
        raise CorpusError(f"{paths.predictions}: holds no predictions; run 'dvc repro' first")
    parts = []
    for file in files:
        try:
            parts.append(pd.read_parquet(file))
        except (OSError, ValueError) as error:
            raise CorpusError(f"{file}: corrupt; delete it and run 'dvc repro'") from error
    return pd.concat(parts, ignore_index=True)


def write_metrics(paths: CorpusPaths, params: dict[str, Any]) -> tuple[Path, Path]:
    """Score all predictions of a corpus; write ``metrics.csv`` and ``metrics_per_recording.csv``.

    Returns
    -------
    tuple of Path
        The two files: pooled with intervals, and per recording.
    """
    settings = topic(params, "evaluation")
    pooled, per_recording = evaluate_all(
        load_predictions(paths),
        settings["tolerances_ms"],
        settings["bootstrap"]["samples"],
        settings["bootstrap"]["seed"],
    )
    write_scores(paths.results / METRICS, pooled)
    write_scores(paths.results / PER_RECORDING, per_recording)
    return paths.results / METRICS, paths.results / PER_RECORDING
