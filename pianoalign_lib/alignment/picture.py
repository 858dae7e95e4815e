"""The picture of an alignment: how far the notes moved, and an excerpt before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..common.figure_style import MUTED, style
from ..common.labels import STATUS_COLOURS, clock
from ..io.midi_score import HIGHEST_PITCH
from ..io.placement import LARGE_S, OUTSIDE, count_statuses
from ..localizer.spectra import LONG_FPS, LOWEST_ROW, N_ROWS, SHORT_FPS, STEPS_PER_DB, Spectra

BEFORE = "#b5179e"
READABLE_PER_S = 7  # notes per second of the excerpt that is chosen
N_PARTS = 6  # of the excerpt, all of which should have notes
MARGIN_KEYS = 4
RANGE_DB = 45.0


def draw_alignment(
    notes: pd.DataFrame, spectra: Spectra, midi: str, start_s: float | None, seconds: float
) -> Figure:
    """Draw the shifts of all notes, and an excerpt's notes over the recording's spectrogram.

    See :meth:`.result.Alignment.plot`, whose parts are given one by one.
    """
    duration_s = max(spectra.duration_s, float(notes["onset_s"].max()))
    seconds = min(seconds, duration_s)
    if start_s is None:
        start_s = _readable_start(notes, seconds, duration_s)
    start_s = float(np.clip(start_s, 0.0, max(duration_s - seconds, 0.0)))
    with style():
        figure = Figure(figsize=(11, 8.2))
        grid = figure.add_gridspec(3, 1, height_ratios=(1.0, 1.6, 1.6))
        shifts, before, after = (figure.add_subplot(grid[row]) for row in range(3))
        _draw_shifts(shifts, notes, (start_s, start_s + seconds), duration_s)
        shown = _shown(notes, start_s, seconds)
        keys = _key_range(notes[shown])
        for axes in (before, after):
            _draw_spectrogram(axes, spectra, start_s, seconds, keys)
        length_s = notes["offset_s"] - notes["onset_s"]
        unmoved = notes.assign(onset_s=notes["onset_in_s"], offset_s=notes["onset_in_s"] + length_s)
        _draw_notes(before, unmoved, start_s, seconds, BEFORE)
        _draw_notes(after, notes, start_s, seconds)
        before.set_title(f"Before: {Path(midi).name} as it is, over the recording")
        after.set_title("After: aligned")
        before.set_xticklabels([])
        after.set_xlabel("Time in the recording (s)")
        for axes in (before, after):
            axes.set_xlim(start_s, start_s + seconds)
            axes.set_ylim(keys[0] - 0.5, keys[1] + 0.5)
    return figure


def _readable_start(notes: pd.DataFrame, seconds: float, duration_s: float) -> float:
    """Return where the excerpt begins whose notes can be told apart and are spread best over it."""
    starts_s = np.arange(0.0, max(duration_s - seconds, 0.0) + 0.5, 0.5)
    onset_s = np.sort(notes["onset_s"].to_numpy())
    parts_s = starts_s[:, None] + np.linspace(0.0, seconds, N_PARTS + 1)
    counts = np.diff(np.searchsorted(onset_s, parts_s), axis=1)
    wanted = READABLE_PER_S * seconds / N_PARTS
    return float(starts_s[np.argmin(np.abs(counts - wanted).sum(axis=1))])


def _shown(notes: pd.DataFrame, start_s: float, seconds: float) -> np.ndarray:
    inside = notes["onset_s"].between(start_s, start_s + seconds)
    return inside.to_numpy() & (notes["status"] != OUTSIDE).to_numpy()


def _key_range(notes: pd.DataFrame) -> tuple[int, int]:
    if notes.empty:
        return LOWEST_ROW, HIGHEST_PITCH
    low, high = int(notes["pitch"].min()), int(notes["pitch"].max())
    return max(low - MARGIN_KEYS, LOWEST_ROW), min(high + MARGIN_KEYS, LOWEST_ROW + N_ROWS - 1)


def _draw_shifts(
    axes: Axes, notes: pd.DataFrame, excerpt_s: tuple[float, float], duration_s: float
) -> None:
    in_s = float(notes["shift_s"].abs().max()) > LARGE_S
    scale = 1.0 if in_s else 1000.0
    axes.axvspan(*excerpt_s, color="#ececec", zorder=0)
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    size = float(np.clip(12_000 / max(len(notes), 1), 4, 22))
    for status, count in count_statuses(notes["status"]).items():
        chosen = notes[notes["status"] == status]
        axes.scatter(
            chosen["onset_s"], scale * chosen["shift_s"], s=size, color=STATUS_COLOURS[status],
            alpha=0.75, linewidth=0, rasterized=True, label=f"{status} ({count:,})",
        )  # fmt: skip
    axes.set(xlim=(0, duration_s), ylabel=f"Moved by ({'s' if in_s else 'ms'})")
    axes.set_title("How far each note moved (shaded: the excerpt)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(int(value))))
    legend = axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.1)
    for handle in legend.legend_handles:
        handle.set_sizes([30])  # type: ignore[union-attr]
        handle.set_alpha(1.0)  # type: ignore[union-attr]


def _draw_spectrogram(
    axes: Axes, spectra: Spectra, start_s: float, seconds: float, keys: tuple[int, int]
) -> None:
    first, last = int(start_s * LONG_FPS), int((start_s + seconds) * LONG_FPS) + 1
    finer = SHORT_FPS // LONG_FPS
    # The lower of the two: sharp in pitch as the long window, in time as the short one.
    long = np.repeat(spectra.long[first:last], finer, axis=0)
    short = spectra.short[finer * first : finer * first + len(long)]
    level = np.minimum(long[: len(short)], short).astype(np.float32) / STEPS_PER_DB
    if level.size:
        top = float(level.max())
        axes.imshow(
            level.T, origin="lower", aspect="auto", cmap="Greys", interpolation="bilinear",
            vmin=top - RANGE_DB, vmax=top + 6,
            extent=(first / LONG_FPS, first / LONG_FPS + len(level) / SHORT_FPS,
                    LOWEST_ROW - 0.5, LOWEST_ROW + N_ROWS - 0.5),
        )  # fmt: skip
    cs = [pitch for pitch in range(24, 121, 12) if keys[0] <= pitch <= keys[1]]
    axes.set_yticks(cs, [f"C{pitch // 12 - 1}" for pitch in cs])
    axes.set_ylabel("Key")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(False)


def _draw_notes(
    axes: Axes, notes: pd.DataFrame, start_s: float, seconds: float, colour: str | None = None
) -> None:
    """Draw a faint bar for each note of the excerpt and a strong line where it begins."""
    sounds = (notes["onset_s"] < start_s + seconds) & (notes["offset_s"] > start_s)
    for status, chosen in notes[sounds & (notes["status"] != OUTSIDE)].groupby("status"):
        ink = colour or STATUS_COLOURS[str(status)]
        onset_s, pitch = chosen["onset_s"].to_numpy(), chosen["pitch"].to_numpy()
        bars = [
            Rectangle((onset, key - 0.5), end - onset, 1.0)
            for onset, end, key in zip(onset_s, chosen["offset_s"], pitch, strict=True)
        ]
        axes.add_collection(PatchCollection(bars, facecolor=ink, alpha=0.35, linewidth=0))
        axes.plot(
            onset_s, pitch, "|", color=ink, markersize=11, markeredgewidth=2.2, clip_on=True
        )  # fmt: skip
