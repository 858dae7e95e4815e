"""Summaries of the latencies of :mod:`.measure`: by velocity and by microphone.

Test sets of real recordings are groups of their own; all others, of software pianos, are one: the
control, since their labels made the sound. Times are in seconds. Intervals are 95 % percentile
intervals of the bootstrap.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from pianoalign_lib.common.labels import REAL_SETS, set_label
from pianoalign_lib.scoring import bootstrap

VELOCITY_EDGES = (1, 30, 45, 55, 70, 85, 128)  # a band holds its lower edge, not its upper one
LEAST_NOTES = 20  # of a recording: with fewer, removing their median removes the spread as well
SOFTWARE = "software"
SAME_NOTE_S = 0.050  # labels of a note in two recordings of a piece, less their median difference
SOUND_M_PER_S = 343.0  # dry air at 20 °C


def grouped(latency: pd.DataFrame) -> pd.DataFrame:
    """Return the notes with their group (real ones first) and their band of velocities."""
    group = latency["test_set"].where(latency["test_set"].isin(REAL_SETS), SOFTWARE)
    bands = [f"{low}–{edge - 1}" for low, edge in pairwise(VELOCITY_EDGES)]
    return latency.assign(
        group=pd.Categorical(group, [*REAL_SETS, SOFTWARE], ordered=True),
        band=pd.cut(latency["velocity"], VELOCITY_EDGES, right=False, labels=bands),
    )


def group_label(group: str) -> str:
    """Return the name of a group to print."""
    return "Software pianos (control)" if group == SOFTWARE else set_label(group)


def enough(latency: pd.DataFrame) -> pd.DataFrame:
    """Return the measured notes of recordings with at least `LEAST_NOTES` of them."""
    measured = latency[latency["latency_s"].notna()]
    size = measured.groupby("recording")["latency_s"].transform("size")
    return measured[size >= LEAST_NOTES]


def software_zero_s(measured: pd.DataFrame) -> float:
    """Return the software pianos' median latency, the zero of a real piano's; 0 without any."""
    software_s = measured.loc[~measured["test_set"].isin(REAL_SETS), "latency_s"]
    return float(software_s.median()) if len(software_s) else 0.0


def summarise(latency: pd.DataFrame, key: str) -> pd.DataFrame:
    """Summarise the latency by a key, such as those of :func:`grouped`.

    Returns
    -------
    DataFrame
        The key; n_notes, n_isolated, n_measured; q1_s, median_s, q3_s; mean velocity and mean
        number of other notes sounding, of all notes and (suffix ``_measured``) of those measured.
    """
    of_measured = latency[["velocity", "sounding"]].where(latency["latency_s"].notna())
    both = latency.join(of_measured.add_suffix("_measured")).groupby(key, observed=True)
    quartiles = both["latency_s"].quantile(np.array([0.25, 0.5, 0.75])).unstack()
    counts = both.agg(
        n_notes=("latency_s", "size"),
        n_isolated=("isolated", "sum"),
        n_measured=("latency_s", "count"),
        velocity=("velocity", "mean"),
        velocity_measured=("velocity_measured", "mean"),
        sounding=("sounding", "mean"),
        sounding_measured=("sounding_measured", "mean"),
    )
    names = {0.25: "q1_s", 0.5: "median_s", 0.75: "q3_s"}
    return counts.join(quartiles.rename(columns=names)).reset_index()


def microphone_delay(
    latency: pd.DataFrame, samples: int = bootstrap.SAMPLES, seed: int = bootstrap.SEED
) -> pd.DataFrame:
    """Compare the pieces recorded with close and with ambient microphones, note by note.

    The two are different performances of the machine: notes are matched by pitch and order.

    Returns
    -------
    DataFrame
        Per piece, and as "all" their mean: n_notes measured in both, delay_s (median of ambient
        minus close) with its interval delay_lo_s and delay_hi_s (over notes; for "all" over pieces
        and their notes) and correlation (Spearman) of the latencies in the two recordings.
    """
    keyed = latency.sort_values(["recording", "onset_s", "note_id"])
    keyed = keyed.assign(order=keyed.groupby(["recording", "pitch"]).cumcount())
    close, ambient = (keyed[keyed["test_set"] == name] for name in REAL_SETS)
    both = close.merge(ambient, on=["performance", "pitch", "order"], suffixes=("", "_ambient"))
    both = both.dropna(subset=["latency_s", "latency_s_ambient"])
    apart_s = both["onset_s_ambient"] - both["onset_s"]
    apart_s -= apart_s.groupby(both["performance"]).transform("median")
    both = both[apart_s.abs() <= SAME_NOTE_S]
    rng, draws = np.random.default_rng(seed), []
    rows: list[list] = []
    for piece, notes in both.groupby("performance", sort=True):
        delay_s = (notes["latency_s_ambient"] - notes["latency_s"]).to_numpy()
        picks = rng.integers(len(delay_s), size=(samples, len(delay_s)))
        draws.append(np.median(delay_s[picks], axis=1))
        agree = rank_correlation(notes["latency_s"], notes["latency_s_ambient"])
        rows.append([piece, len(notes), np.median(delay_s), *bootstrap.bounds(draws[-1]), agree])
    if rows:
        picks = rng.integers(len(draws), size=(samples, len(draws)))
        pooled = np.stack(draws)[picks, np.arange(samples)[:, None]].mean(axis=1)
        mean_s = np.mean([row[2] for row in rows])
        rows.append(["all", len(both), mean_s, *bootstrap.bounds(pooled), np.nan])
    columns = ["performance", "n_notes", "delay_s", "delay_lo_s", "delay_hi_s", "correlation"]
    return pd.DataFrame(rows, columns=columns)


def rank_correlation(one: pd.Series, other: pd.Series) -> float:
    """Return Spearman's rank correlation; NaN if one of the two is constant."""
    if one.nunique() < 2 or other.nunique() < 2:
        return float("nan")
    return float(one.corr(other, method="spearman"))
