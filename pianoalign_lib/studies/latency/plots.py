"""Figures of the time from label to sound; every one returns its data.

Functions return (figure, data) for :func:`.figure_style.save_figure`. Colours are Okabe & Ito's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ...common.errors import PianoAlignError
from ...common.figure_style import INK, MUTED, line_style, method_style, style
from ...common.labels import condition_label, method_label
from ...figures.rows import select
from .summary import LEAST_NOTES, SOFTWARE, by_recording, group_names, group_of

COLOURS = {"ENSTDkCl": "#d55e00", "ENSTDkAm": "#0072b2", SOFTWARE: "#555555"}
SHORT = {
    "ENSTDkCl": "Disklavier, close",
    "ENSTDkAm": "Disklavier, ambient",
    SOFTWARE: "Software pianos",
}
TOLERANCE_MS = 10
RANGE_MS = (-50, 100)
REACH = 5  # a running median at velocity v is over v ± REACH
LEAST_IN_REACH = 100  # notes, for a running median to be drawn
LEAST_IN_BAND = 20  # notes, for a band's median to be drawn


def figure_latency(latency: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the latency against velocity per group, and the spread within every recording.

    Top: each measured note as density, the running median and the quartiles. Bottom: median and
    quartiles of every recording with enough measured notes, with the ±10 ms around zero inside
    which a perfect aligner counts as right.

    Parameters
    ----------
    latency : DataFrame
        As :func:`.measure.measure_latency` stores it.

    Returns
    -------
    figure, data : Figure, DataFrame
        Data: panel ("velocity" or "recording"), group, recording, velocity, n_notes, q1_ms,
        median_ms, q3_ms.

    Raises
    ------
    PianoAlignError
        If no group has a measured note.
    """
    measured = latency[latency["latency_s"].notna()]
    if measured.empty:
        raise PianoAlignError("no latency to draw: no note could be measured; run latency again")
    groups = group_names(measured)
    of_velocity = running_quartiles(latency)
    of_recording = by_recording(latency)
    of_recording = of_recording[of_recording["n_measured"] >= LEAST_NOTES]
    with style():
        figure = Figure(figsize=(7.2, 6.6))
        grid = figure.add_gridspec(2, len(groups), height_ratios=(1.15, 1))
        panels = [figure.add_subplot(grid[0, 0])]
        for place in range(1, len(groups)):
            panels.append(figure.add_subplot(grid[0, place], sharex=panels[0], sharey=panels[0]))
            panels[-1].tick_params(labelleft=False)
        for axes, group in zip(panels, groups, strict=True):
            notes = measured[group_of(measured["test_set"]) == group]
            _draw_velocity(axes, notes, of_velocity[of_velocity["group"] == group], group)
        panels[0].set_ylabel("From label to sound (ms)")
        panels[len(groups) // 2].set_xlabel("MIDI velocity")
        _draw_recordings(figure.add_subplot(grid[1, :]), of_recording, groups)
    parts = [
        of_velocity.assign(panel="velocity", recording=""),
        _milliseconds(of_recording).assign(panel="recording", velocity=np.nan),
    ]
    columns = ["panel", "group", "recording", "velocity", "n_notes", "q1_ms", "median_ms", "q3_ms"]
    return figure, pd.concat(parts, ignore_index=True)[columns]


def running_quartiles(latency: pd.DataFrame) -> pd.DataFrame:
    """Return the running quartiles of the latency over velocity.

    Returns
    -------
    DataFrame
        group, velocity, n_notes (within `REACH` of the velocity), q1_ms, median_ms, q3_ms.
    """
    measured = latency[latency["latency_s"].notna()]
    rows = []
    for group in group_names(measured):
        notes = measured[group_of(measured["test_set"]) == group]
        velocity = notes["velocity"].to_numpy()
        latency_ms = 1000 * notes["latency_s"].to_numpy()
        for centre in range(int(velocity.min()), int(velocity.max()) + 1):
            near = latency_ms[np.abs(velocity - centre) <= REACH]
            if len(near) >= LEAST_IN_REACH:
                rows.append((group, centre, len(near), *np.percentile(near, [25, 50, 75])))
    columns = ["group", "velocity", "n_notes", "q1_ms", "median_ms", "q3_ms"]
    # Numbers, also where there are too few notes for any row.
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[1:], float))


