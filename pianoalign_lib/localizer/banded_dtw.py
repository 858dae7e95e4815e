"""Dynamic time warping in a band, with free ends, one vectorised operation per row."""

from __future__ import annotations

import numpy as np

BEND = 0.1  # what a step other than (1, 1) costs
NEVER = np.float32(-1e9)


def warping_path(
    rows: np.ndarray, columns: np.ndarray, centre: np.ndarray | None, band: int
) -> tuple[np.ndarray, float]:
    """Align two sequences of feature vectors, of length 1 or less, by their inner products.

    What a row gains is its similarity above that of any two frames, so that rows at either end that
    fit nowhere are left out (local alignment; Smith, Waterman 1981). Every row counts once, at any
    tempo. The steps (1, 1), (1, 2) and (2, 1) need no other cell of their own row, so that a row is
    computed at once.

    Parameters
    ----------
    rows : np.ndarray [shape=(n, d)]
        The MIDI's.
    columns : np.ndarray [shape=(m, d)]
        The recording's.
    centre : np.ndarray [shape=(n,), dtype=int64], optional
        Column about which each row's band lies; None: all columns.
    band
        Columns to each side.

    Returns
    -------
    np.ndarray [shape=(k, 2)], float
        Row and column of each step, both rising, and the mean similarity along them.
    """
    n, m = len(rows), len(columns)
    if centre is None:
        first, width = np.zeros(n, np.int64), m
    else:
        first, width = np.maximum.accumulate(centre) - band, 2 * band + 1
    margin = max(0, -int(first.min())), max(0, int(first.max()) + width - m)
    padded = np.pad(columns, (margin, (0, 0)))
    first = first + margin[0]
    usual = rows @ columns.mean(axis=0)
    back = np.zeros((n, width), np.uint8)
    gains = np.full(width, NEVER, np.float32)  # of the row before
    totals = [np.full(width, NEVER, np.float32)] * 2  # of the two rows before
    starts = [int(first[0])] * 2
    best, best_total = (0, 0), NEVER
    for row in range(n):
        start = int(first[row])
        gain = padded[start : start + width] @ rows[row] - usual[row]
        one, two = (_moved(totals[1], starts[1], start, step) for step in (1, 2))
        two = two + 0.5 * (np.append(NEVER, gain[:-1]) - gain) - BEND
        jump = _moved(totals[0], starts[0], start, 1) + _moved(gains, starts[1], start, 0) - BEND
        options = np.stack([np.zeros(width, np.float32), one, two, jump])
        back[row] = options.argmax(axis=0)
        total = options.max(axis=0) + gain
        gains, totals, starts = gain, [totals[1], total], [starts[1], start]
        column = int(total.argmax())
        if total[column] > best_total:
            best, best_total = (row, column), total[column]
    path = _trace(back, first, best)
    similarity = np.einsum("ij,ij->i", rows[path[:, 0]], padded[path[:, 1]])
    path[:, 1] -= margin[0]
    inside = (path[:, 1] >= 0) & (path[:, 1] < m)
    return path[inside] if inside.any() else path[:1], float(similarity.mean())


def _moved(values: np.ndarray, start_then: int, start: int, step: int) -> np.ndarray:
    """Return an earlier row's values, `step` columns to the left of this row's."""
    shift = start - start_then - step
    if shift == 0:
        return values
    moved = np.full_like(values, NEVER)
    if shift > 0:
        moved[: max(0, len(values) - shift)] = values[shift:]
    else:
        moved[-shift:] = values[:shift]
    return moved


def _trace(back: np.ndarray, first: np.ndarray, end: tuple[int, int]) -> np.ndarray:
    row, column = end[0], end[1] + int(first[end[0]])
    path = [(row, column)]
    while True:
        step = back[row, column - int(first[row])]
        if step == 0:
            break
        row, column = row - (2 if step == 3 else 1), column - (2 if step == 2 else 1)
        path.append((row, column))
    return np.array(path[::-1], dtype=np.int64)
