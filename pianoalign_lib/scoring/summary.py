"""The main accuracies in a few numbers, for ``dvc metrics`` and ``dvc plots``."""

from __future__ import annotations

import json

import pandas as pd

from ..common.config import CorpusPaths
from ..common.files import write_text
from .scores import read_scores, write_scores

CONDITION = "note100"  # the paper's timing errors
TOLERANCES_MS = (10, 50)
CURVES = ["none", "dtw", "crnn", "hybrid", "localizer"]


def summary(metrics: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Return the share of notes within 10 and 50 ms (%), by method and test set."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in _main(metrics).to_dict("records"):
        found.setdefault(row["method"], {})[row["test_set"]] = {
            f"within_{ms}_ms": round(100 * row[f"acc_{ms}ms"], 2) for ms in TOLERANCES_MS
        }
    return found


def accuracy_by_tolerance(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the share of notes of the test set (%) by tolerance (rows) and method (columns)."""
    rows = _main(metrics).query("test_set == 'test'").set_index("method").reindex(CURVES)
    curves = 100 * rows.filter(regex=r"^acc_\d+ms$").T
    curves.index = curves.index.str.extract(r"(\d+)", expand=False).rename("tolerance_ms")
    return curves.reset_index()


def _main(metrics: pd.DataFrame) -> pd.DataFrame:
    return metrics[(metrics["condition"] == CONDITION) & ~metrics["calibrated"]]


def write_summary(paths: CorpusPaths) -> None:
    """Write ``summary/<method>.json`` and ``accuracy_by_tolerance.csv`` from ``metrics.csv``."""
    metrics = read_scores(paths.results / "metrics.csv")
    write_scores(paths.results / "accuracy_by_tolerance.csv", accuracy_by_tolerance(metrics))
    methods = summary(metrics)
    for method, numbers in methods.items():
        text = json.dumps(numbers, indent=2, sort_keys=True) + "\n"
        write_text(paths.results / "summary" / f"{method}.json", text)
    for path in (paths.results / "summary").glob("*.json"):
        if path.stem not in methods:
            path.unlink()
