"""The rule of C8: errors of a wrong tempo inside short excerpts, whose length the paper leaves out.

A *cell* is the mean error of one method at one deviation in excerpts of one length.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pianoalign_lib.common.labels import method_label
from studies.short_tempo.table import whole_excerpts

from .evidence import Evidence, NoEvidenceError
from .statistics import Estimate
from .verdicts import AGREES, CONTRADICTED, DIRECTION, UNDECIDED, Finding

METHODS = ("crnn", "dtw")


def lost_to_tempo(
    evidence: Evidence, *, beyond_percent: float, least_ms: float, level: float = 0.05
) -> Finding:
    """C8: beyond a tempo deviation, the mean errors of CRNN and DTW are above `least_ms`."""
    cells = _cells(evidence.short_tempo, beyond_percent)
    lengths = sorted({length for length, _, _ in cells})
    above, below = {}, {}
    for length in lengths:
        found = [cell for key, cell in cells.items() if key[0] == length]
        under = [cell.p_value(least_ms) for cell in found if cell.value <= least_ms]
        # Above: all cells are. Below: one of them is, which is the likelier the more there are.
        above[length] = 1.0 if under else max(cell.p_value(least_ms) for cell in found)
        below[length] = min(1.0, len(under) * min(under)) if under else 1.0
    holds = min(1.0, len(lengths) * min(above.values()))  # at one length or another
    fails = max(below.values())  # at each
    clear = [length for length in lengths if above[length] < level]
    passing = {
        method: [
            length
            for length in lengths
            if all(_clearly_above(cell, least_ms, level) for cell in _span(cells, method, length))
        ]
        for method in METHODS
    }
    told = " and ".join(_told(cells, method, lengths) for method in METHODS)
    text = (
        f"In excerpts of {_listed(lengths)} s, whose length our source does not give, the smallest "
        f"mean errors beyond ±{beyond_percent:g} % are {told}"
    )
    halves = ", ".join(
        f"{method_label(method)} at {_listed(each, 's')}" for method, each in passing.items()
    )
    reasons = {
        AGREES: f"{text}, above {least_ms:g} ms for both at every length.",
        DIRECTION: f"{text}, above {least_ms:g} ms for both at {_listed(clear)} s only.",
        UNDECIDED: f"{text}, neither clearly above {least_ms:g} ms for both nor clearly not.",
        CONTRADICTED: f"{text}, at no length above {least_ms:g} ms for both (clearly above: "
        f"{halves}).",
    }
    ours, intervals = (_shown(cells, lengths, bounds) for bounds in (False, True))
    p = min(holds, fails)
    return Finding(ours, intervals, reasons, p, holds <= fails, len(clear) == len(lengths))


def _cells(
    scores: pd.DataFrame | None, beyond_percent: float
) -> dict[tuple[float, float, str], Estimate]:
    """Return the mean error (ms) by length, deviation and method."""
    if scores is None:
        raise NoEvidenceError("not run: tempo errors inside short excerpts")
    rows = whole_excerpts(scores[scores["method"].isin(METHODS)])
    rows = rows[rows["tempo_percent"].abs() > beyond_percent]
    if set(rows["method"]) != set(METHODS):
        raise NoEvidenceError(f"not run: CRNN and DTW beyond ±{beyond_percent:g} % in excerpts")
    if (rows["n_performances"] < 2).any():
        raise NoEvidenceError("a single performance gives no interval")
    return {
        (row["length_s"], row["tempo_percent"], row["method"]): Estimate(
            1000 * row["mean_abs_error_s"],
            1000 * row["mean_abs_error_se"],
            row["n_performances"] - 1,
        )
        for row in rows.to_dict("records")
    }


def _span(cells: dict, method: str, length: float) -> list[Estimate]:
    """Return the cells of a method at a length, the smallest first."""
    found = [cell for key, cell in cells.items() if (key[0], key[2]) == (length, method)]
    return sorted(found, key=lambda cell: cell.value)


def _clearly_above(cell: Estimate, least_ms: float, level: float) -> bool:
    return cell.value > least_ms and cell.p_value(least_ms) < level


def _told(cells: dict, method: str, lengths: list[float]) -> str:
    spans = [_span(cells, method, length) for length in lengths]
    return f"{method_label(method)} {_listed([round(span[0].value) for span in spans])} ms"


def _shown(cells: dict, lengths: list[float], bounds: bool) -> str:
    """Return the smallest mean error of each method and length, or its interval."""
    parts = []
    for method in METHODS:
        least = [_span(cells, method, length)[0] for length in lengths]
        values = [
            f"[{cell.interval[0]:.0f}, {cell.interval[1]:.0f}]" if bounds else f"{cell.value:.0f}"
            for cell in least
        ]
        parts.append(f"{method_label(method)} {', '.join(values)} ms")
    lengths_s = ", ".join(f"{length:g}" for length in lengths)
    return "; ".join(parts) if bounds else f"{'; '.join(parts)} (excerpts of {lengths_s} s)"


def _listed(values: Sequence[float], unit: str = "") -> str:
    """Return numbers as "1, 2 and 5", with a unit behind the last."""
    *first, last = [f"{value:g}" for value in values] or ["none"]
    last += f" {unit}" if unit and values else ""
    return f"{', '.join(first)} and {last}" if first else last
