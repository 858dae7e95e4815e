"""Plots of one point with its interval per method, for ablations and conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..common.figure_style import INK, line_style, method_style, style
from ..common.labels import condition_label, method_label, set_label, subject_label
from .rows import accuracy, select

_PAPER: dict[str, Any] = {"markersize": 8, "markeredgewidth": 2}


def accuracy_by_method(
    metrics: pd.DataFrame,
    methods: Sequence[str],
    *,
    tolerance_ms: int = 10,
    condition: str = "note100",
    test_set: str = "test",
    paper_percent: Mapping[str, float] | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw one point with its interval per method; a cross marks the paper's value if given."""
    rows = select(metrics, methods, [condition], test_set, False)
    paper = paper_percent or {}
    data = pd.DataFrame(
        [
            {
                "method": row["method"],
                **accuracy(row, tolerance_ms),
                "paper": paper.get(row["method"], np.nan),
            }
            for row in rows.to_dict("records")
        ]
    )
    with style():
        figure = Figure(figsize=(7, 1.3 + 0.45 * len(data)))
        axes = figure.add_subplot()
        for place, row in enumerate(data.to_dict("records")):
            _draw_point(axes, row, place, row["method"])
            axes.plot(row["paper"], place, "x", color=INK, **_PAPER)
        if data["paper"].notna().any():
            axes.plot([], [], "x", color=INK, **_PAPER, label="paper")
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1))
        axes.set_yticks(range(len(data)), [method_label(method) for method in data["method"]])
        _finish_points(axes, len(data), f"Notes within {tolerance_ms} ms (%)")
        axes.set_title(subject_label(condition, test_set))
    return figure, data


def accuracy_by_condition(
    metrics: pd.DataFrame,
    methods: Sequence[str],
    conditions: Sequence[str],
    *,
    tolerance_ms: int = 10,
    test_set: str = "test",
    calibrated: bool = False,
) -> tuple[Figure, pd.DataFrame]:
    """Draw, for each condition, one point with its interval per method."""
    rows = select(metrics, methods, conditions, test_set, calibrated)
    data = pd.DataFrame(
        [
            {
                "condition": row["condition"],
                "method": row["method"],
                **accuracy(row, tolerance_ms),
            }
            for row in rows.to_dict("records")
        ]
    )
    shown = [name for name in conditions if (data["condition"] == name).any()]
    present = [name for name in methods if (data["method"] == name).any()]
    with style():
        figure = Figure(figsize=(7.5, 1.5 + 0.62 * len(shown)))
        axes = figure.add_subplot()
        for row in data.to_dict("records"):
            # The methods of one condition lie a little above each other.
            shift = 0.16 * (present.index(row["method"]) - (len(present) - 1) / 2)
            _draw_point(axes, row, shown.index(row["condition"]) + shift, row["method"])
        for method in present:
            axes.plot([], [], linestyle="", label=method_label(method), **line_style(method))
        axes.set_yticks(range(len(shown)), [condition_label(name) for name in shown])
        _finish_points(axes, len(shown), f"Notes within {tolerance_ms} ms (%)")
        if test_set != "test":
            axes.set_title(set_label(test_set).capitalize())
        figure.legend(loc="outside upper center", ncols=min(len(present), 4))
    return figure, data


def _draw_point(axes: Axes, row: Mapping, place: float, method: str) -> None:
    axes.plot([row["lo"], row["hi"]], [place] * 2, color=method_style(method)["color"], zorder=2)
    axes.plot(row["accuracy"], place, **{**line_style(method), "markersize": 8})


def _finish_points(axes: Axes, rows: int, label: str) -> None:
    axes.set(xlabel=label, xlim=(0, 100), ylim=(rows - 0.4, -0.6))
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
