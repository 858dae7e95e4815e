"""Notebooks 0, 7, 8 and 9 in a real JupyterLab, driven by a browser as a reader drives them.

With ``PIANOALIGN_SCREENSHOTS=folder`` it leaves a picture of each notebook.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from browsing import browser
from conftest import ROOT, example_project, write_unusable

pytest.importorskip("jupyterlab")
pytest.importorskip("playwright")
from tools.lab_browser import READY, drag, finished, heard, open_notebook, run_all, serving

__all__ = ["browser"]
PICTURE = ".widget-image[src^=blob]"
CLOSED_SOCKET = r"tornado\.(iostream\.StreamClosedError|websocket\.WebSocketClosedError)"
TOLD = ".widget-html-content"
TWO_HOURS_S = 7200
REFUSED_WITHIN_S = 30.0


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a JupyterLab in a project whose corpus is the example."""
    root = example_project(tmp_path_factory.mktemp("lab"))
    (root / "notebooks").unlink()
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    makefile = (ROOT / "Makefile").read_text()
    option = re.search(r'--ServerApp[^"]*"[^"]*"', makefile).group().replace('"', "")
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", option, "notebooks"]
    with serving(command, root, root, PYTHONPATH=str(ROOT)) as address:
        yield address
    # What goes wrong in a widget's callback is in the log only. A page that is closed while the
    # server still writes to it leaves there that its socket is closed, which is no fault.
    raised = (root / "lab.log").read_text().split("Traceback (most recent call last)")[1:]
    assert [each for each in raised if not re.search(CLOSED_SOCKET, each)] == []


@pytest.fixture
def opened(browser, lab: str):
    """Return a function that opens a notebook and runs it; afterwards no error is to be seen."""
    pages, errors = [], []

    def run(name: str):
        page = open_notebook(browser, lab, name)
        page.on("pageerror", lambda error: errors.append(str(error)))
        pages.append((name, page))
        run_all(page)
        return page

    yield run
    for name, page in pages:
        if folder := os.environ.get("PIANOALIGN_SCREENSHOTS"):
            page.locator(".jp-Notebook").screenshot(path=f"{folder}/{name}.png")
        assert page.locator("[data-mime-type$=error]").count() == 0
        page.context.close()
    assert errors == []


def pictures(page) -> list[str]:
    return page.eval_on_selector_all(PICTURE, "(all) => all.map((each) => each.src)")


def other_pictures(page, before: list[str], which: int) -> None:
    """Wait until one of the widgets' pictures is another."""
    page.wait_for_function(
        "([selector, before, which]) =>"
        " ![undefined, before].includes([...document.querySelectorAll(selector)].at(which)?.src)",
        arg=[PICTURE, before[which] if before else "", which],
    )


def test_the_first_notebook_is_heard(opened) -> None:
    page = opened("00_start_here")
    player = page.frame_locator("iframe").first
    player.locator(READY).wait_for()
    heard(player)
    drawn = player.locator("[part=roll] g[data-row='20']")
    after = drawn.get_attribute("transform")
    player.locator("[data-is=before]").check()
    assert drawn.get_attribute("transform") != after  # the picture is that of the loose notes
    finished(page)
    assert page.locator(".jp-OutputArea-output img").count() >= 5  # the six steps


def test_a_note_is_clicked_and_sliders_are_moved(opened) -> None:
    page = opened("07_explore")
    explorer, loosen = page.locator(READY).first, page.locator(READY).nth(1)
    loosen.wait_for()
    finished(page)
    heard(explorer)
    before = pictures(page)
    note = explorer.locator("[part=roll] g[data-row='20']")
    note.scroll_into_view_if_needed()
    note.locator("rect").click()
    other_pictures(page, before, 0)
    assert "off by" in explorer.locator("[data-is=told]").inner_text()
    before = pictures(page)
    page.get_by_label("Within").select_option("100 ms")
    other_pictures(page, before, 1)

    slider = page.locator(".noUi-handle").first
    slider.scroll_into_view_if_needed()
    before = pictures(page)
    drag(page, slider.bounding_box(), 60)
    other_pictures(page, before, -1)
    heard(loosen)
    before = pictures(page)
    slider.focus()
    slider.press("ArrowRight")
    other_pictures(page, before, -1)


def bad_input(folder: Path) -> dict[str, str]:
    """Write files that cannot be used; return what is said of each."""
    write_unusable(folder)
    noise = np.random.default_rng(0).integers(-1, 2, 600 * 8000, dtype=np.int16)
    with sf.SoundFile(folder / "long.flac", "w", 8000, 1) as file:
        for _ in range(TWO_HOURS_S // 600):
            file.write(noise)
    assert (
        folder / "long.flac"
    ).stat().st_size > 10 * 2**20  # more than JupyterLab takes by itself
    return {
        "text.wav": "not readable as audio",
        "empty.mid": "no notes",
        "other.mid": "another piece",
        "long.flac": "lasts 120 minutes; a notebook takes up to 30",
    }


def upload(page, file: Path) -> None:
    """Upload a recording or a MIDI file, and wait until it stands in its field."""
    place = 1 if file.suffix == ".mid" else 0
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload").nth(place).click()
    chooser.value.set_files(file)
    page.wait_for_function(
        "([place, name]) => document.querySelectorAll('.widget-text input')[place].value"
        ".endsWith('/' + name)",
        arg=[place, file.name],
    )


def test_files_are_uploaded_and_a_note_is_dragged(opened, tmp_path: Path) -> None:
    page = opened("08_your_recording")
    player = page.locator(READY)
    player.wait_for()
    finished(page)
    align = page.get_by_role("button", name="Align", exact=True)
    for name, said in bad_input(tmp_path).items():
        upload(page, tmp_path / name)
        since = time.monotonic()
        align.click()
        line = page.locator(TOLD).filter(has_text=said)
        line.wait_for()
        assert time.monotonic() - since < REFUSED_WITHIN_S
        assert len(line.inner_text().splitlines()) == 1
        assert player.count() == 0
        upload(
            page, ROOT / "examples" / ("loose.mid" if name.endswith("mid") else "recording.flac")
        )
    align.click()
    player.wait_for()
    heard(player)
    note = player.locator("[part=roll] g[data-row='20'] rect")
    note.scroll_into_view_if_needed()
    others = player.locator("[part=roll]").evaluate("(roll) => roll.innerHTML")
    drag(page, note.bounding_box(), 12)
    page.locator(TOLD).filter(has_text="1 corrected by hand").wait_for()
    assert player.locator("[part=roll]").evaluate("(roll) => roll.innerHTML") != others
    page.get_by_role("button", name="Undo").click()
    page.locator(TOLD).filter(has_text="corrected by hand").wait_for(state="hidden")


def test_a_method_of_one_s_own_is_in_table_and_figure(opened) -> None:
    page = opened("09_your_method")
    finished(page)
    assert page.locator("table", has_text="Nearest onset (toy)").count() >= 1
    assert page.locator(".jp-OutputArea-output img").count() >= 1
