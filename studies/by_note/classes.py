"""Classes of notes: by velocity, and by the times to the neighbours on the same key."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_KEY = ["test_set", "recording", "pitch"]
# Edges of the classes, those of training/quiet; a class holds its lower edge and not its upper one.
VELOCITIES = (0, 25, 35, 50, 128)
GAPS_S = (0.0, 0.12, 0.25, 0.5, np.inf)
KINDS: dict[str, tuple[float, ...]] = {
    "velocity": VELOCITIES,
    "previous": GAPS_S,
    "next": GAPS_S,
}


def with_gaps(notes: pd.DataFrame) -> pd.DataFrame:
    """Return the notes of a prediction frame with the times to the neighbours on their key.

    The times are those of the true onsets, within a recording: what other keys do does not count.
    Two notes that begin together on one key are 0 s apart.

    Parameters
    ----------
    notes : DataFrame
        test_set, recording, note_id, pitch, onset_true_s; a note may stand in several rows (one per
        method and condition).

    Returns
    -------
    DataFrame
        The same rows with previous (seconds since the note before on the same key) and next
        (seconds to the one after); infinite where there is none.
    """
    names = ["test_set", "recording", "note_id"]
    once = notes.drop_duplicates(names).sort_values([*_KEY, "onset_true_s", "note_id"])
    onset_s = once.groupby(_KEY)["onset_true_s"]
    once = once.assign(
        previous=onset_s.diff().fillna(np.inf), next=(-onset_s.diff(-1)).fillna(np.inf)
    )
    return notes.merge(once[[*names, "previous", "next"]], on=names, validate="many_to_one")


def class_of(values: pd.Series, kind: str) -> NDArray[np.intp]:
    """Return the number of each value's class among those of a kind, from 0."""
    edges = KINDS[kind]
    place = np.searchsorted(edges, values.to_numpy(float), side="right") - 1
    return np.minimum(place, len(edges) - 2)  # infinitely far away is in the last


def class_label(kind: str, lower: float, upper: float) -> str:
    """Return the name of a class to print: "25–34", or "120–250 ms"."""
    if kind == "velocity":
        return f"{lower:g}–{min(upper - 1, 127):g}"
    if np.isinf(upper):
        return f"{1000 * lower:g} ms or more, or none"
    return f"below {1000 * upper:g} ms" if not lower else f"{1000 * lower:g}–{1000 * upper:g} ms"
