"""Notebooks 7 and 8 in a real JupyterLab, driven as a reader drives them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from browsing import browser, new_page
from conftest import ROOT

pytest.importorskip("jupyterlab")
__all__ = ["browser"]
READY = ".pa-player[data-ready=yes]"
STARTED_WITHIN_S = 120


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a JupyterLab in a project that has the results, but no corpus."""
    root = tmp_path_factory.mktemp("lab")
    (root / "notebooks").mkdir()
    for name in ("07_explore", "08_your_recording"):
        text = (ROOT / "notebooks" / f"{name}.ipynb").read_text()
        (root / "notebooks" / f"{name}.ipynb").write_text(text)
    for name in ("params.yaml", "examples", "checkpoints", "results"):
        (root / name).symlink_to(ROOT / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", f"--port={port}", "--IdentityProvider.token=", "--allow-root"]
    home = {f"JUPYTER_{name}_DIR": str(root / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    env = os.environ | home | {"PYTHONPATH": str(ROOT), "JUPYTERLAB_WORKSPACES_DIR": str(root)}
    with (root / "lab.log").open("w") as log:
        command = [sys.executable, "-m", "jupyterlab", *options, str(root / "notebooks")]
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server, root / "lab.log")
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            urlopen(f"{address}/api", timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail(log.read_text())


def run_all(browser, address: str, name: str):
    """Return a page with a notebook whose cells all run."""
    page = new_page(browser, viewport={"width": 1400, "height": 1000})
    page.goto(f"{address}/doc/tree/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    page.click("text=Run >> nth=0")
    page.click("text=Run All Cells >> nth=0")
    page.wait_for_selector(READY)
    return page


def played_to(page, player) -> None:
    player.locator("[data-is=play]").click()
    page.wait_for_function(
        "Array.from(document.querySelectorAll('[data-is=seek]')).some((each) => each.value > 0.3)"
    )
    player.locator("[data-is=play]").click()


def told(page) -> list[str]:
    return page.eval_on_selector_all(".widget-html-content", "(all) => all.map((e) => e.innerText)")


def changed(page, selector: str, attribute: str, before: str | None) -> None:
    page.wait_for_function(
        "([s, a, b]) => Array.from(document.querySelectorAll(s)).at(-1)?.getAttribute(a) !== b",
        arg=[selector, attribute, before],
    )


def test_a_slider_is_moved_and_a_note_clicked(browser, lab: str) -> None:
    page = run_all(browser, lab, "07_explore")
    page.wait_for_function("document.querySelectorAll('.noUi-handle').length >= 4")
    page.wait_for_function(f"document.querySelectorAll('{READY}').length === 2")
    explorer = page.locator(READY).first
    explorer.scroll_into_view_if_needed()
    played_to(page, explorer)
    pictures = page.locator(".widget-image").count()
    explorer.locator("[part=roll] g").nth(20).click(force=True)
    page.wait_for_function(
        f"document.querySelectorAll('.widget-image[src^=blob]').length >= {pictures}"
    )
    assert "off by" in explorer.locator("[data-is=told]").inner_text()
    slider = page.locator(".noUi-handle").first
    slider.scroll_into_view_if_needed()
    before = page.locator(".widget-image").last.get_attribute("src")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    changed(page, ".widget-image", "src", before)
    if folder := os.environ.get("PIANOALIGN_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/07.png")


def test_files_are_uploaded_and_a_note_dragged(browser, lab: str, tmp_path: Path) -> None:
    page = run_all(browser, lab, "08_your_recording")
    (tmp_path / "no.wav").write_text("no sound")
    page.locator(".jupyter-widgets input[type=file]").first.set_input_files(tmp_path / "no.wav")
    page.wait_for_function("document.querySelector('.widget-text input').value.endsWith('/no.wav')")
    page.click("button.jupyter-button:has-text('Align')")
    page.wait_for_selector(".widget-html-content:has-text('not readable as audio')")
    assert "Traceback" not in page.inner_text(".jp-Notebook")
    inputs = page.locator(".jupyter-widgets input[type=file]")
    inputs.first.set_input_files(ROOT / "examples" / "recording.flac")
    page.wait_for_function(
        "document.querySelector('.widget-text input').value.endsWith('/recording.flac')"
    )
    page.click("button.jupyter-button:has-text('Align')")
    page.wait_for_selector(READY)
    player = page.locator(READY).first
    played_to(page, player)
    note = player.locator("[part=roll] g[data-row='20'] rect")
    note.scroll_into_view_if_needed()
    box, before = note.bounding_box(), told(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 12, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_selector(".widget-html-content:has-text('1 corrected by hand')")
    assert told(page) != before
    if folder := os.environ.get("PIANOALIGN_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/08.png")
