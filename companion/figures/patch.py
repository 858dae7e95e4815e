"""What the localizer sees of one note: its patch, drawn as it goes into the network."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pianoalign_lib.localizer import patches
from pianoalign_lib.localizer.spectra import N_BANDS, Spectra

from .panels import draw_image, panels


def figure_patch(
    spectra: Spectra, loose: pd.DataFrame, true_onset_s: np.ndarray, row: int
) -> Figure:
    """Draw one note's patch with the onset that was given (dashed) and the true one (solid).

    `true_onset_s` [shape=(n_notes,)] belongs to the notes; the rest is as in
    :func:`pianoalign_lib.localizer.patches.patch_panels`.
    """
    given_s, true_s = float(loose["onset_s"].to_numpy()[row]), float(true_onset_s[row])
    centre_s = float(patches.grid_steps(np.array([given_s]))[0]) * patches.STEP_S
    start_ms, end_ms = (
        1000 * (step - patches.CENTRE) * patches.STEP_S for step in (0, patches.N_STEPS)
    )
    upper = patches.UPPER_HARMONICS
    titles = {
        "long": f"128 ms window: {len(patches.LONG_ROWS + upper)} rows at the note's harmonics and "
        "beside them",
        "short": f"32 ms window: {len(patches.HARMONICS + upper)} harmonics",
        "bands": f"{N_BANDS} broad bands, 2.5 ms frames",
    }
    parts = patches.patch_panels(spectra, loose, row)
    with panels(7.2, 6.4, rows=3, sharex=True, height_ratios=(3, 2, 2)) as (figure, all_axes):
        for axes, (name, levels) in zip(all_axes, parts.items(), strict=True):
            draw_image(axes, levels, (start_ms, end_ms, -0.5, len(levels) - 0.5), "magma")
            axes.set(title=titles[name], ylabel="Row", yticks=[])
            for onset_s, line in ((given_s, "--"), (true_s, "-")):
                axes.axvline(1000 * (onset_s - centre_s), color="white", linestyle=line)
        axes.set_xlabel("Time from the centre of the patch (ms)")
    return figure
