"""What tables of scores share: their columns and cells, and the note on what stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pianoalign_lib.common.labels import condition_label, method_label, set_label
from pianoalign_lib.scoring.scores import Scores

from .model import Cell, Column, Missing, Number, Percent, Table

INTERVAL_MS = 10  # the tolerance whose interval is shown; metrics.csv holds all of them
SET = Column("test_set", "Recordings", label=set_label)
CONDITION = Column("condition", "Timing errors of the input", label=condition_label)
METHOD = Column("method", "Method", label=method_label)
SIZE = (Column("n_recordings", "Rec."), Column("n_notes", "Notes"))


def score_table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    scores: Scores,
    keys: Sequence[tuple[str, str, str]],
    tolerances_ms: Sequence[int],
    *,
    lost: bool = True,
    notes: Sequence[str] = (),
) -> Table:
    """Return a table of one row of the metrics per key (test set, method, condition).

    `columns` are those of the key that are shown, by their names.
    """
    found = [scores.find(*key) for key in keys]
    names = [dict(zip(("test_set", "method", "condition"), key, strict=True)) for key in keys]
    rows = [
        [*(name[column.key] for column in columns), *score_cells(row, tolerances_ms, lost)]
        for name, row in zip(names, found, strict=True)
    ]
    columns = [*columns, *score_columns("", "", tolerances_ms, lost)]
    return Table(name, caption, columns, rows, [size_note(found), *notes])


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


def size_cells(row: dict | Missing) -> list[Cell]:
    """Return the cells of :data:`SIZE`."""
    if isinstance(row, Missing):
        return [row] * len(SIZE)
    return [Number(row[column.key]) for column in SIZE]


def cell_of(row: dict | Missing, read: Callable[[dict], Cell]) -> Cell:
    """Return what `read` makes of a row of the metrics, or the reason why there is none."""
    return row if isinstance(row, Missing) else read(row)


def size_note(found: Sequence[dict | Missing]) -> str:
    """Say how many recordings and notes stand behind the rows of a table."""
    sizes = {(row["n_recordings"], row["n_notes"]) for row in found if not isinstance(row, Missing)}
    counts = " or ".join(f"{n} recordings with {notes:,} notes" for n, notes in sorted(sizes))
    behind = f"Each row: {counts}. " if counts else ""
    return f"{behind}In brackets: 95 % bootstrap interval over performances, not over trainings."
