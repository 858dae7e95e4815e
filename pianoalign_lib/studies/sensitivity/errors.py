"""Other ways to draw timing errors of the same size as the pipeline's, for the sensitivity study.

All of them move a note by at most the size of the condition, ±100 ms, and come from a generator
of their own, seeded by recording and kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from ...common.config import topic
from ...common.errors import ConfigError
from ...corpora.timing_errors import conditions, generator, loose_notes

CHORD_S = 0.03  # notes that start within this much of a chord's first one belong to it
KNOT_S = 4.0  # between the knots of the smooth curve: the tempo then errs by a few percent
GRID_S = 0.01  # the paper's frame
SHORTEST_S = 1e-3  # of a note, as in `perturb`


def loosen(notes: pd.DataFrame, kind: str, recording: str, params: dict[str, Any]) -> pd.DataFrame:
    """Return `notes` with timing errors of one kind.

    Parameters
    ----------
    notes
        Note table with the true times.
    kind
        ``independent`` (the pipeline's own errors, to the last bit), or one of :data:`KINDS`.
    recording
        Its name, which seeds the errors.
    params
        All of ``params.yaml``; topic ``sensitivity`` names the condition.

    Raises
    ------
    ConfigError
        If the kind is unknown, or the condition has errors other than per note.
    """
    name = topic(params, "sensitivity")["condition"]
    condition = conditions(params)[name]
    if condition.tempo_percent or condition.drift_percent or condition.offset_s:
        raise ConfigError(f"params.yaml: sensitivity.condition '{name}': only note_ms is meant")
    ours = loose_notes(notes, name, recording, params)
    if kind == "independent":
        return ours
    if kind not in KINDS:
        raise ConfigError(f"unknown kind of errors '{kind}'; use one of {', '.join(KINDS)}")
    rng = generator(params["perturbation_seed"], recording, kind)
    return KINDS[kind](notes, ours, condition.note_ms / 1000.0, rng)


def _moved(notes: pd.DataFrame, shift_s: np.ndarray) -> pd.DataFrame:
    onset_s = np.maximum(notes["onset_s"] + shift_s, 0.0)
    moved_by_s = onset_s - notes["onset_s"]
    offset_s = np.maximum(notes["offset_s"] + moved_by_s, onset_s + SHORTEST_S)
    return notes.assign(onset_s=onset_s, offset_s=offset_s)


def _again(
    notes: pd.DataFrame, ours: pd.DataFrame, size_s: float, rng: np.random.Generator
) -> pd.DataFrame:
    return _moved(notes, rng.uniform(-size_s, size_s, len(notes)))


def _chord(
    notes: pd.DataFrame, ours: pd.DataFrame, size_s: float, rng: np.random.Generator
) -> pd.DataFrame:
    onset_s = notes["onset_s"].to_numpy()
    chord = np.zeros(len(notes), int)
    count, first_s = -1, -np.inf
    for row in np.argsort(onset_s, kind="stable"):
        if onset_s[row] > first_s + CHORD_S:
            count, first_s = count + 1, onset_s[row]
        chord[row] = count
    return _moved(notes, rng.uniform(-size_s, size_s, count + 1)[chord])


def _gaussian(
    notes: pd.DataFrame, ours: pd.DataFrame, size_s: float, rng: np.random.Generator
) -> pd.DataFrame:
    return _moved(notes, np.clip(rng.normal(0.0, size_s / 2, len(notes)), -size_s, size_s))


def _ordered(
    notes: pd.DataFrame, ours: pd.DataFrame, size_s: float, rng: np.random.Generator
) -> pd.DataFrame:
    # The k-th note gets the k-th of the moved onsets. If no note was moved by more than `size_s`,
    # neither is any after sorting.
    rank = np.argsort(np.argsort(notes["onset_s"].to_numpy(), kind="stable"), kind="stable")
    sorted_s = np.sort(ours["onset_s"].to_numpy())
    return _moved(notes, sorted_s[rank] - notes["onset_s"].to_numpy())


def _smooth(
    notes: pd.DataFrame, ours: pd.DataFrame, size_s: float, rng: np.random.Generator
) -> pd.DataFrame:
    knots_s = np.arange(0.0, notes["onset_s"].max() + 2 * KNOT_S, KNOT_S)
    # Monotone between its knots (Fritsch & Carlson), so never beyond them.
    curve = PchipInterpolator(knots_s, rng.uniform(-size_s, size_s, len(knots_s)))
    return _moved(notes, curve(notes["onset_s"].to_numpy()))


def _grid(
    notes: pd.DataFrame, ours: pd.DataFrame, size_s: float, rng: np.random.Generator
) -> pd.DataFrame:
    steps = int(size_s / GRID_S + 1e-9)
    return _moved(notes, GRID_S * rng.integers(-steps, steps, len(notes), endpoint=True))


def _offsets(
    notes: pd.DataFrame, ours: pd.DataFrame, size_s: float, rng: np.random.Generator
) -> pd.DataFrame:
    offset_s = notes["offset_s"] + rng.uniform(-size_s, size_s, len(notes))
    return ours.assign(offset_s=np.maximum(offset_s, ours["onset_s"] + SHORTEST_S))


KINDS: dict[
    str,
    Callable[[pd.DataFrame, pd.DataFrame, float, np.random.Generator], pd.DataFrame],
] = {
    "again": _again,
    "chord": _chord,
    "gaussian": _gaussian,
    "ordered": _ordered,
    "smooth": _smooth,
    "grid": _grid,
    "offsets": _offsets,
}
