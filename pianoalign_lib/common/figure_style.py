"""The one look of all figures. SVG's identifiers are seeded: equal data make equal bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

INK = "#222222"
MUTED = "#6e6e6e"

# One colour and marker per method, in every figure: the colours of Okabe & Ito, then Tol's muted
# ones, told apart with any kind of colour vision; markers serve prints without colour.
METHOD_STYLE: dict[str, dict[str, str]] = {
    "none": {"color": "#6e6e6e", "marker": "o"},
    "dtw": {"color": "#e69f00", "marker": "s"},
    "crnn": {"color": "#0072b2", "marker": "D"},
    "hybrid": {"color": "#009e73", "marker": "^"},
    "cnn": {"color": "#d55e00", "marker": "v"},
    "gru": {"color": "#cc79a7", "marker": "P"},
    "lstm_uni": {"color": "#56b4e9", "marker": "X"},
    "crnn_cqt": {"color": "#999933", "marker": "<"},
    "crnn_logmel": {"color": "#882255", "marker": ">"},
    "crnn_mel": {"color": "#aa4499", "marker": "h"},
    "crnn_50fps": {"color": "#44aa99", "marker": "p"},
    "crnn_200fps": {"color": "#332288", "marker": "*"},
    "crnn_seed2": {"color": "#5aa5d6", "marker": "d"},
    "crnn_seed3": {"color": "#9cc9e6", "marker": "8"},
    "transformer": {"color": "#b22222", "marker": "$A$"},
    "transformer_long": {"color": "#e06666", "marker": "$L$"},
    "excerpt_2s": {"color": "#2f7fb5", "marker": "$2$"},
    "excerpt_5s": {"color": "#1b5e8a", "marker": "$5$"},
    "excerpt_10s": {"color": "#0d3c5c", "marker": "$X$"},
    "pooling": {"color": "#7f9f3f", "marker": "$P$"},
    "one_rate": {"color": "#4f6f1f", "marker": "$R$"},
    "localizer": {"color": "#000000", "marker": "H"},
    "exact": {"color": "#bbbbbb", "marker": "$=$"},
    "dtw_localizer": {"color": "#117733", "marker": "$T$"},
    "localizer_independent": {"color": "#4d4d4d", "marker": "x"},
    "localizer_no_tendency": {"color": "#8c8c8c", "marker": "+"},
    "localizer_short_run": {"color": "#7a3b00", "marker": "1"},
    "localizer_no_short_window": {"color": "#b35900", "marker": "2"},
    "localizer_no_augmentation": {"color": "#c49a6c", "marker": "3"},
    "localizer_upper_harmonics": {"color": "#1b6e5a", "marker": "_"},
    "localizer_context": {"color": "#5b2a86", "marker": "4"},
    "localizer_attention": {"color": "#9b72cf", "marker": "|"},
}
_OTHER = {"color": INK, "marker": "."}

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.8,
    "lines.markersize": 7,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "pianoalign",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw with the project's look inside a ``with`` block."""
    with mpl.rc_context(_RC):
        yield


def method_style(method: str) -> dict[str, str]:
    """Return the colour and the marker of a method, as keywords of ``Axes.plot``."""
    return METHOD_STYLE.get(method, _OTHER)


def line_style(method: str) -> dict[str, Any]:
    """Return the keywords of ``Axes.plot`` for a line with a point per value of a method."""
    points = {"markeredgecolor": "white", "markeredgewidth": 0.6, "clip_on": False, "zorder": 3}
    return {**method_style(method), **points}
