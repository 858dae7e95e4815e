"""Plots for notebooks and slides; like :mod:`.figures.paper`, every one returns its data.

All take frames of scores or predictions as they are on disk, use one colour per method, show 95 %
bootstrap intervals where there are any, and give (figure, data) for ``save_figure``. A method that
was not run is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ..common.errors import PianoAlignError
from ..common.figure_style import line_style, method_style, style
from ..common.labels import method_label, subject_label
from ..scoring.metrics import TOLERANCES_MS
from .dots import accuracy_by_condition, accuracy_by_method
from .rows import accuracy, select

__all__ = [
    "accuracy_by_condition",
    "accuracy_by_error_size",
    "accuracy_by_method",
    "accuracy_curves",
    "error_histogram",
    "training_curves",
]


def accuracy_curves(
    metrics: pd.DataFrame,
    methods: Sequence[str],
    *,
    condition: str = "note100",
    test_set: str = "test",
    calibrated: bool = False,
) -> tuple[Figure, pd.DataFrame]:
    """Draw accuracy against tolerance, a line per method with its interval as a band."""
    rows = select(metrics, methods, [condition], test_set, calibrated)
    known = [ms for ms in TOLERANCES_MS if f"acc_{ms}ms" in rows.columns]
    data = pd.DataFrame(
        [
            {"method": row["method"], "tolerance_ms": ms, **accuracy(row, ms)}
            for row in rows.to_dict("records")
            for ms in known
        ]
    )
    with style():
        figure = Figure(figsize=(7, 4.3))
        axes = figure.add_subplot()
        for method, line in data.groupby("method", sort=False):
            colour = method_style(str(method))["color"]
            axes.fill_between(
                line["tolerance_ms"], line["lo"], line["hi"], color=colour, alpha=0.18, linewidth=0
            )
            axes.plot(
                line["tolerance_ms"], line["accuracy"], label=method_label(str(method)),
                **line_style(str(method)),
            )  # fmt: skip
        axes.set(
            xscale="log",
            xlabel="Tolerance (ms)",
            ylabel="Notes within tolerance (%)",
            ylim=(0, 100),
        )
        axes.set_xticks([ms for ms in known if ms != 25])  # too near to 20 and 30 for a label
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(subject_label(condition, test_set))
        figure.legend(loc="outside right center")
    return figure, data


def accuracy_by_error_size(
    metrics: pd.DataFrame,
    methods: Sequence[str] = ("none", "crnn"),
    *,
    sizes_ms: Sequence[int] = (20, 50, 100, 150, 200),
    tolerance_ms: int = 10,
    test_set: str = "test",
) -> tuple[Figure, pd.DataFrame]:
    """Draw accuracy against the size of the random timing errors."""
    rows = select(metrics, methods, [f"note{size}" for size in sizes_ms], test_set, False)
    data = pd.DataFrame(
        [
            {
                "method": row["method"],
                "error_ms": int(row["condition"][4:]),
                **accuracy(row, tolerance_ms),
            }
            for row in rows.to_dict("records")
        ]
    ).sort_values(["method", "error_ms"], ignore_index=True)
    with style():
        figure = Figure(figsize=(7, 4.3))
        axes = figure.add_subplot()
        for method in methods:
            line = data[data["method"] == method]
            if line.empty:
                continue
            axes.fill_between(
                line["error_ms"], line["lo"], line["hi"],
                color=method_style(method)["color"], alpha=0.18, linewidth=0,
            )  # fmt: skip
            axes.plot(
                line["error_ms"], line["accuracy"], label=method_label(method), **line_style(method)
            )
        axes.set(
            xlabel="Timing errors of the input (± ms per note)",
            ylabel=f"Notes within {tolerance_ms} ms (%)",
            ylim=(0, 100),
        )
        axes.set_xticks(sorted(data["error_ms"].unique()))
        figure.legend(loc="outside upper center", ncols=4)
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
    parts = []
    with style():
        figure = Figure(figsize=(7, 4.3))
        axes = figure.add_subplot()
        for method in [name for name in methods if (rows["method"] == name).any()]:
            chosen = rows[rows["method"] == method]
            errors = 1000 * (chosen["onset_s"] - chosen["onset_true_s"]).to_numpy(float)
            percent = 100 * np.histogram(errors, edges)[0] / len(errors)
            colour = method_style(method)["color"]
            label = f"{method_label(method)}\n({100 - percent.sum():.1f} % beyond)"
            axes.stairs(percent, edges, color=colour, linewidth=1.8, label=label)
            axes.stairs(percent, edges, color=colour, alpha=0.12, fill=True)
            parts.append(
                pd.DataFrame(
                    {
                        "method": method,
                        "bin_from_ms": edges[:-1],
                        "bin_to_ms": edges[1:],
                        "percent": percent,
                    }
                )
            )
        axes.set(
            xlabel="Onset error (ms; positive: predicted too late)",
            ylabel=f"Notes per {bin_ms:g} ms (%)",
            xlim=(-range_ms, range_ms),
        )
        axes.set_title(subject_label(condition, test_set))
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
    data = pd.concat(
        [log[needed].assign(method=variant) for variant, log in logs.items()], ignore_index=True
    )[["method", *needed]]
    with style():
        figure = Figure(figsize=(9.5, 4))
        loss, correct = figure.subplots(1, 2)
        for variant, log in logs.items():
            look = {**line_style(variant), "markersize": 5}
            colour = look["color"]
            loss.plot(log["epoch"], log["train_loss"], color=colour, linestyle=":", linewidth=1.5)
            loss.plot(log["epoch"], log["val_loss"], color=colour)
            correct.plot(
                log["epoch"], 100 * log["val_acc_10ms"], label=method_label(variant), **look
            )
        loss.set(xlabel="Epoch", ylabel="Cross-entropy", yscale="log")
        loss.set_title("Loss: training (dotted), validation")
        loss.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        loss.yaxis.set_minor_locator(NullLocator())
        correct.set(xlabel="Epoch", ylabel="Notes within 10 ms (%)")
        correct.set_ylim(bottom=0)
        correct.set_title("Validation accuracy")
        for axes in (loss, correct):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside right center")
    return figure, data
