"""The plot of the sensitivity study: one row per reading, one point with interval per method."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...common.errors import PianoAlignError
from ...common.figure_style import line_style, method_style, style
from ...common.labels import method_label
from ...tables.paper import PAPER_PERCENT
from .readings import QUESTIONS

_STEP = 0.2  # between the points of one reading
_GAP = 1.0  # rows left for a question's title


def plot_sensitivity(
    frame: pd.DataFrame, methods: Sequence[str] = ("dtw", "crnn", "cnn")
) -> tuple[Figure, pd.DataFrame]:
    """Draw the accuracy at 10 ms under every reading; dashes mark the paper's values.

    Parameters
    ----------
    frame
        ``sensitivity.csv``.
    methods
        The methods to draw, each in its colour.

    Returns
    -------
    figure, data : Figure, DataFrame
        Data: question, reading, method, accuracy, lo, hi in percent.

    Raises
    ------
    PianoAlignError
        If none of the methods is in the frame.
    """
    rows = frame[frame["method"].isin(methods)]
    if rows.empty:
        raise PianoAlignError(f"nothing to draw: no results of {', '.join(methods)}")
    data = rows[["question", "reading", "label", "is_ours", "method"]].assign(
        accuracy=100 * rows["acc_10ms"], lo=100 * rows["acc_10ms_lo"], hi=100 * rows["acc_10ms_hi"]
    )
    places = _places(data)
    end = max(places.values()) + 0.7
    with style():
        figure = Figure(figsize=(8, 1 + 0.22 * end))
        axes = figure.add_subplot()
        drawn = [name for name in methods if (data["method"] == name).any()]
        for method in drawn:
            if method in PAPER_PERCENT:
                colour = method_style(method)["color"]
                axes.axvline(PAPER_PERCENT[method], color=colour, linestyle="--", linewidth=1)
        for row in data.to_dict("records"):
            shift = _STEP * (list(methods).index(row["method"]) - (len(methods) - 1) / 2)
            place = places[row["question"], row["reading"]] + shift
            colour = method_style(row["method"])["color"]
            axes.plot([row["lo"], row["hi"]], [place] * 2, color=colour, linewidth=1.2, zorder=2)
            axes.plot(row["accuracy"], place, **{**line_style(row["method"]), "markersize": 5})
        _label_rows(axes, data, places)
        axes.set(xlabel="Notes within 10 ms (%)", xlim=(0, 100), ylim=(end, -0.5))
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        handles = [
            Line2D([], [], linestyle="", label=method_label(method), **line_style(method))
            for method in drawn
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure, data.drop(columns=["label", "is_ours"]).reset_index(drop=True)


def _places(data: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the height of each reading, from the top, with room above each question."""
    readings = data[["question", "reading"]].drop_duplicates()
    questions = list(dict.fromkeys(readings["question"]))
    return {
        (question, reading): row + _GAP * questions.index(question) + _GAP
        for row, (question, reading) in enumerate(readings.itertuples(index=False, name=None))
    }


def _label_rows(axes: Axes, data: pd.DataFrame, places: dict[tuple[str, str], float]) -> None:
    labels = {
        places[row["question"], row["reading"]]: row["label"] + " (ours)" * bool(row["is_ours"])
        for row in data.to_dict("records")
    }
    first = {question: place for (question, _), place in reversed(places.items())}
    titles = {place - _GAP: QUESTIONS.get(question, question) for question, place in first.items()}
    axes.set_yticks([*labels, *titles], [*labels.values(), *titles.values()], fontsize=8)
    for text in axes.get_yticklabels()[len(labels) :]:
        text.set_fontweight("bold")
