"""The figure of table 11: onset F1 by the labels trained on. Loads no torch."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.panels import panels
from pianoalign_lib.common.config import topic
from pianoalign_lib.common.figure_style import INK, MUTED, line_style

from .plan import TOPIC, Labels, midi_label, placed_by, planned
from .summary import SET_LABELS, SETS, Summary

SHOWN_MS = (50, 10)  # filled and hollow markers


def figure_transcription(summary: Summary, params: dict[str, Any]) -> tuple[Figure, pd.DataFrame]:
    """Draw F1 of onsets by method: a column of panels per kind of MIDI, a row per test set.

    Lines are trainings on true times of the same notes. Data: recordings, labels, tolerance_ms, f1,
    lo, hi (in percent); trainings that were not run are left out.
    """
    settings = topic(params, TOPIC)
    data = _data(summary, params)
    columns = [
        [kind for kind in planned(params) if (kind.timing, kind.flawed) == (timing, flawed)]
        for flawed in (False, True)
        for timing in settings["timing"]
    ]
    size = {"rows": len(SETS), "columns": len(columns), "sharex": True, "sharey": True}
    with panels(3.2 * len(columns) + 1.4, 5.6, **size) as (figure, all_axes):
        for place, axes in enumerate(all_axes):
            where, kinds = list(SETS)[place // len(columns)], columns[place % len(columns)]
            _draw(axes, data[data["recordings"] == where], kinds)
            if place < len(columns):
                axes.set_title(midi_label(kinds[0]).replace(", notes", ",\nnotes"))
            if place >= len(all_axes) - len(columns):
                axes.set_xlabel("F1 of onsets (%)")
            if not place % len(columns):
                axes.set_ylabel(SET_LABELS[where].replace(", ", ",\n"))
        handles, labels = _legend(all_axes[0])
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure, data


def _data(summary: Summary, params: dict[str, Any]) -> pd.DataFrame:
    rows = []
    for where in SETS:
        for kind in planned(params):
            for ms in SHOWN_MS:
                found = summary.f1(kind, where, ms)
                if found is not None:
                    lo, hi = found.interval
                    values = {"f1": 100 * found.value, "lo": 100 * lo, "hi": 100 * hi}
                    head = {"recordings": where, "labels": kind.name, "tolerance_ms": ms}
                    rows.append(head | values)
    return pd.DataFrame(rows, columns=["recordings", "labels", "tolerance_ms", "f1", "lo", "hi"])


def _draw(axes: Axes, data: pd.DataFrame, kinds: list[Labels]) -> None:
    """Draw the methods as rows, and true times as lines."""
    for ms, dashes in zip(SHOWN_MS, ("-", (0, (4, 3))), strict=True):
        part = data[data["tolerance_ms"] == ms].set_index("labels")
        if kinds[0].ideal.name in part.index:
            ideal = float(part["f1"][kinds[0].ideal.name])
            axes.axvline(ideal, color=INK, linewidth=1, linestyle=dashes)
        for height, kind in enumerate(kinds):
            if kind.name in part.index:
                row = part.loc[kind.name]
                look = line_style(_family(kind.method)) | {"markersize": 8, "ls": ""}
                if ms != SHOWN_MS[0]:
                    look |= {"markerfacecolor": "white", "markeredgecolor": look["color"]}
                axes.plot([row["lo"], row["hi"]], [height] * 2, color=look["color"], zorder=2)
                axes.plot(row["f1"], height, **look)
    axes.set_yticks(range(len(kinds)), [placed_by(kind) for kind in kinds])
    axes.set(xlim=(0, 100), ylim=(len(kinds) - 0.4, -0.6))
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def _family(method: str) -> str:
    """Return the method whose colour one trained on another corpus has."""
    return method.partition("_of_")[0]


def _legend(axes: Axes) -> tuple[list[Any], list[str]]:
    handles, labels = [], []
    for ms, face, dashes in zip(SHOWN_MS, (MUTED, "white"), ("-", (0, (4, 3))), strict=True):
        handles += axes.plot([], [], "o", color=MUTED, markerfacecolor=face)
        handles.append(axes.axvline(-1, color=INK, linewidth=1, linestyle=dashes))
        labels += [f"within {ms:g} ms", f"true times, {ms:g} ms"]
    return handles, labels
