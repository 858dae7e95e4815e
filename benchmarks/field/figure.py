"""Figure 4: accuracy against speed, every tool of table 7 a point; one panel per test set."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.panels import accuracy, panels, places
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.figure_style import INK, METHOD_STYLE, MUTED
from pianoalign_lib.common.labels import set_label

from .table import FURTHER, MAIN, TOOLS, field_condition_label, field_scores, sorted_sets

# Tools that no other figure shows, in colours and markers that no other tool here has.
_LOOKS = {
    "synctoolbox": METHOD_STYLE["dtw"],
    "cqt_dtw": {"color": "#d55e00", "marker": "v"},
    "parangonar": {"color": "#cc79a7", "marker": "P"},
    "basic_pitch": {"color": "#56b4e9", "marker": "X"},
    "transkun": {"color": "#882255", "marker": "h"},
    "localizer": {"color": INK, "marker": "*"},
    "localizer_best": {"color": MUTED, "marker": "*"},
}
_INPUT: dict[str, Any] = {"color": MUTED, "linewidth": 1, "linestyle": (0, (4, 3))}


def figure4_field(
    field: pd.DataFrame, *, condition: str = MAIN, tolerance_ms: int = 10
) -> tuple[Figure, pd.DataFrame]:
    """Draw the share of notes within a tolerance against speed (logarithmic) for every tool.

    Filled markers are raw, hollow ones offset-calibrated (each recording's median error removed);
    the dashed line is the input as it was given. `field` is ``field.csv``
    (:func:`benchmarks.field.table.read_field`). Data: test_set, method, calibrated, speed
    (times real time), accuracy (percent) with its interval.

    Raises
    ------
    PianoAlignError
        If no tool was run under the condition.
    """
    rows = field_scores(field)
    rows = rows[(rows["condition"] == condition) & rows["cpu_s_per_minute"].notna()]
    if rows.empty:
        raise PianoAlignError(f"figure 4: no tool was run under '{condition}'")
    rows = rows.assign(
        speed=(60 / rows["cpu_s_per_minute"]).where(rows["method"] != "none"),
        order=places(rows["method"], list(TOOLS)),
    ).sort_values(["test_set", "order", "calibrated"])
    data = accuracy(rows, tolerance_ms, "test_set", "method", "calibrated", "speed")
    data = data[~data["test_set"].isin(FURTHER)]
    sets = [name for name in sorted_sets(field) if (data["test_set"] == name).any()]
    width = 4.6 + 4.2 * (len(sets) - 1)
    with panels(width, 5.2, columns=len(sets), sharex=True, sharey=True) as (figure, all_axes):
        for axes, name in zip(all_axes, sets, strict=True):
            _draw(axes, data[data["test_set"] == name])
            axes.set(title=set_label(name).capitalize(), xlabel="Speed (× real time, one core)")
        given = field_condition_label(condition)
        all_axes[0].set(ylabel=f"Notes within {tolerance_ms} ms (%); {given}", ylim=(0, 100))
        all_axes[0].xaxis.set_major_formatter("{x:,g}")
        handles = _legend(set(data["method"]))
        figure.legend(handles=handles, loc="outside upper center", ncols=1 + len(sets))
    return figure, data


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
    look = _LOOKS.get(method) or METHOD_STYLE.get(method, {"color": MUTED, "marker": "o"})
    size = 13 if method == "localizer" else 8
    return {**look, "markersize": size, "markeredgewidth": 1.2, "clip_on": False, "zorder": 4}
