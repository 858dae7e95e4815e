"""Plots of a corpus: attacks of its pianos, one excerpt, and what notes it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pianoalign_lib.common.figure_style import INK
from pianoalign_lib.common.labels import set_label
from pianoalign_lib.io.notes import HIGHEST_PITCH, LOWEST_PITCH

from .panels import draw_histogram, draw_image, panels, roll_extent

# Okabe & Ito's colours with a marker each, for things that are not methods.
_SERIES = (("#0072b2", "D"), ("#e69f00", "s"), ("#009e73", "^"), ("#cc79a7", "o"), ("#d55e00", "v"))


def attack_plot(attacks: pd.DataFrame) -> Figure:
    """Draw each key's attack, from the note-on and from the onset that the corpus states.

    Parameters
    ----------
    attacks : DataFrame
        Columns piano, pitch, before_ms, after_ms.
    """
    with panels(9.5, 3.8, columns=2, sharex=True, sharey=True) as (figure, (before, after)):
        for index, (name, rows) in enumerate(attacks.groupby("piano", sort=False)):
            colour, marker = _SERIES[index % len(_SERIES)]
            look: dict[str, Any] = {
                "color": colour,
                "marker": marker,
                "markersize": 4,
                "linestyle": "",
            }
            before.plot(rows["pitch"], rows["before_ms"], label=str(name), **look)
            after.plot(rows["pitch"], rows["after_ms"], **look)
        for axes, start in ((before, "note-on"), (after, "calibrated onset")):
            axes.axhline(0, color=INK, linewidth=0.8)
            axes.set(xlabel="MIDI pitch", title=f"From the {start} to 5 % of the peak")
        before.set(ylabel="Attack (ms)")
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
    shown = notes[(notes["onset_s"] < end_s) & (notes["offset_s"] > start_s)]
    with panels(9.5, 6.2, rows=2, sharex=True, sharey=True) as (figure, (spectrum, roll)):
        decibel = 80 * (log_cqt[first:last].T - 1)
        image = draw_image(spectrum, decibel, roll_extent(first, last - first, fps), "magma")
        figure.colorbar(image, ax=spectrum, label="Level (dB)", pad=0.01)
        boxes = [
            Rectangle((onset_s, pitch - 0.45), offset_s - onset_s, 0.9)
            for pitch, onset_s, offset_s in shown[["pitch", "onset_s", "offset_s"]].to_numpy(float)
        ]
        patches = PatchCollection(boxes, cmap="viridis_r", linewidth=0)
        patches.set_array(shown["velocity"].to_numpy(float))
        patches.set_clim(0, 127)
        roll.add_collection(patches)
        roll.grid(visible=False)
        figure.colorbar(patches, ax=roll, label="MIDI velocity", pad=0.01)
        spectrum.set(ylabel="MIDI pitch", title="log-CQT")
        lowest = shown["pitch"].min() if len(shown) else LOWEST_PITCH
        roll.set(
            ylabel="MIDI pitch", title="Notes, from key press to release",
            xlabel="Time (s)", xlim=(start_s, end_s), ylim=(lowest - 3, HIGHEST_PITCH + 0.5),
        )  # fmt: skip
    return figure


def note_distribution(notes: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw how the notes of each part of a corpus spread over pitch and velocity.

    Parameters
    ----------
    notes : mapping of part → DataFrame
        Note tables, those of a part one below the other.
    """
    keys, levels = np.arange(LOWEST_PITCH - 0.5, HIGHEST_PITCH + 1, 3), np.arange(0.5, 128, 4)
    with panels(9.5, 3.6, columns=2) as (figure, (pitch, velocity)):
        for index, (part, table) in enumerate(notes.items()):
            colour = _SERIES[index % len(_SERIES)][0]
            label = f"{set_label(part)} ({len(table):,} notes)"
            draw_histogram(pitch, table["pitch"], keys, colour, label)
            draw_histogram(velocity, table["velocity"], levels, colour)
        pitch.set(xlabel="MIDI pitch", ylabel="Notes per bin (%)", title="Pitch (bins of 3)")
        velocity.set(xlabel="MIDI velocity", title="Velocity (bins of 4)")
        figure.legend(loc="outside upper center", ncols=len(notes))
    return figure
