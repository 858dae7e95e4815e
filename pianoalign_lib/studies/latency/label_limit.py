"""What accuracy the labels of a real piano allow, from the latencies of :mod:`.measure`.

Conventions
-----------
A *perfect aligner* puts every onset exactly where the sound begins. Scored against the labels, its
error is the latency, so the share of latencies within a tolerance is the most it can reach. What a
user could know may be taken off first (:data:`READINGS`). The groups are those of
:mod:`.summary`: the spread of the software pianos is that of the measuring and of their
attacks. Only isolated notes can be measured, and only recordings with enough of them count. Times
are in seconds, shares between 0 and 1; intervals are 95 % bootstrap intervals over recordings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ...scoring import bootstrap
from ...scoring.metrics import EPSILON_S
from .summary import SOFTWARE, enough, group_names, group_of, rank_correlation, velocity_band

TOLERANCES_MS = (5, 10, 25, 50)
# What is taken off the latencies before they are compared with a tolerance.
READINGS = {
    "raw": "nothing (raw)",
    "attack": "software pianos' median",
    "offset": "recording's median",
    "velocity": "recording's median and velocity curve",
    "weighted": "recording's median, velocities as in all notes",
}


def limits(
    latency: pd.DataFrame,
    *,
    tolerances_ms: Sequence[float] = TOLERANCES_MS,
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
) -> pd.DataFrame:
    """Return the share of notes a perfect aligner could place, per group and reading.

    Returns
    -------
    DataFrame
        group, reading, n_recordings, n_notes, and per tolerance T share_{T}ms with its interval
        share_{T}ms_lo and share_{T}ms_hi (NaN for a single recording).
    """
    found = residuals(latency)
    rows = []
    for group in group_names(found):
        notes = found[found["group"] == group]
        for reading in READINGS:
            weight = notes["weight"] if reading == "weighted" else pd.Series(1.0, notes.index)
            size = notes[f"{reading}_s"].abs().to_numpy()[:, None]
            hits = size <= np.array(tolerances_ms) / 1000 + EPSILON_S
            table = pd.DataFrame(hits * weight.to_numpy()[:, None]).assign(notes=weight.to_numpy())
            sums = table.groupby(notes["recording"].to_numpy()).sum().to_numpy()
            row = {"group": group, "reading": reading, "n_recordings": len(sums)}
            row["n_notes"] = len(notes)
            names = [f"share_{ms:g}ms" for ms in tolerances_ms]
            rows.append(row | _shares(names, sums, samples, seed))
    return pd.DataFrame(rows)


def residuals(latency: pd.DataFrame) -> pd.DataFrame:
    """Return the notes of :func:`enough` with what is left of their latency under each reading.

    Columns added: group, weight, and ``<reading>_s``. The velocity curve of a recording is fitted
    to every other note and applied to the rest, so that it cannot follow a note's own error.
    """
    bands = latency.sort_values(["recording", "note_id"], ignore_index=True)
    bands = bands.assign(band=velocity_band(bands["velocity"]))
    of_all = bands.groupby(["recording", "band"]).size()
    found = enough(bands)
    found = found.assign(group=group_of(found["test_set"]), raw_s=found["latency_s"])
    software = found.loc[found["group"] == SOFTWARE, "raw_s"]
    found["attack_s"] = found["raw_s"] - (software.median() if len(software) else 0.0)
    of_found = found.groupby(["recording", "band"])["raw_s"].transform("size")
    keys = pd.MultiIndex.from_frame(found[["recording", "band"]])
    found["weight"] = of_all.reindex(keys).to_numpy() / of_found
    parts = []
    for _, notes in found.groupby("recording", sort=True):
        rest_s = notes["raw_s"] - _fitted_curve(notes)
        centre_s = weighted_median(notes["raw_s"].to_numpy(), notes["weight"].to_numpy())
        parts.append(
            notes.assign(
                offset_s=notes["raw_s"] - notes["raw_s"].median(),
                velocity_s=rest_s - rest_s.median(),
                weighted_s=notes["raw_s"] - centre_s,
            )
        )
    return pd.concat(parts).drop(columns="band") if parts else found


def scored_by_sound(
    latency: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    condition: str = "note100",
    tolerance_ms: float = 10,
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
) -> pd.DataFrame:
    """Score methods on the measured notes against the labels and against the measured sound.

    Parameters
    ----------
    predictions : DataFrame
        Prediction frame (:mod:`.prediction_frames`) of one method or several.

    Returns
    -------
    DataFrame
        Per test set and method: n_recordings, n_notes, the shares of measured notes within the
        tolerance of their label (label), of their sound (sound), and of the sound within that of
        the label (limit), each with its interval; the share of the other notes of the same
        recordings within that of their label (others); always after removing each recording's
        median. Last the rank correlation of a method's errors with the latencies.
    """
    kinds = ["label", "sound", "limit"]
    within = tolerance_ms / 1000 + EPSILON_S
    heard = enough(latency)[["recording", "note_id", "latency_s"]]
    chosen = predictions[predictions["condition"] == condition]
    chosen = chosen[chosen["recording"].isin(heard["recording"])]
    both = chosen.merge(heard, on=["recording", "note_id"], how="left")
    both = both.assign(label=both["onset_s"] - both["onset_true_s"], limit=both["latency_s"])
    both["sound"] = both["label"] - both["limit"]
    both["heard"] = both["limit"].notna()
    keys = ["test_set", "method", "recording", "heard"]
    both[kinds] -= both.groupby(keys)[kinds].transform("median")
    rows = []
    for (test_set, method), part in both.groupby(["test_set", "method"], sort=True):
        notes, others = part[part["heard"]], part[~part["heard"]]
        hits = (notes[kinds].abs() <= within).astype(float).assign(notes=1.0)
        sums = hits.groupby(notes["recording"]).sum().to_numpy()
        rows.append(
            {"test_set": test_set, "method": method}
            | {"n_recordings": len(sums), "n_notes": len(notes)}
            | _shares(kinds, sums, samples, seed)
            | {"others": float((others["label"].abs() <= within).mean())}  # NaN: there are none
            | {"correlation": rank_correlation(notes["label"], notes["limit"])}
        )
    return pd.DataFrame(rows)


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the value at which half of the weight is reached, between the two if exactly half."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order]) / np.sum(weights)
    # Rounding must not decide whether exactly half is reached.
    middle = np.searchsorted(below, [0.5 - 1e-12, 0.5 + 1e-12]).clip(max=len(values) - 1)
    return float(values[order[middle]].mean())


def _shares(
    names: Sequence[str], sums: NDArray[np.float64], samples: int, seed: int
) -> dict[str, float]:
    """Return pooled shares with their intervals; `sums`: a recording's hits, and last its notes."""
    lo, hi = bootstrap.interval(sums[:, :-1], sums[:, -1], samples, seed)
    share = sums[:, :-1].sum(axis=0) / sums[:, -1].sum()
    values: dict[str, float] = {}
    for place, name in enumerate(names):
        values[name] = float(share[place])
        values[f"{name}_lo"], values[f"{name}_hi"] = float(lo[place]), float(hi[place])
    return values


def _fitted_curve(notes: pd.DataFrame) -> NDArray[np.float64]:
    """Return the latency a parabola of the velocity predicts, each half fitted to the other."""
    velocity = (notes["velocity"].to_numpy(float) - 64) / 64
    latency_s = notes["latency_s"].to_numpy(float)
    half = np.arange(len(notes)) % 2
    curve_s = np.empty(len(notes))
    for side in (0, 1):
        given, asked = half != side, half == side
        start = np.array([0.0, 0.0, np.median(latency_s[given])])

        def off(curve: NDArray, given: NDArray = given) -> NDArray:
            return np.polyval(curve, velocity[given]) - latency_s[given]

        # soft_l1: a wrong measurement must not bend the curve.
        curve = least_squares(off, start, loss="soft_l1", f_scale=0.005).x
        curve_s[asked] = np.polyval(curve, velocity[asked])
    return curve_s
