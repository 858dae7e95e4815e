"""Plots of a corpus: attacks of its pianos, one excerpt, and what notes it holds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..common.figure_style import INK, style
from ..common.labels import set_label
from ..io.notes import HIGHEST_PITCH, LOWEST_PITCH

# Okabe & Ito's colours with a marker each, for things that are not methods.
SERIES = (("#0072b2", "D"), ("#e69f00", "s"), ("#009e73", "^"), ("#cc79a7", "o"), ("#d55e00", "v"))


def attack_plot(attacks: pd.DataFrame) -> Figure:
    """Draw each key's attack, from the note-on and from the onset that the corpus states.

    Parameters
    ----------
    attacks : DataFrame
        Columns piano, pitch, before_ms, after_ms.
    """
    with style():
        figure = Figure(figsize=(9.5, 3.8))
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for index, (name, rows) in enumerate(attacks.groupby("piano", sort=False)):
            colour, marker = SERIES[index % len(SERIES)]
            look = {"color": colour, "marker": marker, "markersize": 4, "linestyle": ""}
            panels[0].plot(rows["pitch"], rows["before_ms"], label=str(name), **look)
            panels[1].plot(rows["pitch"], rows["after_ms"], **look)
        titles = ("From the note-on", "From the calibrated onset")
        for axes, title in zip(panels, titles, strict=True):
            axes.axhline(0, color=INK, linewidth=0.8)
            axes.set(xlabel="MIDI pitch", title=f"{title} to 5 % of the peak")
        panels[0].set(ylabel="Attack (ms)")
        figure.legend(loc="outside right center", markerscale=1.6)
    return figure


def excerpt_plot(
    log_cqt: np.ndarray, notes: pd.DataFrame, *, fps: int, start_s: float, end_s: float
) -> Figure:
    """Draw the log-CQT of an excerpt over its notes, coloured by velocity.

    Parameters
    ----------
    log_cqt : np.ndarray [shape=(n_frames, 88)]
        Frame k is centred on k / fps seconds.
    notes : DataFrame
        Note table on the same time.
    """
    first, last = round(start_s * fps), min(round(end_s * fps) + 1, len(log_cqt))
    half = 0.5 / fps
    shown = notes[(notes["onset_s"] < end_s) & (notes["offset_s"] > start_s)]
    with style():
        figure = Figure(figsize=(9.5, 6.2))
        spectrum, roll = figure.subplots(2, 1, sharex=True, sharey=True)
        image = spectrum.imshow(
            80 * (log_cqt[first:last].T - 1),
            cmap="magma",
            aspect="auto",
            origin="lower",
            extent=(
                first / fps - half,
                (last - 1) / fps + half,
                LOWEST_PITCH - 0.5,
                HIGHEST_PITCH + 0.5,
            ),
            interpolation="nearest",
        )
        figure.colorbar(image, ax=spectrum, label="Level (dB)", pad=0.01)
        boxes = [
            Rectangle((onset_s, pitch - 0.45), offset_s - onset_s, 0.9)
            for pitch, onset_s, offset_s in shown[["pitch", "onset_s", "offset_s"]].to_numpy(float)
        ]
        patches = PatchCollection(boxes, cmap="viridis_r", linewidth=0)
        patches.set_array(shown["velocity"].to_numpy(float))
        patches.set_clim(0, 127)
        roll.add_collection(patches)
        figure.colorbar(patches, ax=roll, label="MIDI velocity", pad=0.01)
        for axes, title in ((spectrum, "log-CQT"), (roll, "Notes, from key press to release")):
            axes.grid(visible=False)
            axes.set(ylabel="MIDI pitch", title=title)
        lowest = shown["pitch"].min() if len(shown) else LOWEST_PITCH
        roll.set(xlabel="Time (s)", xlim=(start_s, end_s), ylim=(lowest - 3, HIGHEST_PITCH + 0.5))
    return figure


def note_distribution(notes: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw how the notes of each part of a corpus spread over pitch and velocity.

    Parameters
    ----------
    notes : mapping of part → DataFrame
        Note tables, those of a part one below the other.
    """
    with style():
        figure = Figure(figsize=(9.5, 3.6))
        pitch, velocity = figure.subplots(1, 2)
        for index, (part, table) in enumerate(notes.items()):
            colour = SERIES[index % len(SERIES)][0]
            label = f"{set_label(part)} ({len(table):,} notes)"
            _outline(
                pitch,
                table["pitch"],
                np.arange(LOWEST_PITCH - 0.5, HIGHEST_PITCH + 1, 3),
                colour,
                label,
            )
            _outline(velocity, table["velocity"], np.arange(0.5, 128, 4), colour, None)
        pitch.set(xlabel="MIDI pitch", ylabel="Notes per bin (%)", title="Pitch (bins of 3)")
        velocity.set(xlabel="MIDI velocity", title="Velocity (bins of 4)")
        figure.legend(loc="outside upper center", ncols=len(notes))
    return figure


def _outline(
    axes: Axes, values: pd.Series, edges: np.ndarray, colour: str, label: str | None
) -> None:
    percent = 100 * np.histogram(values, edges)[0] / max(len(values), 1)
    axes.stairs(percent, edges, color=colour, linewidth=1.8, label=label)
    axes.stairs(percent, edges, color=colour, alpha=0.12, fill=True)
