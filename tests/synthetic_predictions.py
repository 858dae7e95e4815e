"""Prediction frames made by a seeded generator, for the tests of metrics, tables and figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Spread (seconds) of a method's errors under random timing errors and otherwise.
SPREAD = {
    "dtw": 0.050, "crnn": 0.008, "hybrid": 0.007, "cnn": 0.020, "gru": 0.009,
    "lstm_uni": 0.012, "crnn_cqt": 0.010, "crnn_logmel": 0.009, "crnn_mel": 0.012,
    "crnn_50fps": 0.011, "crnn_200fps": 0.008,
}  # fmt: skip
TEMPOS = [-20, -15, -10, -5, -2, -1, 1, 2, 5, 10, 15, 20]


def perturbed(onset_s: np.ndarray, condition: str, rng: np.random.Generator) -> np.ndarray:
    """Return onsets with the timing errors that a condition's name says."""
    out = onset_s.copy()
    for part in condition.split("_"):
        if part.startswith("note"):
            out = out + rng.uniform(-1, 1, len(out)) * float(part[4:]) / 1000
        elif part.startswith("tempo"):
            out = out * (1 + float(part[5:]) / 100)
        elif part.startswith("drift"):
            out = out + 0.5 * np.sin(out / 9)
        elif part.startswith("offset"):
            out = out + float(part[6:].split("-")[0])
    return out


def predictions(
    methods: list[str],
    conditions: list[str],
    test_sets: tuple[str, ...] = ("test",),
    recordings: int = 5,
    notes: int = 60,
    seed: int = 0,
) -> pd.DataFrame:
    """Return predictions of `methods`: the same recordings and inputs for each of them."""
    frames = []
    for test_set in test_sets:
        for index in range(recordings):
            rng = np.random.default_rng([seed, index])
            true = np.sort(rng.uniform(0, notes / 8, notes))
            pitch = rng.integers(40, 80, notes)
            for condition in conditions:
                given = perturbed(true, condition, rng)
                for method in methods:
                    placed = rng.uniform(size=notes) > (0 if method == "none" else 0.03)
                    spread = SPREAD.get(method, 0)
                    if method == "crnn" and condition.startswith("tempo"):
                        spread = 0.5
                    if condition == "exact" and method == "dtw":
                        spread = 0.012
                    sure = np.full(notes, np.nan)
                    if method.startswith("localizer"):
                        spread, sure = 0.003, rng.uniform(size=notes)
                    found = given if method == "none" else true + rng.normal(0, spread, notes)
                    frames.append(
                        pd.DataFrame(
                            {
                                "test_set": test_set,
                                "recording": f"piece{index}",
                                "performance": f"performance{index // 2}",
                                "method": method,
                                "condition": condition,
                                "note_id": np.arange(notes),
                                "pitch": pitch,
                                "velocity": 64,
                                "onset_true_s": true,
                                "onset_in_s": given,
                                "onset_s": np.where(placed, found, given),
                                "confidence": sure.astype(np.float32),
                                "placed": placed,
                            }
                        )
                    )
    return pd.concat(frames, ignore_index=True)
