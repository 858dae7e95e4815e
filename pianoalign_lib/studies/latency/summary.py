"""Summaries of the latencies of :mod:`.measure`: by velocity, recording and microphone.

Test sets of real recordings are groups of their own; all others, of software pianos, are one: the
control, since their labels made the sound. Times are in seconds. Intervals are 95 % percentile
intervals of the bootstrap.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.labels import REAL_SETS, set_label
from ...scoring import bootstrap

VELOCITY_EDGES = (1, 30, 45, 55, 70, 85, 128)  # a band holds its lower edge, not its upper one
LEAST_NOTES = 20  # of a recording: with fewer, removing their median removes the spread as well
SOFTWARE = "software"
SAME_NOTE_S = 0.050  # labels of a note in two recordings of a piece, less their median difference
SOUND_M_PER_S = 343.0  # dry air at 20 °C


def group_of(test_set: pd.Series) -> pd.Series:
    """Return each note's group: its test set if that is real, else `SOFTWARE`."""
    return test_set.where(test_set.isin(REAL_SETS), SOFTWARE)


def group_names(latency: pd.DataFrame) -> list[str]:
    """Return the groups that occur, real ones first."""
    found = set(group_of(latency["test_set"]))
    return [name for name in (*REAL_SETS, SOFTWARE) if name in found]


def group_label(group: str) -> str:
    """Return the name of a group to print."""
    return "Software pianos (control)" if group == SOFTWARE else set_label(group)


def enough(latency: pd.DataFrame) -> pd.DataFrame:
    """Return the measured notes of recordings with at least `LEAST_NOTES` of them."""
    measured = latency[latency["latency_s"].notna()]
    size = measured.groupby("recording")["latency_s"].transform("size")
    return measured[size >= LEAST_NOTES]


def by_velocity(latency: pd.DataFrame) -> pd.DataFrame:
    """Summarise the latency of each group and velocity band.

    Returns
    -------
    DataFrame
        group, velocity_from, velocity_to (inclusive), n_notes, n_isolated, n_measured, q1_s,
        median_s, q3_s.
    """
    keyed = latency.assign(
        group=group_of(latency["test_set"]), band=velocity_band(latency["velocity"])
    )
    rows = _summary(keyed, ["group", "band"])
    edges = np.array(VELOCITY_EDGES)
    rows.insert(1, "velocity_from", edges[rows["band"]])
    rows.insert(2, "velocity_to", edges[rows["band"] + 1] - 1)
    return rows.drop(columns="band")


def by_recording(latency: pd.DataFrame) -> pd.DataFrame:
    """Summarise the latency of each recording (columns as in :func:`by_velocity`)."""
    keyed = latency.assign(group=group_of(latency["test_set"]))
    return _summary(keyed, ["group", "recording", "performance", "piano"])


def coverage(latency: pd.DataFrame) -> pd.DataFrame:
    """Say how many notes of each group were measured and how they differ from all of them.

    Returns
    -------
    DataFrame
        Per group the counts, and mean velocity and mean number of other notes sounding, of all
        notes and of the measured ones (suffix ``_measured``).
    """
    keyed = latency.assign(group=group_of(latency["test_set"]))
    rows = _summary(keyed, ["group"]).set_index("group")
    for name in ("velocity", "sounding"):
        rows[name] = keyed.groupby("group")[name].mean()
        measured = keyed[keyed["latency_s"].notna()]
        rows[f"{name}_measured"] = measured.groupby("group")[name].mean()
    return rows.reset_index()


def microphone_delay(
    latency: pd.DataFrame, *, samples: int = bootstrap.SAMPLES, seed: int = bootstrap.SEED
) -> pd.DataFrame:
    """Compare the pieces recorded with close and with ambient microphones, note by note.

    The two are different performances of the machine: notes are matched by pitch and order.

    Returns
    -------
    DataFrame
        Per piece, and as "all" their mean: n_notes measured in both, delay_s (median of ambient
        minus close) with its interval (over notes; for "all" over pieces and their notes),
        distance_m, how much farther sound travels in that time, with interval, and correlation
        (Spearman) of the latencies of one recording with those of the other.
    """
    keyed = latency.sort_values(["recording", "onset_s", "note_id"])
    keyed = keyed.assign(order=keyed.groupby(["recording", "pitch"]).cumcount())
    close, ambient = (keyed[keyed["test_set"] == name] for name in REAL_SETS)
    both = close.merge(ambient, on=["performance", "pitch", "order"], suffixes=("", "_ambient"))
    both = both.dropna(subset=["latency_s", "latency_s_ambient"])
    apart_s = both["onset_s_ambient"] - both["onset_s"]
    apart_s -= apart_s.groupby(both["performance"]).transform("median")
    both = both[apart_s.abs() <= SAME_NOTE_S]
    rng, rows, draws = np.random.default_rng(seed), [], []
    for piece, notes in both.groupby("performance", sort=True):
        delay_s = (notes["latency_s_ambient"] - notes["latency_s"]).to_numpy()
        picks = rng.integers(len(delay_s), size=(samples, len(delay_s)))
        draws.append(np.median(delay_s[picks], axis=1))
        agree = rank_correlation(notes["latency_s"], notes["latency_s_ambient"])
        rows.append(_delay(str(piece), len(notes), float(np.median(delay_s)), draws[-1], agree))
    if rows:
        picks = rng.integers(len(draws), size=(samples, len(draws)))
        pooled = np.stack(draws)[picks, np.arange(samples)[:, None]].mean(axis=1)
        middle = float(np.mean([row["delay_s"] for row in rows]))
        rows.append(_delay("all", sum(row["n_notes"] for row in rows), middle, pooled, np.nan))
    return pd.DataFrame(rows)


def _delay(piece: str, n_notes: int, delay_s: float, draws: NDArray, agree: float) -> dict:
    values = dict(
        zip(("", "_lo", "_hi"), (delay_s, *map(float, bootstrap.bounds(draws))), strict=True)
    )
    return {
        "performance": piece,
        "n_notes": n_notes,
        **{f"delay{end}_s": value for end, value in values.items()},
        **{f"distance{end}_m": SOUND_M_PER_S * value for end, value in values.items()},
        "correlation": agree,
    }


def rank_correlation(one: pd.Series, other: pd.Series) -> float:
    """Return Spearman's rank correlation; NaN if one of the two is constant."""
    if one.nunique() < 2 or other.nunique() < 2:
        return float("nan")
    return float(one.corr(other, method="spearman"))


def velocity_band(velocity: pd.Series) -> NDArray[np.int64]:
    """Return the place of each velocity's band in `VELOCITY_EDGES`."""
    last = len(VELOCITY_EDGES) - 2
    return np.clip(np.searchsorted(VELOCITY_EDGES, velocity, side="right") - 1, 0, last)


def _summary(keyed: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    rows = keyed.groupby(keys, sort=True).agg(
        n_notes=("latency_s", "size"),
        n_isolated=("isolated", "sum"),
        n_measured=("latency_s", "count"),
        q1_s=("latency_s", lambda values: values.quantile(0.25)),
        median_s=("latency_s", "median"),
        q3_s=("latency_s", lambda values: values.quantile(0.75)),
    )
    rows = rows.reset_index()
    order = {name: place for place, name in enumerate((*REAL_SETS, SOFTWARE))}
    return rows.sort_values("group", key=lambda names: names.map(order), kind="stable").reset_index(
        drop=True
    )
