"""Figure 5: where each method loses its notes, by velocity and by repetition of a key."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.panels import accuracy, draw_lines, panels
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.labels import condition_label, set_label

from .classes import KINDS
from .scores import CONDITION, EXACT, METHODS
from .tables import LEAST_NOTES, sorted_sets

SHOWN = (*METHODS, EXACT)
TOLERANCE_MS = 10
_AXES = {
    "velocity": "MIDI velocity",
    "previous": "Since the note before on the key (ms)",
    "next": "Until the note after on the key (ms)",
}


def figure5_by_note(
    by_note: pd.DataFrame, *, tolerance_ms: int = TOLERANCE_MS
) -> tuple[Figure, pd.DataFrame]:
    """Draw the notes within a tolerance by class of notes; a row of panels per test set.

    Takes ``metrics_by_note.csv``; errors are offset-calibrated (each recording's median error
    removed), so that a late label or microphone does not hide where notes are lost. Data: test_set,
    kind, lower, method (the localizer with the exact MIDI is ``exact``), n_notes (fewer than 20
    are not drawn), accuracy (percent) with its interval lo and hi.

    Raises
    ------
    PianoAlignError
        If there is nothing to draw.
    """
    rows = by_note[by_note["calibrated"].astype(bool)]
    if rows.empty:
        raise PianoAlignError("figure 5: there are no scores by note; run the by_note stage")
    rows = rows.assign(method=rows["method"].where(rows["condition"].eq(CONDITION), EXACT))
    data = accuracy(rows, tolerance_ms, "test_set", "kind", "lower", "method", "n_notes")
    sets = sorted_sets(data)
    size = (11.5, 0.8 + 2.7 * len(sets))
    with panels(*size, rows=len(sets), columns=len(KINDS), sharey=True) as (figure, all_axes):
        places = [(name, kind) for name in sets for kind in KINDS]
        for axes, (name, kind) in zip(all_axes, places, strict=True):
            _draw(axes, data[(data["test_set"] == name) & (data["kind"] == kind)], kind)
            axes.set_title(set_label(name) if kind == "velocity" else "")
            if kind == "velocity":
                axes.set_ylabel(f"Within {tolerance_ms} ms (%)")
        handles = {line.get_label(): line for axes in all_axes for line in axes.get_lines()}
        title = f"{condition_label(CONDITION)}, offset-calibrated"
        figure.legend(
            handles=list(handles.values()), loc="outside upper center", ncols=6, title=title
        )
    return figure, data


def _draw(axes: Axes, rows: pd.DataFrame, kind: str) -> None:
    edges = KINDS[kind]
    places = {lower: place for place, lower in enumerate(edges[:-1])}
    data = rows.assign(place=rows["lower"].map(places)).sort_values("place")
    draw_lines(axes, data[data["n_notes"] >= LEAST_NOTES], "place", SHOWN)
    labels = [_tick(kind, lower, upper) for lower, upper in pairwise(edges)]
    axes.set_xticks(range(len(labels)), labels)
    axes.set(xlabel=_AXES[kind], xlim=(-0.3, len(labels) - 0.7))


def _tick(kind: str, lower: float, upper: float) -> str:
    if kind == "velocity":
        return f"{lower:g}–{upper - 1:g}"
    low, high = (f"{1000 * each:g}" for each in (lower, upper))
    return f"< {high}" if not lower else f"≥ {low}\nor none" if high == "inf" else f"{low}–{high}"
