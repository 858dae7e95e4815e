"""Notebooks 0, 7, 8 and 9 run from top to bottom; corrections, and bad input, in their widgets."""

from __future__ import annotations

from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
import soundfile as sf
from conftest import ROOT, example_project, write_unusable

from pianoalign_lib import PianoAlignError, align
from pianoalign_lib.alignment import opening
from pianoalign_lib.alignment.opening import YourRecording
from pianoalign_lib.alignment.result import Alignment
from pianoalign_lib.explore.explorer import Explorer
from pianoalign_lib.explore.loosen import Loosen

RECORDING, MIDI = ROOT / "examples" / "recording.flac", ROOT / "examples" / "loose.mid"
NOTEBOOKS = ("00_start_here", "07_explore", "08_your_recording", "09_your_method")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose corpus is the example, beside the results of the real one."""
    return example_project(tmp_path_factory.mktemp("a project"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_from_top_to_bottom(
    name: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    written = tmp_path / "executed.ipynb"
    papermill.execute_notebook(
        ROOT / "notebooks" / f"{name}.ipynb", written, cwd=project, progress_bar=False
    )
    outputs = [
        output.get("data", {})
        for cell in nbformat.read(written, as_version=4).cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    widgets = [each for each in outputs if "application/vnd.jupyter.widget-view+json" in each]
    assert all("image/png" in each for each in widgets)  # something to see where none are
    assert bool(widgets) == (name in {"07_explore", "08_your_recording"})
    if name == "00_start_here":
        assert sum("srcdoc" in each.get("text/html", "") for each in outputs) == 2
    if name == "09_your_method":
        assert any("Nearest onset (toy)" in each.get("text/markdown", "") for each in outputs)


# --- Corrections ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result() -> Alignment:
    return align(RECORDING, MIDI)


def test_an_anchor_stays_and_the_rest_is_aligned_again(result: Alignment) -> None:
    right_s = result.notes["onset_s"].to_numpy()
    unchanged = result.anchored({50: right_s[50]})
    np.testing.assert_allclose(unchanged.notes["onset_s"], right_s, atol=0.005)
    moved = result.anchored({50: right_s[50] + 0.4, 52: right_s[52] + 0.4}).notes
    assert moved["onset_s"][50] == pytest.approx(right_s[50] + 0.4, abs=1e-6)
    assert moved["onset_s"][51] > right_s[51] + 0.3  # between the two
    far = np.abs(np.arange(len(right_s)) - 51) > 12
    np.testing.assert_allclose(moved["onset_s"][far], right_s[far], atol=0.005)


def test_an_anchor_in_the_other_of_two_equal_passages_takes_all_with_it(
    result: Alignment,
) -> None:
    audio, rate = sf.read(RECORDING)
    length_s = len(audio) / rate
    twice = align(np.concatenate([audio, audio]), MIDI, sample_rate=rate)
    first_s = result.notes["onset_s"].to_numpy()
    now = twice.notes["onset_s"].to_numpy() - first_s
    other_s = 0.0 if np.median(now) > length_s / 2 else length_s
    corrected = twice.anchored({100: first_s[100] + other_s}).notes["onset_s"]
    np.testing.assert_allclose(corrected, first_s + other_s, atol=0.01)


@pytest.mark.parametrize(
    ("anchors", "said"),
    [
        ({3: 999.0}, "outside of the recording"),
        ({9999: 1.0}, "no note"),
        ({10: 20.0, 20: 10.0}, "another order"),
    ],
)
def test_impossible_anchors_are_refused(result: Alignment, anchors: dict, said: str) -> None:
    with pytest.raises(PianoAlignError, match=said):
        result.anchored(anchors)


def test_the_workbench_corrects_and_takes_back(
    result: Alignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bench = result.explore()
    wanted_s = float(result.notes["onset_s"][30]) + 0.2
    bench.player.moved = [[30, wanted_s]]  # as the browser says it
    assert bench.result.notes["onset_s"][30] == pytest.approx(wanted_s)
    place = bench.player.notes["row"].index(30)
    assert bench.player.notes["after"][place] == pytest.approx(wanted_s, abs=1e-3)
    bench.player.moved = [[30, 999.0]]
    assert "outside of the recording" in bench.told.value
    assert bench.result.notes["onset_s"][30] == pytest.approx(wanted_s)
    for kind in ("csv", "jams", "mid"):
        bench.save(kind)
    assert (tmp_path / "loose_aligned.csv").read_text() == bench.result.csv_text()
    assert '"namespace": "note_midi"' in (tmp_path / "loose_aligned.jams").read_text()
    assert (tmp_path / "loose_aligned.mid").read_bytes() == bench.result.midi_bytes()
    bench.undo()
    assert bench.result is result


def test_a_passage_that_is_dragged_is_aligned_between_its_ends(result: Alignment) -> None:
    bench = result.explore()
    right_s = result.notes["onset_s"].to_numpy()
    off = result.anchored({row: right_s[row] + 0.6 for row in (60, 80)})
    bench.player.moved = [[row, float(off.notes["onset_s"][row])] for row in range(60, 81)]
    assert len(bench.anchors) == 2
    # Dragged back by eye: all but the two ends are found to the millisecond.
    bench.player.moved = [[row, float(right_s[row]) + 0.02] for row in range(60, 81)]
    now_s = bench.result.notes["onset_s"].to_numpy()
    between = [row for row in range(60, 81) if row not in bench.anchors]
    assert np.mean(np.abs(now_s[between] - right_s[between]) < 0.005) > 0.9
    bench.undo()
    first = min(bench.anchors)
    assert bench.result.notes["onset_s"][first] == pytest.approx(right_s[first] + 0.6, abs=1e-3)
    bench.undo()
    assert bench.result is result and not bench.anchors


# --- Bad input ------------------------------------------------------------------------------------


def test_what_cannot_be_aligned_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_unusable(tmp_path)
    monkeypatch.setattr(opening, "LONGEST_S", 60.0)
    sf.write(tmp_path / "long.flac", np.full(61 * 8000, 0.1), 8000)
    form = YourRecording()
    for recording, midi, said in (
        (tmp_path / "text.wav", MIDI, "not readable as audio"),
        (RECORDING, tmp_path / "empty.mid", "no notes"),
        (RECORDING, tmp_path / "other.mid", "another piece"),
        (tmp_path / "long.flac", MIDI, "a notebook takes up to 1"),
        ("", MIDI, ""),
    ):
        form.recording.value, form.midi.value = str(recording), str(midi)
        form.align.click()
        assert said in form.told.value and form.told.value.count("\n") == 0
        assert form.workbench is None and form.place.children == ()
        assert form.told.value.startswith("<strong>")


# --- Exploring ------------------------------------------------------------------------------------


def test_the_explorer_shows_the_example_where_nothing_was_predicted(project: Path) -> None:
    explorer = Explorer("demo", project)
    assert explorer.corpus.options == ("example",)
    assert "176 notes, 100.0 % within 10 ms" in explorer.told.value
    explorer.method.value = "none"
    assert "176 notes, 0.0 % within 10 ms" in explorer.told.value
    before = explorer.errors.value
    explorer.tolerance.value = 100
    assert explorer.errors.value != before
    assert not explorer.note.value
    explorer.worst.value = explorer.worst.options[1][1]
    assert explorer.player is not None
    assert explorer.player.selected == explorer.worst.value
    assert bytes(explorer.note.value).startswith(b"\x89PNG")


def test_a_slider_loosens_and_aligns_anew(project: Path) -> None:
    loosen = Loosen("example", "example", 5.0, project)
    before, told = loosen.player.notes, loosen.told.value
    loosen.note_ms.value = 150
    assert loosen.told.value != told
    shift_s = np.array(loosen.player.notes["before"]) - np.array(before["before"])
    assert np.abs(shift_s).max() > 0.05
    assert "Localizer" in told and "CRNN" in told
