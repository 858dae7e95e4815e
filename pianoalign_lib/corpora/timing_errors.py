"""Seeded timing errors: from an exact note table to the loose one a method is given.

Every note keeps its id and its duration's proportion. Conditions are named in ``params.yaml``.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..common.errors import ConfigError

SHORTEST_S = 1e-3  # of a note, whatever its errors


@dataclass(frozen=True)
class Condition:
    """One kind of timing error; parts that are not zero are applied in the order of the fields.

    Attributes
    ----------
    tempo_percent
        The input plays this much too fast (positive) or too slow, throughout.
    drift_percent
        The input's tempo wanders smoothly by up to this much in both directions.
    offset_s
        The input starts this much later than the recording.
    offset_within_s
        This offset is drawn anew for each recording, up to so much more or less.
    note_ms
        Each note is moved by its own uniform error of up to this much (the paper's condition).
    """

    name: str
    tempo_percent: float = 0.0
    drift_percent: float = 0.0
    offset_s: float = 0.0
    offset_within_s: float = 0.0
    note_ms: float = 0.0


def conditions(params: dict[str, Any]) -> dict[str, Condition]:
    """Return all conditions of ``params.yaml`` by name.

    Raises
    ------
    ConfigError
        If a condition has an unknown part or one out of range.
    """
    found = {}
    for name, parts in params["conditions"].items():
        try:
            condition = Condition(name=name, **(parts or {}))
        except TypeError as error:
            raise ConfigError(f"params.yaml: condition '{name}': {error}") from error
        if abs(condition.tempo_percent) >= 100 or not 0 <= condition.drift_percent < 100:
            raise ConfigError(
                f"params.yaml: condition '{name}': a tempo cannot change by 100 % or more"
            )
        if condition.note_ms < 0:
            raise ConfigError(f"params.yaml: condition '{name}': note_ms must not be negative")
        if condition.offset_within_s < 0:
            raise ConfigError(
                f"params.yaml: condition '{name}': offset_within_s must not be negative"
            )
        found[name] = condition
    return found


def generator(seed: int, *labels: str) -> np.random.Generator:
    """Return a generator that depends on `seed` and on labels such as a recording's name.

    A recording therefore gets the same errors whichever recordings are evaluated beside it.
    """
    return np.random.default_rng([seed, *(zlib.crc32(label.encode()) for label in labels)])


def perturb(notes: pd.DataFrame, condition: Condition, rng: np.random.Generator) -> pd.DataFrame:
    """Return `notes` with the timing errors of `condition`, in the row order of `notes`.

    Parameters
    ----------
    notes
        Note table with the true times.
    condition
        What to do.
    rng
        The only source of randomness.

    Returns
    -------
    pandas.DataFrame
        A copy with other ``onset_s`` and ``offset_s``; onsets are never negative, and every note
        keeps at least a millisecond.
    """
    onset_s, offset_s = notes["onset_s"].to_numpy(), notes["offset_s"].to_numpy()
    if condition.tempo_percent:
        factor = 1.0 + condition.tempo_percent / 100.0
        onset_s, offset_s = onset_s / factor, offset_s / factor
    if condition.drift_percent:
        time_s, warped_s = _drift(float(offset_s.max()), condition.drift_percent / 100.0, rng)
        onset_s = np.interp(onset_s, time_s, warped_s)
        offset_s = np.interp(offset_s, time_s, warped_s)
    shift_s = np.full(len(notes), float(condition.offset_s))  # YAML has whole numbers
    if condition.offset_within_s:  # unlike a round one, no multiple of a method's frames
        shift_s += condition.offset_within_s * rng.uniform(-1.0, 1.0)
    if condition.note_ms:
        shift_s = shift_s + rng.uniform(-1.0, 1.0, len(notes)) * condition.note_ms / 1000.0
    return shifted(notes.assign(onset_s=onset_s, offset_s=offset_s), shift_s)


def shifted(notes: pd.DataFrame, shift_s: np.ndarray) -> pd.DataFrame:
    """Return `notes`, each moved by its shift; none begins before 0 or is shorter than 1 ms."""
    shift_s = np.maximum(shift_s, -notes["onset_s"].to_numpy())
    onset_s = notes["onset_s"] + shift_s
    return notes.assign(
        onset_s=onset_s, offset_s=np.maximum(notes["offset_s"] + shift_s, onset_s + SHORTEST_S)
    )


def loose_notes(
    notes: pd.DataFrame, name: str, recording: str, params: dict[str, Any]
) -> pd.DataFrame:
    """Return `notes` with the timing errors of a condition, the same for every method."""
    rng = generator(params["perturbation_seed"], recording, name)
    return perturb(notes, conditions(params)[name], rng)


def _drift(end_s: float, depth: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a time axis and its warp under a tempo that wanders by ±depth over 15 to 60 s."""
    time_s = np.arange(0.0, end_s + 1.0, 0.05)
    curve = np.zeros_like(time_s)
    for period_s in rng.uniform(15.0, 60.0, 3):
        curve += rng.uniform(0.5, 1.0) * np.sin(2 * np.pi * (time_s / period_s + rng.uniform()))
    rate = 1.0 + depth * curve / np.abs(curve).max()
    warped_s = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(time_s))])
    return time_s, warped_s
