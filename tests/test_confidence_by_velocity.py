"""Table 8d: the localizer's confidence by velocity, against labels and against the sound."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from studies.by_note import confidence_table
from studies.by_note.confidence import confidence_by_velocity


def disklavier(n_notes: int = 40) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return predictions on the sound of a Disklavier 30 ms late, and the measured latencies.

    Half of the notes cannot be measured. A software piano's are 5 ms late, the network's zero.
    """
    true_s = np.arange(n_notes, dtype=float)
    notes = pd.DataFrame({"note_id": np.arange(n_notes), "pitch": 60, "onset_true_s": true_s})
    late_s = np.where(np.arange(n_notes) % 2, 0.030 + 0.004 * (np.arange(n_notes) % 4 - 2), 0.030)
    notes = notes.assign(velocity=np.where(np.arange(n_notes) < n_notes / 2, 20, 80))
    both = [
        notes.assign(test_set=name, recording=name, performance=name, latency_s=latency_s)
        for name, latency_s in (("ENSTDkCl", late_s), ("test", np.full(n_notes, 0.005)))
    ]
    latency = pd.concat(both, ignore_index=True)
    found = latency.assign(
        onset_s=latency["onset_true_s"] + latency["latency_s"] - 0.005, confidence=0.9,
        placed=True, method="localizer", condition="note100",
    )  # fmt: skip
    latency["latency_s"] = latency["latency_s"].where(latency["note_id"] < 0.75 * n_notes)
    return found.drop(columns="latency_s"), latency


def test_a_network_that_hears_the_sound_is_right_by_the_sound() -> None:
    found, latency = disklavier()
    rows = confidence_by_velocity(found, latency, samples=20)
    rows = rows.set_index(["test_set", "reference", "lower", "upper"])
    close = rows.loc["ENSTDkCl"]
    everything = (0, 128)
    assert close.loc[("label", *everything), "right"] == 0.0  # 21 to 29 ms late
    assert close.loc[("label", *everything), "calibration_error"] == pytest.approx(0.9)
    assert close.loc[("label_calibrated", *everything), "right"] == 1.0
    sound = close.loc[("sound", *everything)]
    assert (sound["n_notes"], sound["right"]) == (30, 1.0)
    assert sound["calibration_error"] == pytest.approx(0.1)
    assert close.loc[("measured_label", *everything), "n_notes"] == 30
    assert close.loc[("sound", 0, 25), "n_notes"] == 20  # of the soft ones all were measured
    assert close.loc[("sound", 50, 128), "n_notes"] == 10
    assert "sound" not in rows.loc["test"].index.get_level_values("reference")
    assert rows.loc[("test", "label", *everything), "right"] == 1.0


def test_notes_that_were_not_placed_do_not_count() -> None:
    found, _ = disklavier()
    found["placed"] = found["note_id"] > 9
    rows = confidence_by_velocity(found, samples=20)
    label = rows[(rows["reference"] == "label") & (rows["test_set"] == "test")]
    assert label["n_notes"].tolist() == [30, 10, 20]
    assert (label["confidence"] - 0.9).abs().max() < 1e-9
    assert confidence_by_velocity(found.assign(placed=False)).empty


def test_the_table_of_confidence_has_the_sound_where_it_was_measured() -> None:
    found, latency = disklavier(80)
    table = confidence_table.table8d_confidence(confidence_by_velocity(found, latency, samples=20))
    shown = table.frame().set_index(["test_set", "velocity"])
    assert float(shown.loc[("ENSTDkCl", "all"), "sound"]) == 100.0
    assert float(shown.loc[("ENSTDkCl", "all"), "label"]) == 0.0
    assert shown.loc[("test", "all"), "sound"] == "–"
    assert len(shown) == 2 * 5


def test_without_a_measured_note_there_are_no_rows_of_the_sound() -> None:
    found, latency = disklavier()
    rows = confidence_by_velocity(found, latency.assign(latency_s=np.nan), samples=20)
    assert set(rows["reference"]) == {"label", "label_calibrated"}
    table = confidence_table.table8d_confidence(rows)
    assert set(table.frame()["sound"]) == {"–"}
    nothing = confidence_by_velocity(found.assign(placed=False), latency)
    assert not confidence_table.table8d_confidence(nothing).rows
