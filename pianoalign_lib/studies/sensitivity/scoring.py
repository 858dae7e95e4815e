"""Scores under other readings of the metric, and their summary over recordings.

Conventions
-----------
A *tally* is what one recording says of one method under one reading: for each tolerance the hits
and what they are a share of, both integers, so that recordings can be pooled and drawn anew. As in
:mod:`.scoring.metrics` a tolerance includes its bound. Where single notes have no error
(scores by matching, lost notes counted as wrong) `errors_s` is empty or infinite for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...common.errors import ConfigError
from ...scoring import bootstrap
from ...scoring.metrics import EPSILON_S, count_hits
from .bench import Placed
from .readings import Reading

TOLERANCES_MS = (5, 10, 25, 50)
INTERVAL_MS = 10


@dataclass(frozen=True)
class Tally:
    """Counts of one recording; `hits` and `counted` hold one number per tolerance."""

    n_notes: int
    lost: int
    hits: list[int]
    counted: list[int]
    errors_s: list[float]


def tally(reading: Reading, notes: pd.DataFrame, found: Placed) -> Tally:
    """Count the hits of one method in one recording.

    Parameters
    ----------
    reading
        Its `lost` and `scoring` count.
    notes
        The true note table, in the row order of `found`.

    Raises
    ------
    ConfigError
        If the reading's rules are unknown, or ask for onsets of a method that extracts none.
    """
    lost = int(np.count_nonzero(~found.placed))
    if reading.scoring != "identity":
        hits, counted = _matched(reading.scoring, notes, found)
        return Tally(len(notes), lost, hits, counted, [])
    errors_s = np.abs(found.onset_s - notes["onset_s"].to_numpy())
    if reading.lost == "left_out":
        errors_s = errors_s[found.placed]
    elif reading.lost == "wrong":
        errors_s = np.where(found.placed, errors_s, np.inf)
    elif reading.lost != "kept":
        raise ConfigError(
            f"unknown rule for lost notes '{reading.lost}'; use kept, wrong, left_out"
        )
    hits = count_hits(errors_s, TOLERANCES_MS).tolist()
    return Tally(len(notes), lost, hits, [len(errors_s)] * len(hits), errors_s.tolist())


def _matched(scoring: str, notes: pd.DataFrame, found: Placed) -> tuple[list[int], list[int]]:
    if scoring == "rematched":
        pitch, onset_s = notes["pitch"].to_numpy(), found.onset_s
    elif scoring not in SHARES:
        raise ConfigError(f"unknown scoring '{scoring}'; use identity or {', '.join(SHARES)}")
    elif found.detected is None:
        raise ConfigError(f"scoring '{scoring}' needs a network, which extracts onsets")
    else:
        pitch, onset_s = found.detected.pitch, found.detected.onset_s
    true = notes["pitch"].to_numpy(), notes["onset_s"].to_numpy()
    right = [count_matched(*true, pitch, onset_s, ms / 1000) for ms in TOLERANCES_MS]
    shares = [SHARES[scoring](value, len(notes), len(onset_s)) for value in right]
    return [hits for hits, _ in shares], [counted for _, counted in shares]


# From matched, true and predicted onsets to hits and what they are a share of.
SHARES: dict[str, Callable[[int, int, int], tuple[int, int]]] = {
    "rematched": lambda right, true, found: (right, true),
    "recall": lambda right, true, found: (right, true),
    "precision": lambda right, true, found: (right, found),
    "f1": lambda right, true, found: (2 * right, true + found),
    "jaccard": lambda right, true, found: (right, true + found - right),
}


def count_matched(
    pitch_true: np.ndarray,
    onset_true_s: np.ndarray,
    pitch: np.ndarray,
    onset_s: np.ndarray,
    tolerance_s: float,
) -> int:
    """Return how many true onsets can be given a predicted one of their own, of the same pitch.

    As many as mir_eval's optimal matching finds, without its rounding to 0.1 ms: on a line, taking
    both sides in order and dropping the earlier of two that do not match is optimal.
    """
    right, bound_s = 0, tolerance_s + EPSILON_S
    for p in np.unique(pitch_true):
        true_s = np.sort(onset_true_s[pitch_true == p]).tolist()
        found_s = np.sort(onset_s[pitch == p]).tolist()
        while true_s and found_s:
            gap_s = true_s[-1] - found_s[-1]
            right += abs(gap_s) <= bound_s
            if gap_s >= -bound_s:  # the true one is later, or both match
                true_s.pop()
            if gap_s <= bound_s:
                found_s.pop()
    return right


def summarise(
    tallies: Iterable[tuple[Reading, str, list[Tally]]], samples: int, seed: int
) -> pd.DataFrame:
    """Pool tallies over recordings: one row per reading and method.

    Parameters
    ----------
    tallies
        A reading, a method and its tallies, one per recording and always in the same order.
    samples, seed
        Of the bootstrap over recordings.

    Returns
    -------
    pandas.DataFrame
        Columns question, reading, label, method, is_ours, n_recordings, n_notes, acc_{T}ms (pooled
        share), acc_10ms_lo and acc_10ms_hi (95 % interval), median_abs_error_s (NaN if single notes
        have no error) and lost_share.
    """
    rows = []
    for reading, method, parts in tallies:
        hits, counted = (np.array([getattr(part, name) for part in parts])
                         for name in ("hits", "counted"))  # fmt: skip
        place = TOLERANCES_MS.index(INTERVAL_MS)
        lo, hi = bootstrap.interval(hits[:, place], counted[:, place], samples, seed)
        errors_s = np.concatenate([part.errors_s for part in parts])
        notes = sum(part.n_notes for part in parts)
        rows.append(
            {
                "question": reading.question,
                "reading": reading.key,
                "label": reading.label,
                "method": method,
                "is_ours": reading.is_ours,
                "n_recordings": len(parts),
                "n_notes": notes,
                **{
                    f"acc_{ms}ms": hits[:, index].sum() / max(counted[:, index].sum(), 1)
                    for index, ms in enumerate(TOLERANCES_MS)
                },
                f"acc_{INTERVAL_MS}ms_lo": float(lo),
                f"acc_{INTERVAL_MS}ms_hi": float(hi),
                "median_abs_error_s": float(np.median(errors_s)) if len(errors_s) else np.nan,
                "lost_share": sum(part.lost for part in parts) / notes,
            }
        )
    return pd.DataFrame(rows)
