"""Figures: files equal from run to run, data that are the metrics', texts that do not collide."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from synthetic_predictions import TEMPOS, predictions

from companion.figures import curves as plots
from companion.figures import paper as figures
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.figure_style import METHOD_STYLE
from pianoalign_lib.common.labels import METHODS
from pianoalign_lib.scoring import metrics

ALIGNERS = ["none", "dtw", "crnn", "hybrid"]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    tempos = ["exact", *(f"tempo{percent:+d}" for percent in TEMPOS)]
    return pd.concat(
        [
            predictions(
                ALIGNERS, [*tempos, "note100", "note20", "offset2"], recordings=3, notes=30
            ),
            predictions(["cnn", "gru"], ["note100"], recordings=3, notes=30),
        ]
    )


@pytest.fixture(scope="module")
def scores(data: pd.DataFrame) -> pd.DataFrame:
    return metrics.evaluate(data, bootstrap_samples=50)


def rolls(seed: int = 0, frames: int = 300) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    parts = [rng.uniform(size=(frames, 88)) for _ in range(4)]
    return (parts[0], *(part > 0.995 for part in parts[1:]))


def logs(variants: list[str]) -> dict[str, pd.DataFrame]:
    epoch = np.arange(1, 6)
    return {
        variant: pd.DataFrame(
            {
                "epoch": epoch, "step": 250 * epoch, "train_loss": 0.1 / epoch,
                "val_loss": 0.11 / epoch, "val_acc_10ms": 0.1 * epoch,
            }
        )
        for variant in variants
    }  # fmt: skip


# --- Files --------------------------------------------------------------------------------------

_SCRIPT = """
import sys
import numpy as np
from companion.figures import paper as figures
rng = np.random.default_rng(0)
cqt, *rolls = (rng.uniform(size=(200, 88)) for _ in range(4))
for name, (figure, data) in {
    "rolls": figures.figure2_pianorolls(cqt, *(roll > 0.998 for roll in rolls)),
    "architecture": figures.figure1_architecture(),
}.items():
    figures.save_figure(figure, sys.argv[1], name, data)
