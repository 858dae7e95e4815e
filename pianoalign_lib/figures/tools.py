"""Figure 4: accuracy against speed, every tool of table 7 a point; one panel per test set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from ..common.errors import PianoAlignError
from ..common.figure_style import INK, METHOD_STYLE, MUTED, style
from ..common.labels import set_label
from ..tables.tools import MAIN, TOOLS, field_condition_label, field_scores, sorted_sets

# Tools that no other figure shows, in colours and markers that no other tool here has.
_LOOKS = {
    "synctoolbox": METHOD_STYLE["dtw"],
    "cqt_dtw": {"color": "#d55e00", "marker": "v"},
    "parangonar": {"color": "#cc79a7", "marker": "P"},
    "basic_pitch": {"color": "#56b4e9", "marker": "X"},
    "transkun": {"color": "#882255", "marker": "h"},
    "localizer": {"color": INK, "marker": "*"},
}
_INPUT: dict[str, Any] = {"color": MUTED, "linewidth": 1, "linestyle": (0, (4, 3))}


def figure4_field(
    field: pd.DataFrame, *, condition: str = MAIN, tolerance_ms: int = 10
) -> tuple[Figure, pd.DataFrame]:
    """Draw the share of notes within a tolerance against speed (logarithmic) for every tool.

    Filled markers are raw, hollow ones offset-calibrated (each recording's median error removed);
    the dashed line is the input as it was given.

    Parameters
    ----------
    field : DataFrame
        ``field.csv`` (:func:`pianoalign_lib.tables.tools.read_field`).

    Returns
    -------
    figure, data : Figure, DataFrame
        Data: test_set, method, calibrated, speed (times real time), accuracy (percent) with its
        interval.

    Raises
    ------
    PianoAlignError
        If no tool was run under the condition.
    """
    data = _data(field, condition, tolerance_ms)
    sets = [name for name in sorted_sets(field) if (data["test_set"] == name).any()]
    with style():
        figure = Figure(figsize=(4.6 + 4.2 * (len(sets) - 1), 5.2))
        panels = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, sets, strict=True):
            _draw(axes, data[data["test_set"] == name])
            title = f"{set_label(name).capitalize()}; {field_condition_label(condition)}"
            axes.set(title=title, xlabel="Speed (× real time, one core)")
        panels[0].set(ylabel=f"Notes within {tolerance_ms} ms (%)", ylim=(0, 100))
        panels[0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        figure.legend(
            handles=_legend(set(data["method"])), loc="outside upper center", ncols=1 + len(sets)
        )
    return figure, data


def _data(field: pd.DataFrame, condition: str, tolerance_ms: int) -> pd.DataFrame:
    rows = field_scores(field)
    rows = rows[rows["condition"] == condition]
    if rows.empty:
        raise PianoAlignError(f"figure 4: no tool was run under '{condition}'")
    name = f"acc_{tolerance_ms}ms"
    data = pd.DataFrame(
        {
            "test_set": rows["test_set"],
            "method": rows["method"],
            "calibrated": rows["calibrated"],
            "speed": np.where(rows["method"] == "none", np.nan, 60 / rows["cpu_s_per_minute"]),
            "accuracy": 100 * rows[name],
            "lo": 100 * rows[f"{name}_lo"],
            "hi": 100 * rows[f"{name}_hi"],
        }
    )
    order = data["method"].map({method: place for place, method in enumerate(TOOLS)})
    return (
        data.assign(order=order)
        .sort_values(["test_set", "order", "calibrated"])
        .drop(columns="order")
        .reset_index(drop=True)
    )


def _draw(axes: Axes, data: pd.DataFrame) -> None:
    axes.set_xscale("log")
    axes.axvline(1.0, color=MUTED, linewidth=0.8)
    for row in data.to_dict("records"):
        if row["method"] == "none":
            if not row["calibrated"]:
                axes.axhline(row["accuracy"], **_INPUT)
            continue
        look = _look(row["method"])
        if row["calibrated"]:
            look |= {"markerfacecolor": "white", "markeredgecolor": look["color"], "zorder": 3}
        else:
            axes.plot([row["speed"]] * 2, [row["lo"], row["hi"]], color=look["color"], zorder=2)
        axes.plot(row["speed"], row["accuracy"], linestyle="", **look)
    axes.text(
        1.0, 0.01, " real time", transform=axes.get_xaxis_transform(), fontsize=9, color=MUTED,
        va="bottom",
    )  # fmt: skip


def _legend(shown: set[str]) -> list[Line2D]:
    # Not drawn into a panel: an empty line without clipping would widen the margins.
    tools = [method for method in TOOLS if method in shown and method != "none"]
    lines = [Line2D([], [], linestyle="", label=TOOLS[m], **_look(m)) for m in tools]
    return [*lines, Line2D([], [], label=TOOLS["none"], **_INPUT)]


def _look(method: str) -> dict[str, Any]:
    look = _LOOKS.get(method) or METHOD_STYLE[method]
    size = 13 if method == "localizer" else 8
    return {**look, "markersize": size, "markeredgewidth": 1.2, "clip_on": False, "zorder": 4}