def errors_by_velocity(
    predictions: pd.DataFrame,
    methods: Sequence[str] = ("dtw", "crnn", "hybrid"),
    *,
    test_set: str,
    latency: pd.DataFrame | None = None,
    condition: str = "note100",
    band: int = 10,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the median onset error of methods against velocity, with quartiles as bars.

    Given the latency, only the notes it was measured for are drawn, and a dashed line shows its
    running median: where a method that hears the sound must err, since the labels do.

    Parameters
    ----------
    predictions : DataFrame
        Prediction frame with the column velocity.
    latency : DataFrame, optional
        As :func:`.measure.measure_latency` stores it.
    band : int
        Width of the velocity bands.

    Returns
    -------
    figure, data : Figure, DataFrame
        Data: method ("latency" for the reference), velocity (middle of the band), n_notes, q1_ms,
        median_ms, q3_ms. Bands of few notes are left out.

    Raises
    ------
    PianoAlignError
        If there are no predictions to draw.
    """
    rows = select(predictions, methods, [condition], test_set)
    if latency is not None:
        latency = latency[latency["recording"].isin(rows["recording"])]
        latency = latency[latency["latency_s"].notna()]
        rows = rows.merge(latency[["recording", "note_id"]], on=["recording", "note_id"])
    errors = rows.assign(
        error_ms=1000 * (rows["onset_s"] - rows["onset_true_s"]),
        velocity=rows["velocity"] // band * band + band / 2,
    )
    data = _quartiles(errors, methods)
    if data.empty:
        raise PianoAlignError(f"nothing to draw: fewer than {LEAST_IN_BAND} notes per band")
    if latency is not None:
        line = running_quartiles(latency)
        data = pd.concat([data, line.drop(columns="group").assign(method="latency")])
    shown = [name for name in methods if (data["method"] == name).any()]
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
        reference = data[data["method"] == "latency"]
        if len(reference):
            axes.plot(
                reference["velocity"], reference["median_ms"], color=INK, linewidth=2,
                linestyle=(0, (4, 2)), label="Measured sound", zorder=4,
            )  # fmt: skip
        axes.set(xlabel="MIDI velocity", ylabel="Onset error (ms; positive: late)")
        axes.set_title(f"{SHORT.get(test_set, test_set)}; input with {condition_label(condition)}")
        figure.legend(loc="outside upper center", ncols=4)
    return figure, data.reset_index(drop=True)


def _quartiles(errors: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    parts = []
    for (method, velocity), part in errors.groupby(["method", "velocity"], sort=True):
        if len(part) >= LEAST_IN_BAND:
            quartiles = np.percentile(part["error_ms"], [25, 50, 75])
            parts.append((method, velocity, len(part), *quartiles))
    columns = ["method", "velocity", "n_notes", "q1_ms", "median_ms", "q3_ms"]
    data = pd.DataFrame(parts, columns=columns)
    order = data["method"].map({name: place for place, name in enumerate(methods)})
    return data.iloc[np.lexsort([data["velocity"].to_numpy(), order.to_numpy()])]


def _draw_velocity(axes: Axes, notes: pd.DataFrame, line: pd.DataFrame, group: str) -> None:
    colour = COLOURS[group]
    axes.axhspan(-TOLERANCE_MS, TOLERANCE_MS, color="#f0f0f0", zorder=0)
    axes.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
    whole = LinearSegmentedColormap.from_list(group, ["white", colour])
    shades = whole.with_extremes(under=(1, 1, 1, 0))
    edges = [np.arange(0.5, 128, 3), np.arange(RANGE_MS[0], RANGE_MS[1] + 1, 2.5)]
    counts = np.histogram2d(notes["velocity"], 1000 * notes["latency_s"], edges)[0]
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


def _draw_recordings(axes: Axes, rows: pd.DataFrame, groups: Sequence[str]) -> None:
    axes.axhspan(-TOLERANCE_MS, TOLERANCE_MS, color="#f0f0f0", zorder=0)
    axes.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
    place = 0
    ticks = []
    for group in groups:
        part = _milliseconds(rows[rows["group"] == group]).sort_values("median_ms")
        x = np.arange(place, place + len(part))
        axes.vlines(x, part["q1_ms"], part["q3_ms"], color=COLOURS[group], linewidth=3.5, alpha=0.5)
        axes.plot(
            x, part["median_ms"], linestyle="", marker="o", markersize=5, color=COLOURS[group],
            markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip
        if len(part):
            ticks.append((x.mean(), f"{SHORT[group]}\n{len(part)} recordings"))
        place += len(part) + 2
    axes.set_xticks([x for x, _ in ticks], [label for _, label in ticks])
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel="From label to sound (ms)", xlim=(-1.5, place - 0.5))
    axes.set_title("Every recording: median and quartiles", fontsize=10.5)
    axes.text(
        1.0, -0.5 * TOLERANCE_MS, f"±{TOLERANCE_MS} ms", transform=axes.get_yaxis_transform(),
        ha="right", va="center", fontsize=9, color=MUTED,
    )  # fmt: skip


def _milliseconds(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(
        **{f"{name}_ms": 1000 * rows[f"{name}_s"] for name in ("q1", "median", "q3")},
        n_notes=rows["n_measured"],
    )
