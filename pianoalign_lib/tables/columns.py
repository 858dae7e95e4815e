"""The columns every table of scores shares, and the note on what stands behind them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from .model import Cell, Column, Missing, Number, Percent

INTERVAL_MS = 10  # the tolerance whose interval is shown; metrics.csv holds all of them


def score_columns(
    prefix: str, group: str, tolerances_ms: Sequence[int], lost: bool = True
) -> list[Column]:
    """Return the columns of accuracies, median error and, if wanted, the share of lost notes."""
    columns = [
        Column(f"{prefix}acc_{ms}ms", f"{ms} ms", group, interval=ms == INTERVAL_MS)
        for ms in tolerances_ms
    ]
    columns.append(Column(f"{prefix}median_abs_error_ms", "Median error (ms)", group))
    return columns + ([Column(f"{prefix}lost", "Lost (%)", group)] if lost else [])


def score_cells(row: dict | Missing, tolerances_ms: Sequence[int], lost: bool = True) -> list[Cell]:
    """Return the cells of :func:`score_columns` for one row of the metrics, or for none."""
    if isinstance(row, Missing):
        return [row] * (len(tolerances_ms) + 1 + lost)
    cells: list[Cell] = []
    for ms in tolerances_ms:
        name = f"acc_{ms}ms"
        if name not in row:
            cells.append(Missing("not run", f"{ms} ms is not among the tolerances evaluated"))
        elif ms == INTERVAL_MS:
            cells.append(Percent(row[name], row[f"{name}_lo"], row[f"{name}_hi"]))
        else:
            cells.append(Percent(row[name]))
    cells.append(Number(1000 * row["median_abs_error_s"], 1))
    return cells + ([Percent(row["lost_share"])] if lost else [])


def size_note(found: Sequence[dict | Missing]) -> str:
    """Say how many recordings and notes stand behind the rows of a table."""
    sizes = {(row["n_recordings"], row["n_notes"]) for row in found if not isinstance(row, Missing)}
    counts = " or ".join(f"{n} recordings with {notes:,} notes" for n, notes in sorted(sizes))
    behind = f"Each row: {counts}. " if counts else ""
    return f"{behind}In brackets: 95 % bootstrap interval over recordings (not over training runs)."


def seeds_note(found: Sequence[dict | Missing]) -> str:
    """Say how far trainings that differ in the seed alone lie apart at 10 ms."""
    shares = [100 * row["acc_10ms"] for row in found if not isinstance(row, Missing)]
    if len(shares) < 2:
        return "The full CRNN was trained once."
    return (
        f"The full CRNN was trained with {len(shares)} seeds: {mean(shares):.1f} ± "
        f"{stdev(shares):.1f} % within 10 ms (mean ± standard deviation over trainings)."
    )
