"""A JupyterLab, and a Chromium without a window that drives it as a reader does.

Tests (``tests/test_lab.py``) and measurements (``benchmarks/lab_speed.py``) share it; Playwright is
imported when it is needed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 240_000
STARTED_WITHIN_S = 120.0
READY = ".pa-player[data-ready=yes]"
KERNEL = ".jp-KernelName:has-text('Python 3')"
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
# No cell waits, and the kernel has answered the last one.
ALL_RUN = """() => [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
  .every((prompt) => /\\[\\d+\\]/.test(prompt.textContent))"""


def program() -> str | None:
    """Return where Chromium is."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = started.chromium.launch(executable_path=program(), args=options)
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Any, **options: Any) -> Any:
    """Return a page that waits as long as a busy machine needs."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


@contextmanager
def serving(command: Sequence[str], cwd: Path, own: Path, **env: str) -> Iterator[str]:
    """Start JupyterLab by a command, and yield its address.

    Parameters
    ----------
    command, cwd, env
        What is run, where, and with what beside the environment.
    own
        Folder for settings, workspaces and ``lab.log``: nothing of the user's is read or written,
        and no notebook is saved by itself.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    _settings(own, port)
    places = {
        f"JUPYTER_{name}_DIR": str(own / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")
    }
    places |= {f"JUPYTERLAB_{name}_DIR": str(own / name) for name in ("SETTINGS", "WORKSPACES")}
    with (own / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=cwd, env=os.environ | places | env, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api", server, own / "lab.log")
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _settings(own: Path, port: int) -> None:
    server = {"port": port, "port_retries": 0, "open_browser": False}
    extensions = own / "SETTINGS" / "@jupyterlab"
    files: dict[Path, dict[str, Any]] = {
        own / "config" / "jupyter_server_config.json": {
            "ServerApp": server, "IdentityProvider": {"token": ""},
        },
        own / "config" / "jupyter_lab_config.json": {"LabApp": {"open_browser": False}},
        extensions / "docmanager-extension" / "plugin.jupyterlab-settings": {"autosave": False},
        extensions / "apputils-extension" / "notification.jupyterlab-settings": {
            "fetchNews": "false",
        },
    }  # fmt: skip
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < until and server.poll() is None:
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(log.read_text())


def open_notebook(browser: Any, address: str, name: str, **options: Any) -> Any:
    """Return a page that shows a notebook whose kernel has started."""
    page = new_page(browser, **{"viewport": {"width": 1400, "height": 1000}} | options)
    page.goto(f"{address}/doc/tree/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    for state in (KERNEL, IDLE):  # idle it seems before it is there
        page.wait_for_selector(state, state="attached")
    return page


def run_all(page: Any) -> None:
    """Choose *Run All Cells* in the menu."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def finished(page: Any) -> None:
    """Wait until all cells have run."""
    page.wait_for_function(ALL_RUN)


def heard(player: Any) -> None:
    """Press *Play*, wait until the cursor moves, and press it again."""
    player.locator("[data-is=play]").click()
    element = player.locator("[data-is=seek]").element_handle()
    element.owner_frame().wait_for_function("(seek) => seek.value > 0.3", arg=element)
    player.locator("[data-is=play]").click()


def drag(page: Any, box: dict[str, float], by: float) -> None:
    """Drag what is in a box to the side, by pixels."""
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by, y, steps=4)
    page.mouse.up()
