"""Pictures of one note and of all errors, for widgets."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..common.figure_style import line_style, style
from ..common.labels import method_label
from ..localizer.patches import Expected, grid_steps, patch_panels
from ..localizer.posterior import N_BINS, SHIFT_S
from ..localizer.runner import load_runner
from ..localizer.spectra import LONG_FPS
from .pieces import Piece

DPI = 100
LARGEST_MS = 250.0  # errors beyond are drawn on the edge
LONGEST_REST_S = 10.0
# Of three panels; a layout by what they show would take as long as the drawing.
PLACE = {"left": 0.06, "right": 0.995, "bottom": 0.19, "top": 0.97, "wspace": 0.05}


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def figure_errors(notes: pd.DataFrame, tolerance_ms: float) -> Figure:
    """Draw the errors of one method against velocity, pitch and the time since the key's last note.

    `notes` has the columns error_s, velocity, pitch and onset_true_s.
    """
    ordered = notes.sort_values(["pitch", "onset_true_s"])
    rest_s = ordered.groupby("pitch")["onset_true_s"].diff().clip(upper=LONGEST_REST_S)
    against = {
        "Velocity": notes["velocity"],
        "Pitch": notes["pitch"],
        "Seconds since the same key": rest_s.reindex(notes.index),
    }
    error_ms = (1000 * notes["error_s"]).clip(-LARGEST_MS, LARGEST_MS)
    with style():
        figure = Figure(figsize=(11, 2.9))
        panels = figure.subplots(1, 3, sharey=True, gridspec_kw=PLACE)
        for axes, (name, values) in zip(panels, against.items(), strict=True):
            axes.axhspan(-tolerance_ms, tolerance_ms, color="#e3ecf5", zorder=0)
            axes.scatter(values, error_ms, s=9, color="#0072b2", alpha=0.5, linewidth=0)
            axes.set(xlabel=name)
        figure.axes[0].set_ylabel("Error (ms)")
    return figure


def figure_note(piece: Piece, condition: str, note_id: int) -> Figure:
    """Draw a note's patch, its posterior, and where each method puts it."""
    given = piece.notes(piece.methods(condition)[0], condition)
    row = int(np.flatnonzero(given["note_id"] == note_id)[0])
    true_s, centre_s = given["onset_true_s"][row], given["onset_in_s"][row]
    expected = given.assign(onset_s=given["onset_in_s"])
    far = abs(true_s - centre_s) > SHIFT_S[-1]
    if far:  # a course comes first; what the network sees lies around the place that it expects
        expected = given.assign(onset_s=given["onset_true_s"])
    posterior = _posterior(piece, expected, row)
    centre_s = float(grid_steps(np.array([expected["onset_s"][row]]))[0]) / LONG_FPS
    rows = piece.predictions
    rows = rows[(rows["condition"] == condition) & (rows["note_id"] == note_id)]
    with style():
        figure = Figure(figsize=(11, 3.6), layout="constrained")
        patch, answer, methods = figure.subplots(1, 3)
        patch.imshow(
            patch_panels(piece.spectra, expected, row)["long"], origin="lower", aspect="auto",
            cmap="Greys",
        )  # fmt: skip
        patch.set(title="What the network sees (long window)", xticks=[], yticks=[])
        answer.plot(1000 * SHIFT_S, posterior[:N_BINS], color="#0072b2")
        answer.axvline(1000 * (true_s - centre_s), color="#222222", linewidth=1)
        absent = f"not heard: {100 * posterior[-1]:.0f} %"
        around = "the true onset" if far else "the onset given"
        answer.set(title=f"Its answer ({absent})", xlabel=f"from {around} (ms)", yticks=[])
        ordered = rows.sort_values("method", ignore_index=True)
        error_ms = 1000 * (ordered["onset_s"] - ordered["onset_true_s"])
        for place, method in enumerate(ordered["method"]):
            known = {"marker": "o", **line_style(method), "linestyle": "none"}
            methods.plot(np.clip(error_ms[place], -LARGEST_MS, LARGEST_MS), place, **known)
        methods.axvline(0, color="#222222", linewidth=1)
        names = [method_label(method) for method in ordered["method"]]
        methods.set_yticks(range(len(names)), names, fontsize=7)
        methods.set(title="Every method's onset", xlabel="Error (ms)")
    return figure


def _posterior(piece: Piece, expected: pd.DataFrame, row: int) -> np.ndarray:
    order = np.lexsort((expected["pitch"], expected["onset_s"]))
    columns = (expected[name].to_numpy()[order] for name in ("onset_s", "pitch", "velocity"))
    notes = Expected(*columns)
    place = np.flatnonzero(order == row)
    return load_runner().posterior(piece.spectra, piece.spectra.reference, notes, place)[0]
