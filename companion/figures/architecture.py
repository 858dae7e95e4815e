"""Figure 1: a drawing of the network."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from pianoalign_lib.common.figure_style import MUTED

from .panels import panels

_ROLL, _AUDIO, _JOINT, _PLAIN = "#d7e6f2", "#fbe8c6", "#d9efe6", "white"
_UPPER, _MIDDLE, _LOWER = 2.3, 1.3, 0.3  # heights of the two branches and of what joins them
_HEIGHT, _GAP = 0.80, 0.36


@dataclass(frozen=True)
class _Box:
    """A layer: its text, the shape of its output, the width of its box, and the box's colour."""

    text: str
    shape: str
    width: float
    colour: str
    write_shape: bool = True


def _branch(source: _Box, colour: str) -> list[_Box]:
    convolutions = [
        _Box(f"Conv2D\n{channels}", f"N × frequency × {channels}", 0.92, colour, write_shape=False)
        for channels in (16, 16, 32)
    ]
    return [source, *convolutions, _Box("Dense\n256", "N × 256", 0.92, colour)]


_ROLL_BRANCH = _branch(_Box("Unaligned\npiano roll", "N × 88", 1.25, _PLAIN), _ROLL)
_AUDIO_BRANCH = _branch(_Box("log-CQT", "N × 88", 1.25, _PLAIN), _AUDIO)
_JOINED = [
    _Box("Concatenate\nN × 512", "N × 512", 1.40, _PLAIN, write_shape=False),
    _Box("BiLSTM\n512 → 256", "N × 256", 1.30, _JOINT),
    _Box("Dense 88\nsigmoid", "N × 88", 1.20, _JOINT),
    _Box("Aligned\npiano roll", "N × 88", 1.25, _PLAIN),
]


def figure1_architecture() -> tuple[Figure, pd.DataFrame]:
    """Draw the paper's network; return the figure and its layers with their output shapes."""
    with panels(10, 3.0) as (figure, (axes,)):
        for boxes, y in ((_ROLL_BRANCH, _UPPER), (_AUDIO_BRANCH, _LOWER)):
            end = _draw_row(axes, boxes, 0.0, y)
        start = end + _GAP
        right = _draw_row(axes, _JOINED, start, _MIDDLE)
        into = start + _JOINED[0].width / 2
        for y, side in ((_UPPER, 1), (_LOWER, -1)):
            _draw_arrow(axes, (end, y), (into, _MIDDLE + side * _HEIGHT / 2), bend=True)
        axes.set(xlim=(-0.05, right + 0.05), ylim=(-0.45, 2.8), aspect="equal")
        axes.axis("off")
    return figure, _layers()


def _draw_row(axes: Axes, boxes: list[_Box], left: float, y: float) -> float:
    """Draw boxes from left to right with arrows between them; return where the last one ends."""
    for index, box in enumerate(boxes):
        if index:
            _draw_arrow(axes, (left, y), (left + _GAP, y))
            left += _GAP
        look = "round,pad=0,rounding_size=0.08"
        corner = (left, y - _HEIGHT / 2)
        axes.add_patch(
            FancyBboxPatch(corner, box.width, _HEIGHT, look, facecolor=box.colour, edgecolor=MUTED)
        )
        middle = left + box.width / 2
        axes.text(middle, y, box.text, ha="center", va="center", fontsize=10.5, linespacing=1.25)
        if box.write_shape:
            below = y - _HEIGHT / 2 - 0.08
            axes.text(middle, below, box.shape, ha="center", va="top", fontsize=9.5, color=MUTED)
        left += box.width
    return left


def _draw_arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: bool = False
) -> None:
    arrow = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    if bend:
        arrow["connectionstyle"] = "angle,angleA=0,angleB=90,rad=4"
    axes.annotate("", end, start, arrowprops=arrow)


def _layers() -> pd.DataFrame:
    parts = {"roll branch": _ROLL_BRANCH, "audio branch": _AUDIO_BRANCH, "joint": _JOINED}
    rows = [
        (part, box.text.removesuffix("\nN × 512").replace("\n", " "), box.shape)
        for part, boxes in parts.items()
        for box in boxes
    ]
    return pd.DataFrame(rows, columns=["part", "layer", "output"])
