"""Table 8 and the reliability diagram, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from synthetic_predictions import predictions

from companion.figures.patch import figure_patch
from companion.figures.reliability import figure_reliability
from companion.reliability import calibration_error, reliability
from companion.tables import localizer as localizer_tables
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.common.labels import method_label
from pianoalign_lib.localizer.patches import (
    CENTRE,
    HARMONICS,
    PER_STEP_SHORT,
    UPPER_HARMONICS,
    patch_panels,
)
from pianoalign_lib.localizer.spectra import LOWEST_ROW, N_BANDS, N_ROWS, Spectra
from pianoalign_lib.scoring.metrics import evaluate_all

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


def frame(method: str, errors_ms: list[float], test_set: str = "test", **columns) -> pd.DataFrame:
    """Return one recording's predictions with the errors given."""
    true = 1.0 + np.arange(len(errors_ms))
    base = {
        "test_set": test_set, "method": method, "condition": "note100", "recording": "a",
        "performance": "a", "note_id": np.arange(len(true)), "pitch": 60, "velocity": 64,
        "onset_true_s": true, "onset_in_s": true, "onset_s": true + np.array(errors_ms) / 1000,
        "confidence": 0.5, "placed": True,
    }  # fmt: skip
    return pd.DataFrame(base | columns)


def scores(*frames: pd.DataFrame) -> pd.DataFrame:
    return evaluate_all(pd.concat(frames), [5, 10, 25, 50], 20, 1)[0]


# --- Table 8 -------------------------------------------------------------------------------------


def test_table8_holds_the_shares_counted_by_hand() -> None:
    metrics = scores(
        frame("localizer", [0, -4, 8, 20]),
        frame("localizer_attention", [9, 30, 60, -1]),
        frame("localizer", [3, 3, 3, 3], test_set="room"),
    )
    table = localizer_tables.table8_localizer(metrics, test_sets=("test", "room"))
    shown = table.frame().set_index(["test_set", "method"])
    assert len(shown) == 2 * len(localizer_tables.INGREDIENTS)
    released = shown.loc[("test", "localizer")]
    names = [f"acc_{ms}ms" for ms in (5, 10, 25, 50)]
    assert [float(released[name]) for name in names] == [50.0, 75.0, 100.0, 100.0]
    assert float(released["median_abs_error_ms"]) == 6.0  # of 0, 4, 8 and 20
    attention = shown.loc[("test", "localizer_attention")]
    assert [float(attention[name]) for name in names] == [25.0, 50.0, 50.0, 75.0]
    assert float(shown.loc[("room", "localizer"), "median_abs_error_ms"]) == 3.0


def test_what_was_not_run_says_so() -> None:
    table = localizer_tables.table8_localizer(scores(frame("localizer", [0, 1])))
    lines = table.markdown().splitlines()
    (row,) = [line for line in lines if "joint decoding" in line]
    assert row.count("not run") == 5
    (row,) = [line for line in lines if "Released" in line]
    assert "not run" not in row


def test_each_ablation_is_compared_with_what_shares_its_training() -> None:
    pairs = dict(localizer_tables.PAIRS)
    variants = PARAMS["localizer"]["variants"]
    short = variants["short_run"]
    for method, reference in pairs.items():
        name = method.removeprefix("localizer_")
        if reference == localizer_tables.RELEASED:
            assert name not in variants  # the same weights, decoded in another way
        else:
            assert short.keys() <= variants[name].keys()
            own = {key for key, value in variants[name].items() if short.get(key) != value}
            assert len(own) == 1, name
    assert {*pairs, "localizer", "localizer_short_run"} == set(localizer_tables.INGREDIENTS)
    metrics = scores(frame("localizer_short_run", [1]), frame("localizer_attention", [1]))
    assert localizer_tables.pairs_that_ran(metrics) == [
        ("localizer_attention", "localizer_short_run")
    ]
    assert localizer_tables.pairs_that_ran(metrics, "room") == []


@pytest.mark.parametrize("corpus", ["demo", "maps"])
def test_every_row_is_evaluated_on_the_same_sets(corpus: str) -> None:
    topic = PARAMS if corpus == "demo" else PARAMS["maps"]
    sets: dict[str, set[str]] = {name: set() for name in localizer_tables.INGREDIENTS}
    for block in topic["evaluation"]["runs"]:
        if "note100" in block["conditions"] and not block.get("first_only"):
            for name in sets.keys() & set(block["methods"]):
                sets[name] |= set(block["test_sets"])
    released = sets.pop(localizer_tables.RELEASED)
    reference = sets[localizer_tables.REFERENCE]
    assert "test" in reference and all(found == reference for found in sets.values()), sets
    assert reference <= released


