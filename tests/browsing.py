"""A real Chromium for the tests of pages and notebooks; without one they are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.lab_browser import chromium, new_page, program

__all__ = ["browser", "new_page", "serious"]


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Yield a browser without a window (of Debian: ``apt-get install chromium``)."""
    pytest.importorskip("playwright.sync_api")
    if program() is None:
        pytest.skip("no Chromium here")
    with chromium() as opened:
        yield opened


def serious(page) -> list[str]:
    """Return what axe-core finds on a page that keeps somebody from using it."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']} ({[node['target'] for node in each['nodes']][:3]})"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
