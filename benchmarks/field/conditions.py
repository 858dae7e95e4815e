"""The loose notes of the comparison: timing errors of ``params.yaml``, and a MIDI that differs.

``missing5_extra5`` is ``note100``, with the same errors of the notes that are in both, but 5 % of
the notes that were played are missing, and as many were never played.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.corpora.timing_errors import generator, loose_notes

from .table import MISSING_EXTRA

SHARE = 0.05
NEAR_S = 0.1  # an extra note is given near another one
APART_S = 0.3  # and far from any that was played at its pitch


def field_notes(notes: pd.DataFrame, condition: str, recording: str, params: dict[str, Any]):
    """Return the loose notes of a recording under a condition, the same for every tool.

    Parameters
    ----------
    notes
        The true notes.
    condition
        One of those of table 7 (:data:`benchmarks.field.table.CONDITIONS`).
    recording, params
        Its name and all of ``params.yaml``, which the errors are seeded by.

    Returns
    -------
    pandas.DataFrame
        Note table with the further columns ``onset_true_s`` (NaN for a note that was not played)
        and ``is_extra``.
    """
    differs = condition == MISSING_EXTRA
    loose = loose_notes(notes, "note100" if differs else condition, recording, params)
    loose = loose.assign(onset_true_s=notes["onset_s"].to_numpy(), is_extra=False)
    if differs:
        rng = generator(params["perturbation_seed"], recording, condition)
        n_changed = round(SHARE * len(notes))
        kept = np.sort(rng.permutation(len(notes))[n_changed:])
        extra = _extra_notes(notes, n_changed, rng)
        loose = pd.concat([loose.iloc[kept], extra], ignore_index=True)
        loose = loose.sort_values(["onset_s", "pitch"], kind="stable", ignore_index=True)
    return loose


def _extra_notes(notes: pd.DataFrame, n_extra: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return notes near others, at random pitches of the piece at which nothing was played then."""
    onset_s, pitch = notes["onset_s"].to_numpy(), notes["pitch"].to_numpy()
    like = np.empty(n_extra, np.int64)
    extra_s, extra_pitch = np.empty(n_extra), np.empty(n_extra, np.int64)
    open_rows = np.arange(n_extra)
    while len(open_rows):
        like[open_rows] = rng.integers(len(notes), size=len(open_rows))
        shift_s = rng.uniform(-NEAR_S, NEAR_S, len(open_rows))
        extra_s[open_rows] = np.maximum(onset_s[like[open_rows]] + shift_s, 0.0)
        extra_pitch[open_rows] = rng.integers(pitch.min(), pitch.max() + 1, len(open_rows))
        near = np.abs(extra_s[open_rows, None] - onset_s) < APART_S
        played = (near & (extra_pitch[open_rows, None] == pitch)).any(axis=1)
        open_rows = open_rows[played]
    source = notes.iloc[like].reset_index(drop=True)
    return source.assign(
        note_id=int(notes["note_id"].max()) + 1 + np.arange(n_extra),
        pitch=extra_pitch,
        onset_s=extra_s,
        offset_s=extra_s + (source["offset_s"] - source["onset_s"]).to_numpy(),
        onset_true_s=np.nan,
        is_extra=True,
    )
