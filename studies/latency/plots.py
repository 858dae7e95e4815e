"""Figures of the time from label to sound; both return (figure, data) for ``save_figure``.

Colours are Okabe & Ito's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from companion.figures.panels import select
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.figure_style import INK, MUTED, line_style, method_style, style
from pianoalign_lib.common.labels import condition_label, method_label

from .summary import LEAST_NOTES, SOFTWARE, grouped

SHORT = {
    "ENSTDkCl": "Disklavier, close",
    "ENSTDkAm": "Disklavier, ambient",
    SOFTWARE: "Software pianos",
}
COLOURS = dict(zip(SHORT, ("#d55e00", "#0072b2", "#555555"), strict=True))
TOLERANCE_MS = 10
RANGE_MS = (-50, 100)
REACH = 5  # a running median at velocity v is over v ± REACH
LEAST_IN_REACH = 100  # notes, for a running median to be drawn
LEAST_IN_BAND = 20  # notes, for a band's median to be drawn


def figure_latency(latency: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the latency against velocity per group, and the spread within every recording.

    Top: each measured note as density, the running median and the quartiles. Bottom: median and
    quartiles of every recording with enough measured notes, with the ±10 ms around zero inside
    which a perfect aligner counts as right. Data: panel ("velocity" or "recording"), group,
    recording, velocity, n_notes, q1_ms, median_ms, q3_ms.

    Raises
    ------
    PianoAlignError
        If no group has a measured note.
    """
    measured = _measured(latency)
    if measured.empty:
        raise PianoAlignError("no latency to draw: no note could be measured; run latency again")
    of_velocity = running_quartiles(latency)
    each = measured.groupby(["group", "recording"], observed=True)["latency_ms"]
    of_recording = _quartiles(["group", "recording"], each, LEAST_NOTES)
    groups = [(str(group), notes) for group, notes in measured.groupby("group", observed=True)]
    with style():
        figure = Figure(figsize=(7.2, 6.6))
        grid = figure.add_gridspec(2, len(groups), height_ratios=(1.15, 1))
        for place, (group, notes) in enumerate(groups):
            axes = figure.add_subplot(grid[0, place])
            _draw_velocity(axes, notes, of_velocity[of_velocity["group"] == group], group)
            axes.tick_params(labelleft=place == 0)
        figure.axes[0].set_ylabel("From label to sound (ms)")
        figure.axes[len(groups) // 2].set_xlabel("MIDI velocity")
        _draw_recordings(figure.add_subplot(grid[1, :]), of_recording)
    parts = [of_velocity.assign(panel="velocity"), of_recording.assign(panel="recording")]
    columns = ["panel", "group", "recording", "velocity", "n_notes", "q1_ms", "median_ms", "q3_ms"]
    return figure, pd.concat(parts, ignore_index=True)[columns]


def running_quartiles(latency: pd.DataFrame) -> pd.DataFrame:
    """Return the running quartiles of the latency over velocity.

    Returns
    -------
    DataFrame
        group, velocity, n_notes (within `REACH` of the velocity), q1_ms, median_ms, q3_ms.
    """
    parts = (
        ((group, centre), notes["latency_ms"][(notes["velocity"] - centre).abs() <= REACH])
        for group, notes in _measured(latency).groupby("group", observed=True)
        for centre in range(notes["velocity"].min(), notes["velocity"].max() + 1)
    )
    return _quartiles(["group", "velocity"], parts, LEAST_IN_REACH)


def errors_by_velocity(
    predictions: pd.DataFrame,
    methods: Sequence[str] = ("dtw", "crnn", "hybrid"),
    *,
    test_set: str,
    latency: pd.DataFrame,
    condition: str = "note100",
    band: int = 10,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the median onset error of methods against velocity, with quartiles as bars.

    Only the notes whose latency was measured are drawn, and bands with enough of them. A dashed
    line shows the running median of the latency: where a method that hears the sound must err,
    since the labels do. Data: method (or "latency"), velocity (middle of the band), n_notes, q1_ms,
    median_ms, q3_ms.

    Raises
    ------
    PianoAlignError
        If there are no predictions to draw.
    """
    rows = select(predictions, methods, [condition], test_set)
    latency = _measured(latency[latency["recording"].isin(rows["recording"])])
    rows = rows.merge(latency[["recording", "note_id"]], on=["recording", "note_id"])
    rows = rows.assign(
        method=pd.Categorical(rows["method"], pd.Index(methods)),
        velocity=rows["velocity"] // band * band + band / 2,
        error_ms=1000 * (rows["onset_s"] - rows["onset_true_s"]),
    )
    each = rows.groupby(["method", "velocity"], observed=True)["error_ms"]
    data = _quartiles(["method", "velocity"], each, LEAST_IN_BAND)
    sound = running_quartiles(latency).drop(columns="group").assign(method="latency")
    if data.empty:
        raise PianoAlignError(f"nothing to draw: fewer than {LEAST_IN_BAND} notes per band")
    shown = data["method"].unique()
    with style():
        figure = Figure(figsize=(7, 4.3))
        axes = figure.add_subplot()
        axes.axhline(0, color=MUTED, linewidth=0.8)
        for place, method in enumerate(shown):
            line = data[data["method"] == method]
            # Methods stand side by side, so that their bars do not cover each other.
            x = line["velocity"] + 0.16 * band * (place - (len(shown) - 1) / 2)
            colour = method_style(method)["color"]
            axes.vlines(x, line["q1_ms"], line["q3_ms"], color=colour, linewidth=2, alpha=0.55)
            axes.plot(x, line["median_ms"], label=method_label(method), **line_style(method))
        if len(sound):
            axes.plot(
                sound["velocity"], sound["median_ms"], color=INK, linewidth=2,
                linestyle=(0, (4, 2)), label="Measured sound", zorder=4,
            )  # fmt: skip
        axes.set(xlabel="MIDI velocity", ylabel="Onset error (ms; positive: late)")
        axes.set_title(f"{SHORT.get(test_set, test_set)}; input with {condition_label(condition)}")
        figure.legend(loc="outside upper center", ncols=4)
    return figure, pd.concat([data, sound], ignore_index=True)


def _measured(latency: pd.DataFrame) -> pd.DataFrame:
    measured = grouped(latency[latency["latency_s"].notna()])
    return measured.assign(latency_ms=1000 * measured["latency_s"])


def _quartiles(keys: list[str], parts: Iterable[tuple[Any, pd.Series]], least: int) -> pd.DataFrame:
    """Return size and quartiles of those parts (values of the keys, notes in ms) large enough."""
    rows = [
        (*key, len(notes), *np.percentile(notes, [25, 50, 75]))
        for key, notes in parts
        if len(notes) >= least
    ]
    numbers = ["n_notes", "q1_ms", "median_ms", "q3_ms"]
    # Numbers, also where there are too few notes for any row.
    kinds = dict.fromkeys([*numbers, *({"velocity"} & set(keys))], float)
    return pd.DataFrame(rows, columns=[*keys, *numbers]).astype(kinds)


def _draw_velocity(axes: Axes, notes: pd.DataFrame, line: pd.DataFrame, group: str) -> None:
    colour = COLOURS[group]
    _draw_tolerance(axes)
    whole = LinearSegmentedColormap.from_list(group, ["white", colour])
    shades = whole.with_extremes(under=(1, 1, 1, 0))
    edges = [np.arange(0.5, 128, 3), np.arange(RANGE_MS[0], RANGE_MS[1] + 1, 2.5)]
    counts = np.histogram2d(notes["velocity"], notes["latency_ms"], edges)[0]
    # The square root keeps single notes in sight beside the crowd.
    axes.pcolormesh(
        *edges, np.sqrt(counts).T, cmap=shades, vmin=0.5, vmax=np.sqrt(max(counts.max(), 4)),
        zorder=2, rasterized=True,
    )  # fmt: skip
    axes.fill_between(
        line["velocity"], line["q1_ms"], line["q3_ms"], facecolor=colour, alpha=0.25, zorder=3
    )
    axes.plot(line["velocity"], line["median_ms"], color=INK, linewidth=2, zorder=4)
    axes.set(xlim=(10, 110), ylim=RANGE_MS, yticks=range(-50, 101, 25))
    axes.set_title(f"{SHORT[group]}\n{len(notes):,} notes", color=colour, fontsize=10.5)
    axes.tick_params(labelsize=9.5)


def _draw_recordings(axes: Axes, rows: pd.DataFrame) -> None:
    _draw_tolerance(axes)
    place = 0
    ticks = []
    for group, part in rows.groupby("group", sort=False):
        colour, part = COLOURS[str(group)], part.sort_values("median_ms")
        x = np.arange(place, place + len(part))
        axes.vlines(x, part["q1_ms"], part["q3_ms"], color=colour, linewidth=3.5, alpha=0.5)
        axes.plot(
            x, part["median_ms"], linestyle="", marker="o", markersize=5, color=colour,
            markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip
        ticks.append((x.mean(), f"{SHORT[str(group)]}\n{len(part)} recordings"))
        place += len(part) + 2
    axes.set_xticks([x for x, _ in ticks], [label for _, label in ticks])
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel="From label to sound (ms)", xlim=(-1.5, place - 0.5))
    axes.set_title("Every recording: median and quartiles", fontsize=10.5)
    axes.text(
        1.0, -0.5 * TOLERANCE_MS, f"±{TOLERANCE_MS} ms", transform=axes.get_yaxis_transform(),
        ha="right", va="center", fontsize=9, color=MUTED,
    )  # fmt: skip


def _draw_tolerance(axes: Axes) -> None:
    axes.axhspan(-TOLERANCE_MS, TOLERANCE_MS, color="#f0f0f0", zorder=0)
    axes.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
