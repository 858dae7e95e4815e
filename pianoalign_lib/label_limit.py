"""What accuracy the labels of a real piano allow, from the latencies of :mod:`.latency`.

Conventions
-----------
A *perfect aligner* puts every onset exactly where the sound begins. Scored against the labels, its
error is the latency, so the share of latencies within a tolerance is the most it can reach. What a
user could know may be taken off first (:data:`READINGS`). Software pianos, whose labels made the
sound, are the control: their spread is that of the measuring and of the pianos' own attacks.

Only isolated notes can be measured, and only recordings with at least 20 of them count. Times are
in seconds, shares between 0 and 1; intervals are 95 % bootstrap intervals over recordings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

from . import bootstrap
from .labels import REAL_SETS
from .metrics import EPSILON_S

TOLERANCES_MS = (5, 10, 25, 50)
VELOCITY_EDGES = (1, 30, 45, 55, 70, 85, 128)  # a band holds its lower edge, not its upper one
LEAST_NOTES = 20  # of a recording: with fewer, removing their median removes the spread as well
SOFTWARE = "software"  # all test sets that are no real recordings
SOUND_M_PER_S = 343.0  # dry air at 20 °C
# What is taken off the latencies before they are compared with a tolerance.
READINGS = {
    "raw": "nothing (raw)",
    "attack": "software pianos' median",
    "offset": "recording's median",
    "velocity": "recording's median and velocity curve",
    "weighted": "recording's median, velocities as in all notes",
}


def group_of(test_set: pd.Series) -> pd.Series:
    """Return each note's group: its test set if that is real, else `SOFTWARE`."""
    return test_set.where(test_set.isin(REAL_SETS), SOFTWARE)


def group_names(latency: pd.DataFrame) -> list[str]:
    """Return the groups that occur, real ones first."""
    found = set(group_of(latency["test_set"]))
    return [name for name in (*REAL_SETS, SOFTWARE) if name in found]


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
    keyed = latency.assign(group=group_of(latency["test_set"]), band=_band(latency["velocity"]))
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
    bands = latency.assign(band=_band(latency["velocity"]))
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
        Per test set and method: n_recordings, n_notes, the shares of notes within the tolerance of
        their label (label), of their sound (sound), and of the sound within that of the label
        (limit), each with its interval and after removing each recording's median, and the rank
        correlation of a method's errors with the latencies, both less their recording's median.
    """
    chosen = predictions[predictions["condition"] == condition]
    notes = enough(latency)[["test_set", "recording", "note_id", "latency_s"]]
    both = notes.merge(chosen, on=["test_set", "recording", "note_id"])
    both["label_s"] = both["onset_s"] - both["onset_true_s"]
    both["sound_s"] = both["label_s"] - both["latency_s"]
    both["limit_s"] = both["latency_s"]
    kinds = ["label_s", "sound_s", "limit_s"]
    keys = ["test_set", "method", "recording"]
    both[kinds] -= both.groupby(keys)[kinds].transform("median")
    rows = []
    for (test_set, method), part in both.groupby(["test_set", "method"], sort=True):
        hits = (part[kinds].abs() <= tolerance_ms / 1000 + EPSILON_S).assign(notes=1.0)
        sums = hits.astype(float).groupby(part["recording"]).sum().to_numpy()
        row = {"test_set": test_set, "method": method, "n_recordings": len(sums)}
        row["n_notes"] = len(part)
        row |= _shares(["label", "sound", "limit"], sums, samples, seed)
        row["correlation"] = part["label_s"].corr(part["limit_s"], method="spearman")
        rows.append(row)
    return pd.DataFrame(rows)


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the value at which half of the weight is reached, between the two if exactly half."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order]) / np.sum(weights)
    first = np.searchsorted(below, 0.5 - 1e-12)
    second = np.searchsorted(below, 0.5 + 1e-12)
    return float(values[order[[first, min(second, len(values) - 1)]]].mean())


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
    rng, rows, draws = np.random.default_rng(seed), [], []
    for piece, notes in both.groupby("performance", sort=True):
        delay_s = (notes["latency_s_ambient"] - notes["latency_s"]).to_numpy()
        picks = rng.integers(len(delay_s), size=(samples, len(delay_s)))
        draws.append(np.median(delay_s[picks], axis=1))
        agree = notes["latency_s"].corr(notes["latency_s_ambient"], method="spearman")
        rows.append(_delay(str(piece), len(notes), float(np.median(delay_s)), draws[-1], agree))
    if rows:
        picks = rng.integers(len(draws), size=(samples, len(draws)))
        pooled = np.stack(draws)[picks, np.arange(samples)[:, None]].mean(axis=1)
        middle = float(np.mean([row["delay_s"] for row in rows]))
        rows.append(_delay("all", sum(row["n_notes"] for row in rows), middle, pooled, np.nan))
    return pd.DataFrame(rows)


def _shares(
    names: Sequence[str], sums: NDArray[np.float64], samples: int, seed: int
) -> dict[str, float]:
    """Return pooled shares with their intervals; `sums`: a recording's hits, and last its notes."""
    lo, hi = bootstrap.interval(sums[:, :-1], sums[:, -1], samples, seed)
    share = sums[:, :-1].sum(axis=0) / sums[:, -1].sum()
    values = {}
    for place, name in enumerate(names):
        values |= {name: share[place], f"{name}_lo": lo[place], f"{name}_hi": hi[place]}
    return {name: float(value) for name, value in values.items()}


def _delay(piece: str, n_notes: int, delay_s: float, draws: NDArray, agree: float) -> dict:
    values = dict(zip(("", "_lo", "_hi"), (delay_s, *map(float, bootstrap.bounds(draws)))))
    return {
        "performance": piece,
        "n_notes": n_notes,
        **{f"delay{end}_s": value for end, value in values.items()},
        **{f"distance{end}_m": SOUND_M_PER_S * value for end, value in values.items()},
        "correlation": agree,
    }


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


def _band(velocity: pd.Series) -> NDArray[np.int64]:
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
