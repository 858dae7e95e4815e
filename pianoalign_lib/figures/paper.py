"""The figures of the study (1 architecture, 2 piano rolls, 3 tempo); every one returns its data.

Functions return the figure and the data frame behind it, for :func:`save_figure`. Figures are made
without pyplot: they are not shown twice in a notebook, and nothing has to be closed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from ..common.errors import PianoAlignError
from ..common.figure_style import INK, METHOD_STYLE, line_style, save_figure, style
from ..common.labels import method_label, tempo_percent
from .architecture import figure1_architecture

__all__ = [
    "figure1_architecture",
    "figure2_pianorolls",
    "figure3_tempo",
    "roll_notes",
    "save_figure",
    "style",
]

LOWEST_PITCH = 21  # of the first column of a piano roll and of the log-CQT
LIMIT_MS = 40
FLOOR_MS = 1.0
_ROLL_COLOURS = {
    "unaligned": METHOD_STYLE["dtw"]["color"],
    "predicted": METHOD_STYLE["crnn"]["color"],
    "aligned": METHOD_STYLE["hybrid"]["color"],
}


def figure2_pianorolls(
    log_cqt: NDArray,
    unaligned: NDArray,
    predicted: NDArray,
    aligned: NDArray,
    *,
    fps: int = 100,
    start_s: float = 0.0,
    end_s: float | None = None,
    threshold: float = 0.5,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the unaligned, the predicted and the aligned roll over the log-CQT.

    Parameters
    ----------
    log_cqt, unaligned, predicted, aligned : array, shape (N, 88)
        Rows are frames, centred on k / fps seconds; columns are pitches 21 to 108. The rolls are
        binary or probabilities, of which those of at least `threshold` are drawn.
    start_s, end_s : float
        The part to show, in seconds.

    Returns
    -------
    figure, data : Figure, DataFrame
        Data: the drawn notes (roll, pitch, onset_s, offset_s).

    Raises
    ------
    PianoAlignError
        If the arrays differ in shape or the part lies outside of them.
    """
    rolls = {"unaligned": unaligned, "predicted": predicted, "aligned": aligned}
    if any(roll.shape != log_cqt.shape for roll in rolls.values()):
        raise PianoAlignError("figure 2: the log-CQT and the three rolls differ in shape")
    first = round(start_s * fps)
    last = len(log_cqt) if end_s is None else min(round(end_s * fps) + 1, len(log_cqt))
    if not 0 <= first < last:
        raise PianoAlignError(f"figure 2: no frame between {start_s} s and {end_s} s")
    data = pd.concat(
        [roll_notes(roll >= threshold, fps).assign(roll=name) for name, roll in rolls.items()]
    )
    shown = (data["onset_s"] < (last - 1) / fps) & (data["offset_s"] > first / fps)
    data = data.loc[shown, ["roll", "pitch", "onset_s", "offset_s"]].reset_index(drop=True)
    low, high = (data["pitch"].min(), data["pitch"].max()) if len(data) else (21, 108)
    with style():
        figure = Figure(figsize=(8, 6.4))
        panels = figure.subplots(3, 1, sharex=True, sharey=True)
        for axes, name in zip(panels, rolls, strict=True):
            notes = data[data["roll"] == name]
            _draw_roll(axes, log_cqt[first:last], notes, _ROLL_COLOURS[name], first, fps)
            axes.set_title(f"{name.capitalize()} piano roll over the log-CQT")
            axes.set(ylabel="MIDI pitch", ylim=(low - 3, high + 3))
        panels[-1].set(xlabel="Time (s)", xlim=(first / fps, (last - 1) / fps))
    return figure, data


def roll_notes(roll: NDArray[np.bool_], fps: int) -> pd.DataFrame:
    """Return the runs of a binary roll as notes (pitch, onset_s, offset_s).

    A run from frame k up to, not including, frame m lasts from k / fps to m / fps.

    Parameters
    ----------
    roll : array, shape (N, 88)
    """
    padded = np.pad(np.asarray(roll, dtype=np.int8), ((1, 1), (0, 0)))
    steps = np.diff(padded, axis=0)
    # Transposed, so that the n-th start and the n-th end of a pitch belong together.
    pitch, onset = np.nonzero(steps.T == 1)
    _, offset = np.nonzero(steps.T == -1)
    return pd.DataFrame(
        {
            "pitch": pitch + LOWEST_PITCH,
            "onset_s": onset / fps,
            "offset_s": offset / fps,
        }
    )


