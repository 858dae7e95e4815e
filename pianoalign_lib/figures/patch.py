"""What the localizer sees of one note: its patch, drawn as it goes into the network."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..localizer import patches
from ..localizer.spectra import N_BANDS, Spectra
from .panels import draw_image, panels


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
    found, _ = patches.make_patches(spectra, patches.Expected(*columns), index, spectra.reference)
    ends = np.cumsum(list(patches.GROUPS.values()))
    parts = dict(zip(patches.GROUPS, np.split(found[0], ends[:-1], axis=1), strict=True))
    n_short, n_bands = (
        patches.N_STEPS * per_step for per_step in (patches.PER_STEP_SHORT, patches.PER_STEP_BANDS)
    )
    short = [parts[name].reshape(n_short, -1) for name in ("short", "short_upper")]
    return {
        "long": np.hstack([parts["long"], parts["long_upper"]]).T,
        "short": np.hstack(short).T,
        "bands": parts["bands"].reshape(n_bands, N_BANDS).T,
    }


def figure_patch(
    spectra: Spectra, loose: pd.DataFrame, true_onset_s: np.ndarray, row: int
) -> Figure:
    """Draw one note's patch with the onset that was given (dashed) and the true one (solid).

    `true_onset_s` [shape=(n_notes,)] belongs to the notes; the rest is as in :func:`patch_panels`.
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
    parts = patch_panels(spectra, loose, row)
    with panels(7.2, 6.4, rows=3, sharex=True, height_ratios=(3, 2, 2)) as (figure, all_axes):
        for axes, (name, levels) in zip(all_axes, parts.items(), strict=True):
            draw_image(axes, levels, (start_ms, end_ms, -0.5, len(levels) - 0.5), "magma")
            axes.set(title=titles[name], ylabel="Row", yticks=[])
            for onset_s, line in ((given_s, "--"), (true_s, "-")):
                axes.axvline(1000 * (onset_s - centre_s), color="white", linestyle=line)
        axes.set_xlabel("Time from the centre of the patch (ms)")
    return figure
