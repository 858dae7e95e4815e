"""What the localizer sees of one note: its patch, drawn as it goes into the network."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..common.figure_style import style
from ..localizer.patches import (
    CENTRE,
    GROUPS,
    HARMONICS,
    LONG_ROWS,
    N_STEPS,
    PER_STEP_BANDS,
    PER_STEP_SHORT,
    STEP_S,
    UPPER_HARMONICS,
    Expected,
    grid_steps,
    make_patches,
)
from ..localizer.spectra import N_BANDS, Spectra


def patch_panels(spectra: Spectra, notes: pd.DataFrame, row: int) -> dict[str, np.ndarray]:
    """Return the three spectrograms of one note's patch, by name.

    Parameters
    ----------
    spectra
        Of the recording.
    notes
        The loose notes.
    row
        Place in `notes` of the note that is asked for.

    Returns
    -------
    dict of np.ndarray [shape=(n_rows, n_frames), dtype=uint8]
        ``long``, ``short`` and ``bands``, rows in the order of the patch (from the fundamental up).
    """
    order = np.lexsort((notes["pitch"], notes["onset_s"]))
    columns = (notes[name].to_numpy()[order] for name in ("onset_s", "pitch", "velocity"))
    index = np.flatnonzero(order == row)
    patches, _ = make_patches(spectra, Expected(*columns), index, spectra.reference)
    ends = np.cumsum(list(GROUPS.values()))
    parts = dict(zip(GROUPS, np.split(patches[0], ends[:-1], axis=1), strict=True))
    short = [parts[name].reshape(N_STEPS * PER_STEP_SHORT, -1) for name in ("short", "short_upper")]
    frames = {
        "long": np.hstack([parts["long"], parts["long_upper"]]),
        "short": np.hstack(short),
        "bands": parts["bands"].reshape(N_STEPS * PER_STEP_BANDS, N_BANDS),
    }
    return {name: levels.T for name, levels in frames.items()}


def figure_patch(
    spectra: Spectra, loose: pd.DataFrame, true_onset_s: np.ndarray, row: int
) -> Figure:
    """Draw one note's patch with the onset that was given (dashed) and the true one (solid).

    Parameters
    ----------
    spectra, loose, row
        As in :func:`patch_panels`.
    true_onset_s : np.ndarray [shape=(n_notes,)]
    """
    panels = patch_panels(spectra, loose, row)
    given_s = float(loose["onset_s"].to_numpy()[row])
    centre_s = float(grid_steps(np.array([given_s]))[0]) * STEP_S
    extent_ms = (-1000 * CENTRE * STEP_S, 1000 * (N_STEPS - CENTRE) * STEP_S)
    titles = {
        "long": f"128 ms window: {len(LONG_ROWS + UPPER_HARMONICS)} rows at the note's harmonics "
        "and beside them",
        "short": f"32 ms window: {len(HARMONICS + UPPER_HARMONICS)} harmonics",
        "bands": f"{N_BANDS} broad bands, 2.5 ms frames",
    }
    with style():
        figure = Figure(figsize=(7.2, 6.4))
        axes = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
        for panel, (name, levels) in zip(axes, panels.items(), strict=True):
            panel.imshow(
                levels, aspect="auto", origin="lower", cmap="magma", interpolation="nearest",
                extent=(*extent_ms, -0.5, len(levels) - 0.5),
            )  # fmt: skip
            panel.set(title=titles[name], ylabel="Row", yticks=[])
            panel.grid(False)
            for onset_s, line in ((given_s, "--"), (float(true_onset_s[row]), "-")):
                panel.axvline(1000 * (onset_s - centre_s), color="white", linestyle=line)
        axes[-1].set_xlabel("Time from the centre of the patch (ms)")
    return figure
