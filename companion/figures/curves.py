"""Plots for notebooks and slides.

All take frames of scores or predictions as they are on disk, use one colour per method, and show
95 % bootstrap intervals where there are any. A method that was not run is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.figure_style import INK, line_style, method_style
from pianoalign_lib.common.labels import condition_label, method_label, set_label, subject_label
from pianoalign_lib.scoring.metrics import TOLERANCES_MS

from .panels import accuracy, draw_histogram, draw_lines, draw_points, panels, places, select


def accuracy_curves(
    metrics: pd.DataFrame,
    methods: Sequence[str],
    *,
    condition: str = "note100",
    test_set: str = "test",
) -> tuple[Figure, pd.DataFrame]:
    """Draw accuracy against tolerance, a line per method with its interval as a band."""
    rows = select(metrics, methods, [condition], test_set, False)
    known = [ms for ms in TOLERANCES_MS if f"acc_{ms}ms" in rows.columns]
    parts = [accuracy(rows.assign(tolerance_ms=ms), ms, "method", "tolerance_ms") for ms in known]
    data = pd.concat(parts).sort_index(kind="stable", ignore_index=True)
    with panels(7, 4.3) as (figure, (axes,)):
        draw_lines(axes, data, "tolerance_ms", methods)
        axes.set(
            xscale="log",
            xlabel="Tolerance (ms)",
            ylabel="Notes within tolerance (%)",
            title=subject_label(condition, test_set),
        )
        axes.set_xticks([ms for ms in known if ms != 25])  # too near to 20 and 30 for a label
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter("{x:g}")
        figure.legend(loc="outside right center")
    return figure, data


def accuracy_by_error_size(
    metrics: pd.DataFrame,
    methods: Sequence[str] = ("none", "crnn"),
    *,
    sizes_ms: Sequence[int] = (20, 50, 100, 150, 200),
    tolerance_ms: int = 10,
) -> tuple[Figure, pd.DataFrame]:
    """Draw accuracy against the size of the random timing errors."""
    rows = select(metrics, methods, [f"note{size}" for size in sizes_ms], "test", False)
    rows = rows.assign(error_ms=rows["condition"].str[4:].astype(int))
    data = accuracy(rows, tolerance_ms, "method", "error_ms")
    data = data.sort_values(["method", "error_ms"], ignore_index=True)
    with panels(7, 4.3) as (figure, (axes,)):
        draw_lines(axes, data, "error_ms", methods)
        axes.set(
            xlabel="Timing errors of the input (± ms per note)",
            ylabel=f"Notes within {tolerance_ms} ms (%)",
            xticks=sorted(data["error_ms"].unique()),
        )
        figure.legend(loc="outside upper center", ncols=4)
    return figure, data


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
    data = accuracy(rows, tolerance_ms, "method")
    data["paper"] = [(paper_percent or {}).get(name, np.nan) for name in data["method"]]
    with panels(7, 1.3 + 0.45 * len(data)) as (figure, (axes,)):
        labels = [method_label(name) for name in data["method"]]
        draw_points(axes, data, data.index, labels, f"Notes within {tolerance_ms} ms (%)")
        axes.set(title=subject_label(condition, test_set))
        if data["paper"].notna().any():
            cross: dict[str, Any] = {"color": INK, "markersize": 8, "markeredgewidth": 2}
            axes.plot(data["paper"], data.index, "x", label="paper", **cross)
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1))
    return figure, data


def accuracy_by_condition(
    metrics: pd.DataFrame,
    methods: Sequence[str],
    conditions: Sequence[str],
    *,
    tolerance_ms: int = 10,
    test_set: str = "test",
) -> tuple[Figure, pd.DataFrame]:
    """Draw, for each condition, one point with its interval per method."""
    rows = select(metrics, methods, conditions, test_set, False)
    data = accuracy(rows, tolerance_ms, "condition", "method")
    shown = [name for name in conditions if name in set(data["condition"])]
    present = [name for name in methods if name in set(data["method"])]
    # The methods of one condition lie a little above each other.
    shift = places(data["method"], present) - (len(present) - 1) / 2
    heights = places(data["condition"], shown) + 0.16 * shift
    with panels(7.5, 1.5 + 0.62 * len(shown)) as (figure, (axes,)):
        labels = [condition_label(name) for name in shown]
        draw_points(axes, data, heights, labels, f"Notes within {tolerance_ms} ms (%)")
        for method in present:
            axes.plot([], [], linestyle="", label=method_label(method), **line_style(method))
        if test_set != "test":
            axes.set(title=set_label(test_set).capitalize())
        figure.legend(loc="outside upper center", ncols=min(len(present), 4))
    return figure, data


def error_histogram(
    predictions: pd.DataFrame,
    methods: Sequence[str],
    *,
    condition: str = "note100",
    test_set: str = "test",
    range_ms: float = 110,
    bin_ms: float = 5,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the distribution of signed errors; the legend says what share lies beyond the range.

    Data: method, bin_from_ms, bin_to_ms, percent of all the method's notes.
    """
    rows = select(predictions, methods, [condition], test_set)
    edges = np.arange(-range_ms, range_ms + bin_ms / 2, bin_ms)
    bins = {"bin_from_ms": edges[:-1], "bin_to_ms": edges[1:]}
    parts = []
    with panels(7, 4.3) as (figure, (axes,)):
        for method in dict.fromkeys(rows["method"]):
            chosen = rows[rows["method"] == method]
            errors = 1000 * (chosen["onset_s"] - chosen["onset_true_s"]).to_numpy(float)
            beyond = 100 * np.mean(np.abs(errors) > range_ms)
            label = f"{method_label(method)}\n({beyond:.1f} % beyond)"
            colour = method_style(method)["color"]
            percent = draw_histogram(axes, errors, edges, colour, label)
            parts.append(pd.DataFrame({"method": method, **bins, "percent": percent}))
        axes.set(
            xlabel="Onset error (ms; positive: predicted too late)",
            ylabel=f"Notes per {bin_ms:g} ms (%)",
            xlim=(-range_ms, range_ms),
            title=subject_label(condition, test_set),
        )
        figure.legend(loc="outside right center")
    return figure, pd.concat(parts, ignore_index=True)


