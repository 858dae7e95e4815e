"""README's table of the paper's networks: ours, on both corpora, beside what the paper has."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev

import pandas as pd

from companion.tables.paper import PAPER_PERCENT
from pianoalign_lib.common.labels import first_training
from pianoalign_lib.scoring.scores import Missing, Scores, read_scores

ROWS = {
    "none": "input as it is",
    "dtw": "DTW (MrMsDTW)",
    "cnn": "CNN only",
    "lstm_uni": "LSTM, one direction",
    "gru": "GRU, both directions",
    "crnn": "full CRNN: LSTM, both directions",
    "transformer": "transformer in the LSTM's place",
    "transformer_long": "the same, trained three times as long",
}
OURS_ALONE = ("none", "transformer", "transformer_long")  # the paper has no such row
CONDITION = "note100"


def reproduction_table(root: Path) -> str:
    """Return notes within 10 ms (%) by network, in Markdown: one training, and all of them."""
    maps, demo = (read_scores(root / "results" / name / "metrics.csv") for name in ("maps", "demo"))
    lines = [
        "| | `maps`, first training | `maps`, all trainings | `demo` | Paper (MAPS) |",
        "|---|---|---|---|---|",
    ]
    for method, label in ROWS.items():
        cells = [_percent(maps, method), _trainings(maps, method), _percent(demo, method)]
        paper = "–" if method in OURS_ALONE else "not in our source"
        cells.append(f"{PAPER_PERCENT[method]}" if method in PAPER_PERCENT else paper)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _percent(metrics: pd.DataFrame, method: str) -> str:
    row = Scores(metrics).find("test", method, CONDITION)
    if isinstance(row, Missing):
        return row.label
    share, lo, hi = (100 * row[f"acc_10ms{end}"] for end in ("", "_lo", "_hi"))
    return f"{share:.1f} [{lo:.1f}, {hi:.1f}]"


def _trainings(metrics: pd.DataFrame, method: str) -> str:
    """Return mean, standard deviation and number of a network's trainings."""
    rows = metrics.query("test_set == 'test' and condition == @CONDITION")
    rows = rows[~rows["calibrated"].astype(bool) & (rows["method"].map(first_training) == method)]
    percent = [100 * float(share) for share in rows["acc_10ms"]]
    return f"{mean(percent):.1f} ± {stdev(percent):.1f} ({len(percent)})" if percent[1:] else ""
