"""What a tool says of the notes it was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

ALIGNED, UNCERTAIN, NOT_HEARD = "aligned", "uncertain", "not heard"


@dataclass(frozen=True)
class Placed:
    """Onsets of notes, in their row order.

    Attributes
    ----------
    onset_s : np.ndarray [shape=(n_notes,)]
    confidence : np.ndarray [shape=(n_notes,)]
        0 to 1; NaN where the tool gives none.
    status : np.ndarray [shape=(n_notes,), dtype=object]
        ``aligned``, ``uncertain`` or ``not heard``; a tool that cannot tell says ``aligned``.
    """

    onset_s: np.ndarray
    confidence: np.ndarray
    status: np.ndarray


Aligner = Callable[[pd.DataFrame], Placed]


def all_aligned(onset_s: np.ndarray) -> Placed:
    """Return the answer of a tool that knows neither confidence nor notes that are not heard."""
    return placed(onset_s, np.ones(len(onset_s), bool))


def placed(onset_s: np.ndarray, heard: np.ndarray, confidence: np.ndarray | None = None) -> Placed:
    """Return the answer of a tool that tells which notes it heard."""
    unknown = np.full(len(onset_s), np.nan)
    status = np.where(heard, ALIGNED, NOT_HEARD).astype(object)
    return Placed(onset_s, unknown if confidence is None else confidence, status)
