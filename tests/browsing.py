"""A real Chromium for the tests of pages and notebooks; without one they are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

PATIENCE_MS = 240_000
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Yield a browser without a window (of Debian: ``apt-get install chromium``)."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as started:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = started.chromium.launch(executable_path=program, args=options)
        yield opened
        opened.close()


def new_page(browser, **options):
    """Return a page that waits as long as a busy machine needs."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def serious(page) -> list[str]:
    """Return what axe-core finds on a page that keeps somebody from using it."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']} ({[node['target'] for node in each['nodes']][:3]})"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
