"""From stored predictions to scores by class of notes: ``metrics_by_note.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from pianoalign_lib.common.config import CorpusPaths, topic
from pianoalign_lib.scoring import bootstrap
from pianoalign_lib.scoring.evaluation import load_predictions
from pianoalign_lib.scoring.metrics import EPSILON_S
from pianoalign_lib.scoring.prediction_frames import validate_predictions
from pianoalign_lib.scoring.scores import write_scores

from .classes import KINDS, class_of, with_gaps
from .confidence import CONFIDENCE, confidence_by_velocity, read_measured

FILE = "metrics_by_note.csv"
CONDITION = "note100"
EXACT = "exact"  # what is lost even when the input is right; for the localizer only
METHODS = ("none", "dtw", "crnn", "hybrid", "localizer")
TOLERANCES_MS = (10, 50)
_GROUP = ["test_set", "method", "condition"]
COLUMNS = (*_GROUP, "calibrated", "kind", "lower", "upper", "n_notes", "spread_s", "acc_10ms_lo")


def scores_by_note(
    predictions: pd.DataFrame, samples: int = bootstrap.SAMPLES, seed: int = bootstrap.SEED
) -> pd.DataFrame:
    """Score predictions by velocity and by the times to the neighbours on the same key.

    Returns
    -------
    DataFrame
        One row per test_set, method, condition, calibrated (each recording's median error, over all
        its notes, removed), kind of class (:data:`.classes.KINDS`) and class (lower, upper):
        n_recordings and n_notes that have such notes; bias_s (median error); spread_s (between the
        quartiles of the errors); acc_10ms and acc_50ms with the bounds of their intervals over
        performances (``_lo``, ``_hi``; NaN for one performance). Classes without notes have no row.

    Raises
    ------
    PianoAlignError
        If the predictions are invalid.
    """
    validate_predictions(predictions)
    notes = with_gaps(predictions)
    notes["raw_s"] = notes["onset_s"] - notes["onset_true_s"]
    median_s = notes.groupby([*_GROUP, "recording"])["raw_s"].transform("median")
    notes["calibrated_s"] = notes["raw_s"] - median_s
    rows = []
    for key, part in notes.groupby(_GROUP, sort=True):
        for calibrated, column in ((False, "raw_s"), (True, "calibrated_s")):
            for kind, edges in KINDS.items():
                place = class_of(part[kind], kind)
                for number, (lower, upper) in enumerate(pairwise(edges)):
                    inside = part[place == number]
                    if len(inside):
                        label = dict(zip(_GROUP, key, strict=True)) | {"calibrated": calibrated}
                        label |= {"kind": kind, "lower": lower, "upper": upper}
                        rows.append(label | _scores(inside, column, samples, seed))
    return pd.DataFrame(rows)


def _scores(notes: pd.DataFrame, column: str, samples: int, seed: int) -> dict[str, float]:
    """Return the scores of the errors in a column, pooled over recordings."""
    size_s = notes[column].abs()
    hits = pd.DataFrame({ms: size_s <= ms / 1000 + EPSILON_S for ms in TOLERANCES_MS})
    each = hits.groupby(notes["performance"])
    counts, n_notes = each.sum().to_numpy(), each.size().to_numpy()
    lo, hi = bootstrap.interval(counts, n_notes, samples, seed)
    low_s, middle_s, high_s = notes[column].quantile([0.25, 0.5, 0.75])
    scores: dict[str, float] = {"n_recordings": notes["recording"].nunique(), "n_notes": len(notes)}
    scores |= {"bias_s": middle_s, "spread_s": high_s - low_s}
    for place, ms in enumerate(TOLERANCES_MS):
        scores[f"acc_{ms}ms"] = counts[:, place].sum() / n_notes.sum()
        scores |= {f"acc_{ms}ms_lo": lo[place], f"acc_{ms}ms_hi": hi[place]}
    return scores


def load_predictions_of(paths: CorpusPaths, methods: Sequence[str] = METHODS) -> pd.DataFrame:
    """Return the stored predictions of those methods that have any, under both conditions.

    Raises
    ------
    CorpusError
        If none has, or a file is corrupt.
    """
    found = load_predictions(paths, methods)
    is_exact = found["condition"].eq(EXACT) & found["method"].eq("localizer")
    return found[found["condition"].eq(CONDITION) | is_exact].reset_index(drop=True)


def write_by_note(paths: CorpusPaths, params: dict[str, Any]) -> None:
    """Write ``metrics_by_note.csv`` and ``confidence_by_velocity.csv`` of a corpus."""
    draws = topic(params, "evaluation")["bootstrap"]
    predictions = load_predictions_of(paths)
    write_scores(paths.results / FILE, scores_by_note(predictions, **draws))
    chosen = predictions["method"].eq("localizer") & predictions["condition"].eq(CONDITION)
    measured = read_measured(paths, predictions["test_set"].unique())
    found = confidence_by_velocity(predictions[chosen], measured, **draws)
    write_scores(paths.results / CONFIDENCE, found)
