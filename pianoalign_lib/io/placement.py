"""Where a method puts the notes that it was given: one type for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

ALIGNED, UNCERTAIN, NOT_HEARD, OUTSIDE = STATUSES = ("aligned", "uncertain", "not heard", "outside")
LARGE_S = 2.0  # from here on, shifts are told in seconds, not milliseconds


@dataclass(frozen=True)
class Placement:
    """What a method says of notes, in their row order.

    Attributes
    ----------
    onset_s, confidence : np.ndarray [shape=(n_notes,)]
        The confidence is 0 to 1, NaN where the method gives none.
    status : np.ndarray [shape=(n_notes,), dtype=object]
        ``aligned``, ``uncertain`` or ``not heard``; a method that cannot tell says ``aligned``.
    offset_s : np.ndarray [shape=(n_notes,)], optional
        Of a method that moves the ends, too; with others a note keeps its length.
    structure : tuple[tuple[float, float, float, float], ...]
        Stretches of the MIDI file in the order in which they are played: begin and end in the MIDI
        file, begin and end in the recording, in seconds. Empty if the method does not look for it.
    remarks : tuple[str, ...]
        Why the answer as a whole may be wrong.
    """

    onset_s: np.ndarray
    confidence: np.ndarray
    status: np.ndarray
    offset_s: np.ndarray | None = None
    structure: tuple[tuple[float, float, float, float], ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def heard(self) -> np.ndarray:
        """Whether each note was found, and is not just left somewhere [dtype=bool]."""
        return self.status != NOT_HEARD

    def take(self, rows: np.ndarray) -> Placement:
        """Return what is said of some notes, or of all in another order."""
        return replace(
            self,
            onset_s=self.onset_s[rows],
            confidence=self.confidence[rows],
            status=self.status[rows],
            offset_s=None if self.offset_s is None else self.offset_s[rows],
        )

    def ends_s(self, notes: pd.DataFrame) -> np.ndarray:
        """Return where the notes end, given the note table that was placed."""
        if self.offset_s is not None:
            return self.offset_s
        return self.onset_s + (notes["offset_s"] - notes["onset_s"]).to_numpy()


# A method that is ready to place notes (pitch, onset_s, offset_s, velocity) on one recording.
Aligner = Callable[[pd.DataFrame], Placement]


def placed(
    onset_s: np.ndarray, heard: np.ndarray | None = None, confidence: np.ndarray | None = None
) -> Placement:
    """Return the answer of a method that tells at most which notes it heard, and how surely."""
    if heard is None:
        heard = np.ones(len(onset_s), bool)
    if confidence is None:
        confidence = np.full(len(onset_s), np.nan)
    return Placement(onset_s, confidence, np.where(heard, ALIGNED, NOT_HEARD).astype(object))


def count_statuses(status: pd.Series) -> dict[str, int]:
    """Return the number of notes of each status; that of ``outside`` only if there are any."""
    found = status.value_counts()
    return {name: int(found.get(name, 0)) for name in STATUSES if name != OUTSIDE or name in found}