def figure3_tempo(
    metrics: pd.DataFrame,
    *,
    test_set: str = "test",
    methods: Sequence[str] = ("none", "dtw", "crnn", "hybrid"),
) -> tuple[Figure, pd.DataFrame]:
    """Draw the median onset error against the tempo deviation, on a logarithmic scale.

    Errors below 1 ms (the untouched input at 0 %) are drawn at 1 ms; the data keep their value.

    Returns
    -------
    figure, data : Figure, DataFrame
        Data: method, tempo_percent, median_abs_error_ms, mean_abs_error_ms, and the share of notes
        within 40 ms with its interval.

    Raises
    ------
    PianoAlignError
        If the metrics hold no tempo condition.
    """
    data = _tempo_data(metrics, test_set, methods)
    with style():
        figure = Figure(figsize=(8, 4.5))
        axes = figure.add_subplot()
        axes.axhline(LIMIT_MS, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(
            1.0, LIMIT_MS * 1.06, f"{LIMIT_MS} ms", transform=axes.get_yaxis_transform(),
            ha="right", va="bottom", fontsize=10,
        )  # fmt: skip
        for method in dict.fromkeys(data["method"]):
            rows = data[data["method"] == method]
            shown = rows["median_abs_error_ms"].clip(lower=FLOOR_MS)
            axes.plot(
                rows["tempo_percent"], shown, label=method_label(method), **line_style(method)
            )
        axes.set(
            yscale="log", xlabel="Tempo deviation of the MIDI (%)", ylabel="Median onset error (ms)"
        )
        axes.set_xticks(sorted(data["tempo_percent"].unique()), minor=True)
        furthest = data["tempo_percent"].abs().max()
        axes.set_xticks([percent for percent in range(-20, 21, 5) if abs(percent) <= furthest])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _signed(value)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _milliseconds(value)))
        figure.legend(loc="outside upper center", ncols=4)
    return figure, data


def _tempo_data(metrics: pd.DataFrame, test_set: str, methods: Sequence[str]) -> pd.DataFrame:
    percent = metrics["condition"].map(tempo_percent)
    wanted = metrics[
        percent.notna()
        & (metrics["test_set"] == test_set)
        & ~metrics["calibrated"].astype(bool)
        & metrics["method"].isin(methods)
    ]
    if wanted.empty:
        raise PianoAlignError(f"figure 3: the metrics hold no tempo condition on {test_set}")
    data = pd.DataFrame(
        {
            "method": wanted["method"],
            "tempo_percent": percent[wanted.index].astype(float),
            "median_abs_error_ms": 1000 * wanted["median_abs_error_s"],
            "mean_abs_error_ms": 1000 * wanted["mean_abs_error_s"],
            **{name: wanted[name] for name in ("acc_40ms", "acc_40ms_lo", "acc_40ms_hi")},
        }
    )
    order = data["method"].map({name: place for place, name in enumerate(methods)})
    return (
        data.assign(order=order)
        .sort_values(["order", "tempo_percent"])
        .drop(columns="order")
        .reset_index(drop=True)
    )


def _signed(percent: float) -> str:
    return f"{percent:+.0f}".replace("-", "−") if percent else "0"


def _milliseconds(value: float) -> str:
    return f"≤ {value:g}" if value == FLOOR_MS else f"{value:,g}"


def _draw_roll(
    axes: Axes, log_cqt: NDArray, notes: pd.DataFrame, colour: str, first: int, fps: int
) -> None:
    half = 0.5 / fps
    extent = (first / fps - half, (first + len(log_cqt)) / fps - half, 20.5, 108.5)
    axes.imshow(
        log_cqt.T,
        cmap="Greys",
        aspect="auto",
        origin="lower",
        extent=extent,
        interpolation="nearest",
    )
    axes.grid(False)
    for pitch, onset, offset in notes[["pitch", "onset_s", "offset_s"]].to_numpy(float):
        box = (onset, pitch - 0.45)
        length = offset - onset
        axes.add_patch(Rectangle(box, length, 0.9, facecolor=colour, alpha=0.35, linewidth=0))
        axes.add_patch(Rectangle(box, length, 0.9, fill=False, edgecolor=colour, linewidth=1))
        axes.plot([onset] * 2, [pitch - 0.9, pitch + 0.9], color=colour, linewidth=2)