assert "matplotlib.pyplot" not in sys.modules
"""


def test_files_of_two_processes_are_identical(tmp_path: Path) -> None:
    for run in ("first", "second"):
        subprocess.run([sys.executable, "-c", _SCRIPT, str(tmp_path / run)], check=True)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == [
        f"{figure}.{end}"
        for figure in ("architecture", "rolls")
        for end in ("csv", "pdf", "png", "svg")
    ]
    for name in names:
        content = (tmp_path / "first" / name).read_bytes()
        assert content == (tmp_path / "second" / name).read_bytes()
        assert not re.search(rb"CreationDate|ModDate|<dc:date>|Software|20\d\d-\d\d-\d\d", content)


def test_png_is_large_enough_for_a_slide(tmp_path: Path) -> None:
    figure, frame = figures.figure1_architecture()
    paths = figures.save_figure(figure, tmp_path, "figure1_architecture", frame)
    assert [path.suffix for path in paths] == [".svg", ".pdf", ".png", ".csv"]
    with Image.open(tmp_path / "figure1_architecture.png") as image:
        assert image.width >= 1400
        assert "Software" not in image.info
    figures.save_figure(figure, tmp_path / "without", "figure1_architecture")
    assert not (tmp_path / "without" / "figure1_architecture.csv").exists()


def test_a_figure_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PianoAlignError, match="cannot write"):
        figures.save_figure(figures.figure1_architecture()[0], tmp_path / "file", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# --- Figure 1 -----------------------------------------------------------------------------------


def test_texts_of_the_architecture_stay_in_their_boxes_and_apart() -> None:
    figure, layers = figures.figure1_architecture()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axes = figure.axes[0]
    texts = [(text.get_text(), text.get_window_extent()) for text in axes.texts if text.get_text()]
    assert len(texts) >= 14
    for (name, one), (other_name, other) in combinations(texts, 2):
        assert not one.overlaps(other), (name, other_name)
    boxes = [patch.get_window_extent() for patch in axes.patches]
    for name, extent in texts:
        assert figure.bbox.x0 <= extent.x0 and extent.x1 <= figure.bbox.x1
        inside = [
            box.x0 < extent.x0 and extent.x1 < box.x1 and box.y0 < extent.y0 and extent.y1 < box.y1
            for box in boxes
        ]
        # A shape below its box touches none; every other text lies within one.
        assert sum(inside) == 1 or not any(box.overlaps(extent) for box in boxes), name
    assert layers["output"].tolist().count("N × 88") == 4
    assert "N × 512" in layers["output"].tolist()


# --- Figure 2 -----------------------------------------------------------------------------------


def test_notes_of_a_roll_by_hand() -> None:
    roll = np.zeros((10, 88), bool)
    roll[0:3, 0] = True  # at the start
    roll[4:6, 0] = True  # repeated after a gap of one frame
    roll[7:10, 87] = True  # up to the end
    found = figures.roll_notes(roll, fps=100).to_numpy().tolist()
    assert found == [[21, 0.0, 0.03], [21, 0.04, 0.06], [108, 0.07, 0.10]]


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 30), st.just(5))))
def test_notes_draw_the_roll_they_come_from(roll: np.ndarray) -> None:
    drawn = np.zeros_like(roll)
    for note in figures.roll_notes(roll, fps=50).itertuples():
        first, last = round(note.onset_s * 50), round(note.offset_s * 50)
        assert first < last
        assert not drawn[max(first - 1, 0) : last + 1, note.pitch - 21].any()
        drawn[first:last, note.pitch - 21] = True
    np.testing.assert_array_equal(drawn, roll)


def test_piano_rolls_show_the_notes_of_their_part() -> None:
    cqt, unaligned, predicted, aligned = rolls()
    predicted = np.zeros_like(cqt)
    predicted[95:150, 40] = 0.7  # begins before the part shown
    predicted[120:130, 50] = 0.4  # below the threshold
    figure, data = figures.figure2_pianorolls(
        cqt, unaligned, predicted, aligned, start_s=1, end_s=2
    )
    shown = data[data["roll"] == "predicted"].to_numpy().tolist()
    assert shown == [["predicted", 61, 0.95, 1.5]]
    assert set(data["roll"]) == {"unaligned", "predicted", "aligned"}
    assert ((data["offset_s"] > 1) & (data["onset_s"] < 2)).all()
    assert len(figure.axes) == 3
    for axes in figure.axes:
        assert axes.get_xlim() == (1.0, 2.0)
        # Frame k of the picture is centred on k / fps.
        left, right, *_ = axes.images[0].get_extent()
        assert (left, right) == pytest.approx((0.995, 2.005))


def test_piano_rolls_refuse_what_does_not_fit() -> None:
    cqt, unaligned, predicted, aligned = rolls()
    with pytest.raises(PianoAlignError, match="shape"):
        figures.figure2_pianorolls(cqt, unaligned, predicted[:-1], aligned)
    with pytest.raises(PianoAlignError, match="no frame"):
        figures.figure2_pianorolls(cqt, unaligned, predicted, aligned, start_s=50)
    # A silent part is drawn, without notes.
    silent = np.zeros_like(cqt)
    figure, data = figures.figure2_pianorolls(silent, silent, silent, silent)
    assert data.empty and len(figure.axes) == 3


# --- Figure 3 -----------------------------------------------------------------------------------


def test_tempo_figure_holds_the_metrics(scores: pd.DataFrame) -> None:
    figure, data = figures.figure3_tempo(scores)
    assert list(dict.fromkeys(data["method"])) == ALIGNERS
    for _, rows in data.groupby("method"):
        assert rows["tempo_percent"].tolist() == sorted([0, *TEMPOS])
    chosen = scores[
        (scores["method"] == "crnn") & (scores["condition"] == "tempo-15") & ~scores["calibrated"]
    ]
    expected = 1000 * chosen["median_abs_error_s"].iloc[0]
    found = data[(data["method"] == "crnn") & (data["tempo_percent"] == -15)]
    assert found["median_abs_error_ms"].iloc[0] == pytest.approx(expected)
    # The untouched input is exact at 0 %: kept in the data, drawn at the floor.
    exact = data[(data["method"] == "none") & (data["tempo_percent"] == 0)]
    assert exact["median_abs_error_ms"].iloc[0] == pytest.approx(0, abs=1e-9)
    lines = figure.axes[0].get_lines()
    assert min(np.min(line.get_ydata()) for line in lines) == figures.FLOOR_MS
    assert any(set(line.get_ydata()) == {figures.LIMIT_MS} for line in lines)
    assert figure.axes[0].get_yscale() == "log"
    with pytest.raises(PianoAlignError, match="no tempo condition"):
        figures.figure3_tempo(scores, test_set="room")


# --- Plots for notebooks ------------------------------------------------------------------------


def test_every_method_has_its_own_colour_and_marker() -> None:
    assert {name for name in METHOD_STYLE if "_seed" not in name} == set(METHODS)
    for key in ("color", "marker"):
        values = [look[key] for look in METHOD_STYLE.values()]
        assert len(set(values)) == len(values)
    for one, other in combinations(("none", "dtw", "crnn", "hybrid"), 2):
        colours = [np.array(to_rgb(METHOD_STYLE[name]["color"])) for name in (one, other)]
        assert np.linalg.norm(colours[0] - colours[1]) > 0.25


def test_every_plot_draws_and_returns_its_data(
    data: pd.DataFrame, scores: pd.DataFrame, tmp_path: Path
) -> None:
    drawn = {
        "curves": plots.accuracy_curves(scores, ["none", "crnn", "absent"]),
        "by_method": plots.accuracy_by_method(
            scores, ["cnn", "gru", "crnn"], paper_percent={"crnn": 47.41}
        ),
        "by_condition": plots.accuracy_by_condition(scores, ALIGNERS, ["offset2", "note100"]),
        "by_size": plots.accuracy_by_error_size(scores),
        "histogram": plots.error_histogram(data, ["dtw", "crnn"]),
        "training": plots.training_curves(logs(["crnn", "gru"])),
    }
    for name, (figure, frame) in drawn.items():
        assert isinstance(figure, Figure)
        assert len(frame) > 0
        assert len(figures.save_figure(figure, tmp_path, name, frame)) == 4
    curve = drawn["curves"][1]
    assert curve["method"].unique().tolist() == ["none", "crnn"]
    assert curve["tolerance_ms"].tolist() == [*metrics.TOLERANCES_MS] * 2
    assert (curve["lo"] <= curve["accuracy"]).all() and (curve["accuracy"] <= curve["hi"]).all()
    assert drawn["by_method"][1]["method"].tolist() == ["cnn", "gru", "crnn"]
    assert drawn["by_condition"][1]["condition"].tolist() == ["offset2"] * 4 + ["note100"] * 4
    assert drawn["by_size"][1]["error_ms"].tolist() == [20, 100, 20, 100]


def test_histogram_counts_every_note(data: pd.DataFrame) -> None:
    chosen = data[(data["method"] == "dtw") & (data["condition"] == "note100")]
    errors = 1000 * (chosen["onset_s"] - chosen["onset_true_s"])
    _, frame = plots.error_histogram(data, ["dtw"], range_ms=100, bin_ms=10)
    assert len(frame) == 20
    within = 100 * np.mean(errors.abs() <= 100)
    assert frame["percent"].sum() == pytest.approx(within)
    middle = frame[(frame["bin_from_ms"] == 0)]["percent"].iloc[0]
    assert middle == pytest.approx(100 * np.mean((errors >= 0) & (errors < 10)))


def test_plots_say_what_is_missing(scores: pd.DataFrame) -> None:
    with pytest.raises(PianoAlignError, match="nothing to draw: no results of absent"):
        plots.accuracy_curves(scores, ["absent"])
    with pytest.raises(PianoAlignError, match="not among the tolerances"):
        plots.accuracy_by_method(scores, ["crnn"], tolerance_ms=11)
    with pytest.raises(PianoAlignError, match="no training log"):
        plots.training_curves({})
    with pytest.raises(PianoAlignError, match="training log of gru: no column val_loss"):
        plots.training_curves({"gru": logs(["gru"])["gru"].drop(columns="val_loss")})
