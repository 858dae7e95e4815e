"""What the localizer's confidence is worth by velocity, against the labels and against the sound.

The confidence is the chance of being right within 10 ms of where a note sounds. Labels of a real
piano lie elsewhere (``studies/latency``), so there it is also held against the measured sound of
those notes that could be measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pandas as pd

from companion.reliability import calibration_error, reliability
from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.labels import REAL_SETS
from pianoalign_lib.scoring import bootstrap
from pianoalign_lib.scoring.metrics import EPSILON_S
from studies.latency.summary import enough, software_zero_s

from .classes import VELOCITIES

CONFIDENCE = "confidence_by_velocity.csv"
TOLERANCE_S = 0.010
ALL = (VELOCITIES[0], VELOCITIES[-1])
# What an onset is held against; the last two are for measured notes alone.
REFERENCES = {
    "label": "the label",
    "label_calibrated": "the label, offset-calibrated",
    "measured_label": "the label, measured notes",
    "sound": "the sound, measured notes",
}
COLUMNS = ("test_set", "reference", "lower", "upper", "n_notes", "confidence", "right")


def confidence_by_velocity(
    predictions: pd.DataFrame,
    latency: pd.DataFrame | None = None,
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
) -> pd.DataFrame:
    """Compare confidence and the share of notes right within 10 ms, by velocity.

    Parameters
    ----------
    predictions : DataFrame
        Of one method and condition, with confidences; notes it did not place are left out.
    latency : DataFrame, optional
        What ``studies/latency`` measured. The sound of a real piano's note begins its latency after
        its label, less the median latency of the software pianos: what a network that was trained
        on such pianos takes for zero.

    Returns
    -------
    DataFrame
        One row per test_set, reference (:data:`REFERENCES`) and class of velocity, all of them
        (:data:`ALL`) first: n_recordings, n_notes, confidence (mean), right (share) with its
        interval right_lo and right_hi, calibration_error (weighted mean over ten bins).
    """
    rows = []
    for reference, notes in _references(predictions, latency):
        placed = notes[notes["placed"].astype(bool)]
        off_s = (placed["onset_s"] - placed["onset_true_s"]).abs()
        placed = placed.assign(right=off_s <= TOLERANCE_S + EPSILON_S)
        for test_set, part in placed.groupby("test_set", sort=True):
            for lower, upper in (ALL, *pairwise(VELOCITIES)):
                inside = part[part["velocity"].ge(lower) & part["velocity"].lt(upper)]
                if len(inside):
                    row = {"test_set": test_set, "reference": reference}
                    row |= {"lower": lower, "upper": upper}
                    rows.append(row | _worth(inside, samples, seed))
    columns = [*COLUMNS, "n_recordings", "right_lo", "right_hi", "calibration_error"]
    return pd.DataFrame(rows, columns=columns)


def _references(
    predictions: pd.DataFrame, latency: pd.DataFrame | None
) -> Iterable[tuple[str, pd.DataFrame]]:
    """Yield each reference and the predictions with its onsets for the true ones."""
    yield "label", predictions
    error_s = predictions["onset_s"] - predictions["onset_true_s"]
    median_s = error_s.groupby([predictions["test_set"], predictions["recording"]])
    late_s = predictions["onset_true_s"] + median_s.transform("median")
    yield "label_calibrated", predictions.assign(onset_true_s=late_s)
    if latency is None:
        return
    measured = enough(latency)
    real = measured["test_set"].isin(REAL_SETS)
    heard = measured.loc[real, ["test_set", "recording", "note_id", "latency_s"]]
    notes = predictions.merge(heard, on=["test_set", "recording", "note_id"])
    yield "measured_label", notes
    sound_s = notes["onset_true_s"] + notes["latency_s"] - software_zero_s(measured)
    yield "sound", notes.assign(onset_true_s=sound_s)


def _worth(notes: pd.DataFrame, samples: int, seed: int) -> dict[str, float]:
    each = notes.groupby("performance")["right"]
    lo, hi = bootstrap.interval(each.sum().to_numpy(), each.size().to_numpy(), samples, seed)
    bins = reliability(notes, tolerance_s=TOLERANCE_S + EPSILON_S)
    return {
        "n_recordings": notes["recording"].nunique(),
        "n_notes": len(notes),
        "confidence": float(notes["confidence"].astype(float).mean()),
        "right": float(notes["right"].mean()),
        "right_lo": float(lo),
        "right_hi": float(hi),
        "calibration_error": calibration_error(bins),
    }


def read_measured(paths: CorpusPaths, test_sets: Iterable[str]) -> pd.DataFrame | None:
    """Return the measured latencies of a corpus with real recordings; None without any.

    Raises
    ------
    CorpusError
        If the file is missing or corrupt.
    """
    if not set(REAL_SETS) & set(test_sets):
        return None
    path = paths.data / "latency.parquet"
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: missing or corrupt; run the latency stage") from error