def training_curves(logs: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Draw loss and validation accuracy against epochs.

    Parameters
    ----------
    logs : mapping of variant → DataFrame
        Training logs (columns epoch, train_loss, val_loss, val_acc_10ms; the rest is ignored).

    Raises
    ------
    PianoAlignError
        If there is no log or one lacks a column.
    """
    needed = ["epoch", "train_loss", "val_loss", "val_acc_10ms"]
    for variant, log in logs.items():
        missing = [column for column in needed if column not in log.columns]
        if missing:
            raise PianoAlignError(f"training log of {variant}: no column {', '.join(missing)}")
    if not logs:
        raise PianoAlignError("no training log to draw; run release")
    parts = [log[needed].assign(method=variant) for variant, log in logs.items()]
    data = pd.concat(parts, ignore_index=True)[["method", *needed]]
    with panels(9.5, 4, columns=2) as (figure, (loss, correct)):
        for variant, log in logs.items():
            look = {**line_style(variant), "markersize": 5}
            colour, percent = look["color"], 100 * log["val_acc_10ms"]
            loss.plot(log["epoch"], log["train_loss"], color=colour, linestyle=":", linewidth=1.5)
            loss.plot(log["epoch"], log["val_loss"], color=colour)
            correct.plot(log["epoch"], percent, label=method_label(variant), **look)
        loss.set(ylabel="Cross-entropy", yscale="log", title="Loss: training (dotted), validation")
        loss.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        loss.yaxis.set_major_formatter("{x:.3g}")
        loss.yaxis.set_minor_locator(NullLocator())
        correct.set(ylabel="Notes within 10 ms (%)", title="Validation accuracy")
        correct.set_ylim(bottom=0)
        for axes in (loss, correct):
            axes.set(xlabel="Epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside right center")
    return figure, data