def test_notes_name_trainings_and_networks(tmp_path) -> None:
    note = localizer_tables.training_note(PARAMS["localizer"])
    assert "8,000 updates on demo, maps, asap, and 3,500 more on demo, maps, asap, quiet;" in note
    assert "short trainings 500 on demo, maps." in note
    file = tmp_path / "checkpoints" / "localizer" / "attention.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    methods = ["localizer_independent", "localizer_attention"]
    found = localizer_tables.weights_note(tmp_path, methods)
    assert found == f"Networks: attention {sha256_file(file)[:12]}."
    assert all(method_label(name) != name for name in localizer_tables.INGREDIENTS)


# --- Reliability ---------------------------------------------------------------------------------


def test_bins_and_calibration_error_as_worked_out_by_hand() -> None:
    errors = [0, 0, 20, 20, 0, 0, 0, 500]
    confidence = [0.72, 0.74, 0.76, 0.78, 1.0, 0.9, 0.95, 0.99]
    placed = [True] * 7 + [False]  # the last note is said not to be heard
    bins = reliability(frame("localizer", errors, confidence=confidence, placed=placed))
    assert bins["lower"].tolist() == [0.7, 0.9] and bins["upper"].tolist() == [0.8, 1.0]
    assert bins["notes"].tolist() == [4, 3]
    np.testing.assert_allclose(bins["right"], [0.5, 1.0])
    np.testing.assert_allclose(bins["confidence"], [0.75, 0.95])
    assert calibration_error(bins) == pytest.approx((4 * 0.25 + 3 * 0.05) / 7)


def test_confidence_drawn_from_the_outcomes_own_chance_is_calibrated() -> None:
    rng = np.random.default_rng(3)
    confidence = rng.uniform(size=20_000)
    errors = np.where(rng.uniform(size=20_000) < confidence, 0.0, 30.0)
    bins = reliability(frame("localizer", list(errors), confidence=confidence))
    assert len(bins) == 10 and calibration_error(bins) < 0.02
    bins = reliability(frame("localizer", list(errors), confidence=1 - confidence))
    assert calibration_error(bins) == pytest.approx(0.5, abs=0.02)  # of |1 - 2c|, c even


def test_figure_takes_its_method_and_condition_only() -> None:
    given = predictions(
        ["localizer", "localizer_attention"], ["note100", "exact"], ("test", "room")
    )
    figure, data = figure_reliability(given, test_sets=["test", "room"])
    chosen = given[(given["method"] == "localizer") & (given["condition"] == "note100")]
    assert data["notes"].sum() == chosen["placed"].sum()
    assert set(data["test_set"]) == {"test", "room"}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(labels) == 2
    error = 100 * calibration_error(data[data["test_set"] == "test"])
    assert f"{error:.1f} points" in labels[0]


def test_recordings_all_taken_for_another_piece_leave_an_empty_figure() -> None:
    given = frame("localizer", [0, 1], confidence=np.nan, placed=[False, False])
    figure, data = figure_reliability(given.assign(condition="note100"))
    assert data.empty and not figure.legends


@pytest.mark.parametrize("confidence", [np.nan, 1.2])
def test_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(PianoAlignError, match="between 0 and 1"):
        reliability(frame("localizer", [0, 1], confidence=confidence))


# --- The patch ------------------------------------------------------------------------------------


def test_panels_show_the_note_asked_for_at_its_place() -> None:
    """A tone lit at one pitch and time appears in the fundamental's row at the patch's centre."""
    long, short = (np.zeros((n, N_ROWS), np.uint8) for n in (400, 800))
    bands = np.zeros((1600, N_BANDS), np.uint8)
    pitch, onset_s = 60, 2.0
    long[200, pitch - LOWEST_ROW] = 255
    short[400, pitch - LOWEST_ROW] = 200
    bands[800, 3] = 100
    spectra = Spectra(long, short, bands, 4.0)
    notes = pd.DataFrame({"pitch": [72, pitch], "velocity": [64, 64], "onset_s": [3.0, onset_s]})
    panels = patch_panels(spectra, notes, 1)
    assert np.argwhere(panels["long"] == 255).tolist() == [[0, CENTRE]]
    assert panels["short"].shape == (len(HARMONICS + UPPER_HARMONICS), 64 * PER_STEP_SHORT)
    assert np.argwhere(panels["short"] == 200).tolist() == [[0, CENTRE * PER_STEP_SHORT]]
    assert np.argwhere(panels["bands"] == 100).tolist() == [[3, 4 * CENTRE]]
    figure = figure_patch(spectra, notes, np.array([3.02, 2.01]), 1)
    (given, true) = figure.axes[0].lines
    np.testing.assert_allclose([given.get_xdata()[0], true.get_xdata()[0]], [0, 10], atol=1e-9)
