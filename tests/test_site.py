"""The static pages: every link leads somewhere, nothing is fetched, and all can use them."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from browsing import browser, new_page, serious
from conftest import ROOT

pytest.importorskip("sphinx")
from companion.report.contents import read_contents
from tools.site import build

__all__ = ["browser"]
LINK = re.compile(r"""\s(?:href|src)="([^"]*)\"""")
OUTSIDE = re.compile(r"^(https?:|mailto:|data:)")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, with notebooks as they are: executed ones are those of the pipeline."""
    return build(ROOT, tmp_path_factory.mktemp("site"), execute=False)


def test_every_link_leads_somewhere(pages: Path) -> None:
    missing = []
    for page in pages.rglob("*.html"):
        text = re.sub(r"<script.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.S)
        for link in LINK.findall(text):
            target, _, place = unquote(html.unescape(link)).partition("#")
            if OUTSIDE.match(link):
                assert "<link" not in link
                continue
            file = (page.parent / target.partition("?")[0]) if target else page
            if not file.is_file():
                missing.append(f"{page.relative_to(pages)}: {link}")
            elif place and f'id="{place}"' not in file.read_text(encoding="utf-8"):
                missing.append(f"{page.relative_to(pages)}: {link}, no such place")
    assert missing == []


def test_every_table_says_how_to_cite_it(pages: Path) -> None:
    tables = [each for each in read_contents(ROOT).tables.values() if each.is_of("demo")]
    text = (pages / "results" / "demo.html").read_text(encoding="utf-8")
    assert text.count("Cite this table") == len(tables)
    assert len(set(re.findall(r"SHA-256 [0-9a-f]{64}", text))) == len(tables)


def test_tables_of_notebooks_are_tables(pages: Path) -> None:
    for name in ("demo_03_ablations", "maps_04_dtw_comparison"):
        text = (pages / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
        assert text.count("<table") >= 3 and "predict none:" not in text


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_all_can_use_it_without_a_network(browser, pages: Path, width: int, scheme: str) -> None:
    size = {"width": width, "height": 844}
    page, asked = new_page(browser, viewport=size, color_scheme=scheme, offline=True), []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index", "results/demo", "notebooks/demo_06_localizer", "api"):
        page.goto((pages / f"{name}.html").as_uri())
        assert serious(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert {url.split(":")[0] for url in asked} <= {"file", "data", "blob", "about"}
