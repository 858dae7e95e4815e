"""The figures of the study: 1 architecture, 2 piano rolls, 3 tempo, for :func:`save_figure`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.figure_style import INK, METHOD_STYLE, line_style
from pianoalign_lib.common.labels import method_label, tempo_percent
from pianoalign_lib.io.notes import LOWEST_PITCH

from .architecture import figure1_architecture as figure1_architecture
from .files import save_figure as save_figure
from .panels import draw_image, panels, places, roll_extent, select

LIMIT_MS = 40
FLOOR_MS = 1.0
_ROLL_COLOURS = {"unaligned": "dtw", "predicted": "crnn", "aligned": "hybrid"}  # of these methods


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

    Data: the drawn notes (roll, pitch, onset_s, offset_s).

    Parameters
    ----------
    log_cqt, unaligned, predicted, aligned : array, shape (N, 88)
        Rows are frames, centred on k / fps seconds; columns are pitches 21 to 108. The rolls are
        binary or probabilities, of which those of at least `threshold` are drawn.
    start_s, end_s : float
        The part to show, in seconds.

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
    parts = [roll_notes(roll >= threshold, fps).assign(roll=name) for name, roll in rolls.items()]
    data = pd.concat(parts)[["roll", "pitch", "onset_s", "offset_s"]]
    span_s = first / fps, (last - 1) / fps
    data = data[(data["onset_s"] < span_s[1]) & (data["offset_s"] > span_s[0])]
    data = data.reset_index(drop=True)
    low, high = (data["pitch"].min(), data["pitch"].max()) if len(data) else (21, 108)
    with panels(8, 6.4, rows=3, sharex=True, sharey=True) as (figure, all_axes):
        for axes, name in zip(all_axes, rolls, strict=True):
            extent = roll_extent(first, last - first, fps)
            draw_image(axes, log_cqt[first:last].T, extent, "Greys")
            _draw_notes(axes, data[data["roll"] == name], METHOD_STYLE[_ROLL_COLOURS[name]])
            axes.set_title(f"{name.capitalize()} piano roll over the log-CQT")
            axes.set(ylabel="MIDI pitch", ylim=(low - 3, high + 3))
        axes.set(xlabel="Time (s)", xlim=span_s)
    return figure, data


def roll_notes(roll: NDArray[np.bool_], fps: int) -> pd.DataFrame:
    """Return the runs of a binary roll [shape=(N, 88)] as notes (pitch, onset_s, offset_s).

    A run from frame k up to, not including, frame m lasts from k / fps to m / fps.
    """
    padded = np.pad(np.asarray(roll, dtype=np.int8), ((1, 1), (0, 0)))
    # Transposed, so that the n-th start and the n-th end of a pitch belong together.
    steps = np.diff(padded, axis=0).T
    pitch, onset = np.nonzero(steps == 1)
    offset = np.nonzero(steps == -1)[1]
    return pd.DataFrame(
        {"pitch": pitch + LOWEST_PITCH, "onset_s": onset / fps, "offset_s": offset / fps}
    )


def _draw_notes(axes: Axes, notes: pd.DataFrame, look: dict[str, str]) -> None:
    colour = look["color"]
    for pitch, onset, offset in notes[["pitch", "onset_s", "offset_s"]].to_numpy(float):
        box = (onset, pitch - 0.45), offset - onset, 0.9
        axes.add_patch(Rectangle(*box, facecolor=colour, alpha=0.35, linewidth=0))
        axes.add_patch(Rectangle(*box, fill=False, edgecolor=colour, linewidth=1))
        axes.plot([onset] * 2, [pitch - 0.9, pitch + 0.9], color=colour, linewidth=2)


def figure3_tempo(
    metrics: pd.DataFrame,
    *,
    test_set: str = "test",
    methods: Sequence[str] = ("none", "dtw", "crnn", "hybrid"),
) -> tuple[Figure, pd.DataFrame]:
    """Draw the median onset error against the tempo deviation, on a logarithmic scale.

    Errors below 1 ms (the untouched input at 0 %) are drawn at 1 ms; the data keep their value.
    Data: method, tempo_percent, median_abs_error_ms, mean_abs_error_ms, and the share of notes
    within 40 ms with its interval.

    Raises
    ------
    PianoAlignError
        If the metrics hold no tempo condition.
    """
    data = _tempo_data(metrics, test_set, methods)
    with panels(8, 4.5) as (figure, (axes,)):
        axes.axhline(LIMIT_MS, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(
            1.0, LIMIT_MS * 1.06, f"{LIMIT_MS} ms", transform=axes.get_yaxis_transform(),
            ha="right", va="bottom", fontsize=10,
        )  # fmt: skip
        for method in dict.fromkeys(data["method"]):
            rows = data[data["method"] == method]
            shown, look = rows["median_abs_error_ms"].clip(lower=FLOOR_MS), line_style(method)
            axes.plot(rows["tempo_percent"], shown, label=method_label(method), **look)
        axes.set(
            yscale="log", xlabel="Tempo deviation of the MIDI (%)", ylabel="Median onset error (ms)"
        )
        axes.set_xticks(sorted(data["tempo_percent"].unique()), minor=True)
        furthest = data["tempo_percent"].abs().max()
        axes.set_xticks([percent for percent in range(-20, 21, 5) if abs(percent) <= furthest])
        axes.xaxis.set_major_formatter(lambda percent, _: _signed(percent))
        axes.yaxis.set_major_formatter(lambda ms, _: f"{'≤ ' if ms == FLOOR_MS else ''}{ms:,g}")
        figure.legend(loc="outside upper center", ncols=4)
    return figure, data


def _signed(percent: float) -> str:
    return f"{percent:+.0f}".replace("-", "−") if percent else "0"


def _tempo_data(metrics: pd.DataFrame, test_set: str, methods: Sequence[str]) -> pd.DataFrame:
    names = metrics.loc[metrics["test_set"] == test_set, "condition"].unique()
    percents = {name: percent for name in names if (percent := tempo_percent(name)) is not None}
    if not percents:
        raise PianoAlignError(f"figure 3: the metrics hold no tempo condition on {test_set}")
    rows = select(metrics, methods, sorted(percents, key=percents.__getitem__), test_set, False)
    rows = rows.sort_values("method", key=lambda names: places(names, methods), kind="stable")
    data = pd.DataFrame(
        {
            "method": rows["method"],
            "tempo_percent": rows["condition"].map(percents),
            "median_abs_error_ms": 1000 * rows["median_abs_error_s"],
            "mean_abs_error_ms": 1000 * rows["mean_abs_error_s"],
        }
    )
    return data.join(rows[["acc_40ms", "acc_40ms_lo", "acc_40ms_hi"]]).reset_index(drop=True)
