"""The plot of the sensitivity study: one row per reading, one point with interval per method."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from companion.tables.paper import PAPER_PERCENT
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.figure_style import line_style, style
from pianoalign_lib.common.labels import method_label

from .readings import QUESTIONS


def plot_sensitivity(
    frame: pd.DataFrame, methods: Sequence[str] = ("dtw", "crnn", "cnn")
) -> tuple[Figure, pd.DataFrame]:
    """Draw the accuracy at 10 ms under every reading; dashes mark the paper's values.

    Takes ``sensitivity.csv``. Data: question, reading, method, accuracy, lo, hi in percent.

    Raises
    ------
    PianoAlignError
        If none of the methods is in the frame.
    """
    rows = frame[frame["method"].isin(methods)].reset_index(drop=True)
    if rows.empty:
        raise PianoAlignError(f"nothing to draw: no results of {', '.join(methods)}")
    accuracy, lo, hi = (100 * rows[f"acc_10ms{end}"] for end in ("", "_lo", "_hi"))
    data = rows[["question", "reading", "method"]].assign(accuracy=accuracy, lo=lo, hi=hi)
    ticks: list[str] = []  # from the top: each question's title, then its readings
    place = pd.Series(0.0, data.index)
    for question, asked in rows.groupby("question", sort=False):
        ticks.append(QUESTIONS[str(question)])
        for _, same in asked.groupby("reading", sort=False):
            place[same.index] = len(ticks)
            ticks.append(same["label"].iloc[0] + " (ours)" * bool(same["is_ours"].iloc[0]))
    with style():
        figure = Figure(figsize=(8, 1 + 0.22 * len(ticks)))
        axes = figure.add_subplot()
        for index, method in enumerate(methods):
            chosen, look = data["method"] == method, line_style(method)
            if not chosen.any():
                continue
            y = place[chosen] + 0.2 * (index - (len(methods) - 1) / 2)
            colour = look["color"]
            axes.hlines(y, lo[chosen], hi[chosen], color=colour, linewidth=1.2, zorder=2)
            look |= {"linestyle": "", "markersize": 5, "label": method_label(method)}
            axes.plot(accuracy[chosen], y, **look)
            if method in PAPER_PERCENT:
                axes.axvline(PAPER_PERCENT[method], color=colour, linestyle="--", linewidth=1)
        axes.set_yticks(range(len(ticks)), ticks, fontsize=8)
        for text in axes.get_yticklabels():
            if text.get_text() in QUESTIONS.values():
                text.set_fontweight("bold")
        axes.set(xlabel="Notes within 10 ms (%)", xlim=(0, 100), ylim=(len(ticks) - 0.3, -0.5))
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside upper center", ncols=len(methods))
    return figure, data
