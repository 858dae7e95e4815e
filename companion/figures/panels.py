"""What the figures share: rows of scores in the order asked for, and panels drawn alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.figure_style import line_style, method_style, style
from pianoalign_lib.common.labels import method_label
from pianoalign_lib.io.notes import HIGHEST_PITCH, LOWEST_PITCH

_Extent = tuple[float, float, float, float]  # left, right, bottom, top


def select(
    frame: pd.DataFrame,
    methods: Sequence[str],
    conditions: Sequence[str],
    test_set: str,
    calibrated: bool | None = None,
) -> pd.DataFrame:
    """Return the rows wanted, by condition and method in the order asked for; none is an error."""
    chosen = frame[
        (frame["test_set"] == test_set)
        & frame["method"].isin(methods)
        & frame["condition"].isin(conditions)
    ]
    if calibrated is not None:
        chosen = chosen[chosen["calibrated"].astype(bool) == calibrated]
    if chosen.empty:
        raise PianoAlignError(
            f"nothing to draw: no results of {', '.join(methods)} under "
            f"{', '.join(conditions)} on {test_set}"
        )
    order = {"condition": conditions, "method": methods}
    return chosen.sort_values(list(order), key=lambda names: places(names, order[str(names.name)]))


def places(names: pd.Series, order: Sequence[str]) -> pd.Series:
    """Return the place of each name in `order`, as a key to sort by."""
    return names.map({name: place for place, name in enumerate(order)})


def accuracy(rows: pd.DataFrame, tolerance_ms: float, *columns: str) -> pd.DataFrame:
    """Return `columns` of scores, and accuracy, lo and hi (its interval) in percent."""
    name = f"acc_{tolerance_ms:g}ms"
    if name not in rows.columns:
        raise PianoAlignError(
            f"{tolerance_ms:g} ms is not among the tolerances that were evaluated"
        )
    data = rows[list(columns)].reset_index(drop=True)
    for key, end in (("accuracy", ""), ("lo", "_lo"), ("hi", "_hi")):
        data[key] = 100 * rows[name + end].to_numpy()
    return data


@contextmanager
def panels(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Yield a figure of so many inches and its panels, row by row, in the project's look.

    Figures are made without pyplot: they are not shown twice in a notebook, and nothing has to be
    closed.
    """
    with style():
        figure = Figure(figsize=(width, height))
        yield figure, list(figure.subplots(rows, columns, squeeze=False, **options).flat)


def draw_lines(axes: Axes, data: pd.DataFrame, x: str, methods: Sequence[str]) -> None:
    """Draw accuracy against a column, a line per method with its interval as a band."""
    for method in methods:
        line = data[data["method"] == method]
        if len(line):
            look = line_style(method)
            band = {"color": look["color"], "alpha": 0.18, "linewidth": 0}
            axes.fill_between(line[x], line["lo"], line["hi"], **band)
            axes.plot(line[x], line["accuracy"], label=method_label(method), **look)
    axes.set(ylim=(0, 100))


def draw_points(
    axes: Axes, data: pd.DataFrame, heights: Iterable[float], labels: Sequence[str], xlabel: str
) -> None:
    """Draw a point with its interval for each row of `data`; `labels` name the heights 0, 1, …"""
    for row, height in zip(data.to_dict("records"), heights, strict=True):
        colour = method_style(row["method"])["color"]
        axes.plot([row["lo"], row["hi"]], [height] * 2, color=colour, zorder=2)
        axes.plot(row["accuracy"], height, **{**line_style(row["method"]), "markersize": 8})
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel=xlabel, xlim=(0, 100), ylim=(len(labels) - 0.4, -0.6))
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def draw_histogram(
    axes: Axes, values: Any, edges: np.ndarray, colour: str, label: str | None = None
) -> np.ndarray:
    """Draw the percent of `values` in each bin as an outline, and return them."""
    percent = 100 * np.histogram(values, edges)[0] / max(len(values), 1)
    axes.stairs(percent, edges, color=colour, linewidth=1.8, label=label)
    axes.stairs(percent, edges, color=colour, alpha=0.12, fill=True)
    return percent


def draw_image(axes: Axes, levels: np.ndarray, extent: _Extent, cmap: str) -> AxesImage:
    """Draw levels [shape=(rows, columns)], the first row at the bottom."""
    axes.grid(visible=False)
    return axes.imshow(
        levels, cmap=cmap, aspect="auto", origin="lower", extent=extent, interpolation="nearest"
    )


def roll_extent(first: int, frames: int, fps: int) -> _Extent:
    """Return the extent of frames (centred on k / fps seconds) by the piano's pitches."""
    start, end = first / fps - 0.5 / fps, (first + frames) / fps - 0.5 / fps
    return start, end, LOWEST_PITCH - 0.5, HIGHEST_PITCH + 0.5
