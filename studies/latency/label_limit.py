"""What accuracy the labels of a real piano allow, from the latencies of :mod:`.measure`.

A *perfect aligner* puts every onset exactly where the sound begins. Scored against the labels, its
error is the latency, so the share of latencies within a tolerance is the most it can reach. What a
user could know may be taken off first (:data:`READINGS`). Only isolated notes can be measured, and
only recordings with enough of them count. Times are in seconds, shares between 0 and 1; intervals
are 95 % bootstrap intervals over recordings.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

from pianoalign_lib.scoring import bootstrap
from pianoalign_lib.scoring.metrics import EPSILON_S

from .summary import SOFTWARE, enough, grouped, rank_correlation, software_zero_s

TOLERANCES_MS = (5, 10, 25, 50)
KINDS = ["label", "sound", "limit"]
WITHIN_S = 0.010 + EPSILON_S
# What is taken off the latencies before they are compared with a tolerance.
READINGS = {
    "raw": "nothing (raw)",
    "attack": "software pianos' median",
    "offset": "recording's median",
    "velocity": "recording's median and velocity curve",
    "weighted": "recording's median, velocities as in all notes",
}


def limits(
    latency: pd.DataFrame, samples: int = bootstrap.SAMPLES, seed: int = bootstrap.SEED
) -> pd.DataFrame:
    """Return the share of notes a perfect aligner could place, per group and reading.

    Returns
    -------
    DataFrame
        group, reading, n_recordings, n_notes, and per tolerance T share_{T}ms with its interval
        share_{T}ms_lo and share_{T}ms_hi (NaN for a single recording).
    """
    rows = []
    for group, weighted in residuals(latency).groupby("group", observed=True):
        for reading in READINGS:
            notes = weighted if reading == "weighted" else weighted.assign(weight=1.0)
            size_s = notes[f"{reading}_s"].abs()
            hits = {f"share_{ms}ms": size_s <= ms / 1000 + EPSILON_S for ms in TOLERANCES_MS}
            row = {"group": group, "reading": reading}
            rows.append(row | _shares(pd.DataFrame(hits), notes, samples, seed))
    return pd.DataFrame(rows)


def residuals(latency: pd.DataFrame) -> pd.DataFrame:
    """Return the notes of :func:`enough` with what is left of their latency under each reading.

    Columns added: group, weight, and ``<reading>_s``. The velocity curve of a recording is fitted
    to every other note and applied to the rest, so that it cannot follow a note's own error.
    """
    band = ["recording", "band"]
    found = grouped(latency).sort_values(["recording", "note_id"], ignore_index=True)
    found["weight"] = found.groupby(band, observed=True)["note_id"].transform("size")
    found = enough(found)
    zero_s = software_zero_s(found)
    found = found.rename(columns={"latency_s": "raw_s"})
    found["weight"] /= found.groupby(band, observed=True)["raw_s"].transform("size")
    found["attack_s"] = found["raw_s"] - zero_s
    parts = []
    for _, notes in found.groupby("recording", sort=True):
        raw_s = notes["raw_s"]
        rest_s = raw_s - _fitted_curve(notes["velocity"].to_numpy(float), raw_s.to_numpy())
        parts.append(
            notes.assign(
                offset_s=raw_s - raw_s.median(),
                velocity_s=rest_s - rest_s.median(),
                weighted_s=raw_s - weighted_median(raw_s.to_numpy(), notes["weight"].to_numpy()),
            )
        )
    return pd.concat(parts) if parts else found


def scored_by_sound(
    latency: pd.DataFrame,
    predictions: pd.DataFrame,
    condition: str = "note100",
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
) -> pd.DataFrame:
    """Score methods on the measured notes against the labels and against the measured sound.

    `predictions` are those of one method or several (:mod:`.prediction_frames`).

    Returns
    -------
    DataFrame
        Per test set and method: n_recordings, n_notes, the shares of measured notes within 10 ms
        of their label (label), of their sound (sound), and of the sound within that of the label
        (limit), each with its interval; the share of the other notes of the same recordings within
        that of their label (others); all after removing each recording's median, but for label_raw
        and sound_raw, of which the second takes the software pianos' median for zero (reading
        "attack"). Last the rank correlation of a method's errors with the latencies.
    """
    both = errors_by_sound(latency, predictions, condition)
    rows = []
    for (test_set, method), part in both.groupby(["test_set", "method"], sort=True):
        notes, others = part[part["heard"]], part[~part["heard"]]
        hits = notes[[*KINDS, "label_raw", "sound_raw"]].abs() <= WITHIN_S
        rows.append(
            {"test_set": test_set, "method": method}
            | _shares(hits, notes.assign(weight=1.0), samples, seed)
            | {"others": float((others["label"].abs() <= WITHIN_S).mean())}  # NaN: there are none
            | {"correlation": rank_correlation(notes["label"], notes["limit"])}
        )
    return pd.DataFrame(rows)


def errors_by_sound(
    latency: pd.DataFrame, predictions: pd.DataFrame, condition: str = "note100"
) -> pd.DataFrame:
    """Return the predictions of recordings with enough measured notes, with errors in seconds.

    Columns added: heard (measured), label (error against the label), limit (the sound's), sound
    (error against the sound), each after removing the recording's median over notes alike; and
    label_raw and sound_raw without that, where the software pianos' median is the sound's zero.
    """
    heard = enough(latency)
    zero_s = software_zero_s(heard)
    heard = heard[["recording", "note_id", "latency_s"]]
    chosen = predictions[predictions["condition"] == condition]
    chosen = chosen[chosen["recording"].isin(heard["recording"])]
    both = chosen.merge(heard, on=["recording", "note_id"], how="left")
    both = both.assign(label=both["onset_s"] - both["onset_true_s"], limit=both["latency_s"])
    both["sound"] = both["label"] - both["limit"]
    both["heard"] = both["limit"].notna()
    both = both.assign(label_raw=both["label"], sound_raw=both["sound"] + zero_s)
    keys = ["test_set", "method", "recording", "heard"]
    both[KINDS] -= both.groupby(keys)[KINDS].transform("median")
    return both


def scores_by_sound(
    latency: pd.DataFrame, predictions: pd.DataFrame, condition: str = "note100"
) -> pd.DataFrame:
    """Score every recording against the measured sound, in the form of the scores by labels.

    Columns: test_set, method, condition, calibrated (always), recording, performance, n_notes
    (measured ones) and acc_10ms.
    """
    both = errors_by_sound(latency, predictions, condition)
    heard = both[both["heard"]].assign(acc_10ms=lambda rows: rows["sound"].abs() <= WITHIN_S)
    keys = ["test_set", "method", "condition", "recording", "performance"]
    found = heard.groupby(keys)["acc_10ms"].agg(n_notes="size", acc_10ms="mean")
    return found.reset_index().assign(calibrated=True)


def perfect_shares(limits: pd.DataFrame) -> dict[str, float]:
    """Return what a perfect aligner has within 10 ms of the labels, raw, by real test set."""
    raw = limits[(limits["reading"] == "raw") & (limits["group"].astype(str) != SOFTWARE)]
    return dict(zip(raw["group"].astype(str), raw["share_10ms"], strict=True))


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the value at which half of the weight is reached, between the two if exactly half."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order]) / np.sum(weights)
    # Rounding must not decide whether exactly half is reached.
    middle = np.searchsorted(below, [0.5 - 1e-12, 0.5 + 1e-12]).clip(max=len(values) - 1)
    return float(values[order[middle]].mean())


def _shares(hits: pd.DataFrame, notes: pd.DataFrame, samples: int, seed: int) -> dict[str, float]:
    """Return the sizes and, per column of `hits`, the pooled share with its interval.

    `notes` holds the recording and the weight of each row of `hits`.
    """
    table = hits.assign(weight=1.0).mul(notes["weight"], axis=0)
    sums = table.groupby(notes["recording"]).sum().to_numpy()
    lo, hi = bootstrap.interval(sums[:, :-1], sums[:, -1], samples, seed)
    share = sums[:, :-1].sum(axis=0) / sums[:, -1].sum()
    values: dict[str, float] = {"n_recordings": len(sums), "n_notes": len(hits)}
    for name, *found in zip(hits.columns, share, lo, hi, strict=True):
        values |= dict(zip((name, f"{name}_lo", f"{name}_hi"), found, strict=True))
    return values


def _fitted_curve(
    velocity: NDArray[np.float64], latency_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the latency a parabola of the velocity predicts, each half fitted to the other."""
    velocity = (velocity - 64) / 64
    curve_s = np.empty(len(velocity))
    even, odd = slice(0, None, 2), slice(1, None, 2)
    for given, asked in ((odd, even), (even, odd)):

        def off(curve: NDArray, given: slice = given) -> NDArray:
            return np.polyval(curve, velocity[given]) - latency_s[given]

        # soft_l1: a wrong measurement must not bend the curve.
        start = [0.0, 0.0, np.median(latency_s[given])]
        curve = least_squares(off, start, loss="soft_l1", f_scale=0.005).x
        curve_s[asked] = np.polyval(curve, velocity[asked])
    return curve_s
