"""The report page: everything is on it, nothing is fetched by it, and gaps are named."""

from __future__ import annotations

import base64
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import ROOT

from companion.report.contents import read_contents
from companion.report.page import build_report, markdown_tables
from companion.tables.model import Column, Missing, Number, Percent, Table
from companion.tables.provenance import write_table
from pianoalign_lib.common.errors import ConfigError, PianoAlignError

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4"><path id="a" d="M0 0h8v4z"/></svg>'
CONTENTS = read_contents(ROOT, "demo")
NOTEBOOK_TITLES, TABLES, FIGURES = CONTENTS.notebooks, CONTENTS.tables, CONTENTS.figures
VOID = {"meta", "img", "br", "hr", "link", "input"}


def provenance(version: str = "0.1.0") -> list[str]:
    return [
        f"corpus: demo, sha256 {'ab' * 32}",
        'parameters: {"a_b": 1}',
        "checkpoints (sha256): crnn 12345678",
        f"library: pianoalign {version}",
    ]


def scores(name: str) -> Table:
    columns = [
        Column("condition", "Timing errors"),
        Column("method", "Method"),
        Column("raw", "10 ms", group="raw", interval=True),
        Column("raw_ms", "Median error (ms)", group="raw"),
        Column("calibrated", "10 ms", group="calibrated"),
    ]
    rows = [
        ["±100 ms per note", "DTW", Percent(0.175, 0.13, 0.23), Number(33.8, 1), Percent(0.2)],
        ["±100 ms per note", "A|B_c*d", Percent(0.8, 0.7, 0.9), Number(4, 1), Missing("–", "why")],
        ["<none>", "DTW", Percent(0.1, 0.0, 0.2), Number(1234.5, 1), Percent(0.3)],
    ]
    return Table(name, f"Table 0. {name}: notes within a tolerance (%)", columns, rows, ["A note."])


def claims() -> Table:
    columns = [Column("id", "Id"), Column("verdict", "Verdict"), Column("reason", "Reason")]
    rows = [
        ["C1", "in direction only", "the interval includes the paper's value, " * 3],
        ["C2", "contradicted", "below"],
        ["C3", "not decided", "no real recordings"],
        ["C4", "in direction only", "above"],
    ]
    return Table("claims", "The paper's claims, tested on this corpus", columns, rows)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with every file the report shows."""
    root = tmp_path / "a project"
    results, figures = root / "results" / "demo", root / "figures" / "demo"
    (results / "notebooks").mkdir(parents=True)
    figures.mkdir(parents=True)
    (root / "params.yaml").write_text("corpora: [demo]\n")
    shutil.copyfile(ROOT / "results.yaml", root / "results.yaml")
    for name in TABLES:
        write_table(
            claims() if name == "claims" else scores(name), results / "tables", provenance()
        )
    for name in FIGURES:
        for suffix in ("svg", "pdf", "png", "csv"):
            (figures / f"{name}.{suffix}").write_text(SVG)
    other = root / "results" / "maps" / "report.html"
    other.parent.mkdir()
    other.write_text("<html></html>")
    for name in NOTEBOOK_TITLES:
        (results / "notebooks" / f"{name}.ipynb").write_text("{}")
    return root


class Page(HTMLParser):
    """What a browser would find; refuses tags that are not closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_page_holds_every_table_figure_and_notebook(project: Path) -> None:
    path = build_report("demo", root=project)
    assert path == project / "results" / "demo" / "report.html"
    page = Page(path)
    assert page.all("html") == [{"lang": "en"}]
    assert [a["id"] for a in page.all("article")] == [
        "claims",
        *[name for name in TABLES if name != "claims"],
        *FIGURES,
        "notebooks",
    ]
    assert len(page.all("table")) == len([text for tag, text in page.texts if tag == "caption"])
    assert len(page.all("table")) == len(TABLES)
    images = page.all("img")
    assert len(images) == len(FIGURES)
    for image in images:
        assert len(image["alt"]) > 20
        kind, data = image["src"].split(",")
        assert (kind, base64.b64decode(data).decode()) == ("data:image/svg+xml;base64", SVG)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in (attributes for _, attributes in page.tags):
        assert attributes.get("aria-labelledby", ids[0]) in ids


def test_links_lead_to_files_or_places_of_the_page_and_nothing_is_fetched(project: Path) -> None:
    path = build_report("demo", root=project)
    page = Page(path)
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    targets = [link["href"] for link in page.all("a")]
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in ids
        else:
            assert (path.parent / target).is_file(), target
    for name in NOTEBOOK_TITLES:
        assert f"notebooks/{name}.ipynb" in targets
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|<script|<link|@import|url\(", text)


def test_cells_headers_and_verdicts_are_those_of_the_tables(project: Path) -> None:
    page = Page(build_report("demo", root=project))
    cells = [text for tag, text in page.texts if tag == "td"]
    assert cells.count("17.5 [13.0, 23.0]") == len(TABLES) - 1
    assert "A|B_c*d" in cells
    assert "1,234.5" in cells
    headers = [text for tag, text in page.texts if tag == "th"]
    # Labels that repeat are shown once for their rows; markup in a label is text.
    assert headers.count("±100\N{NO-BREAK SPACE}ms per note") == len(TABLES) - 1
    assert headers.count("<none>") == len(TABLES) - 1
    spans = [a for a in page.all("th") if a.get("rowspan") == "2"]
    assert len(spans) == len(TABLES) - 1
    assert {a.get("scope") for a in spans} == {"rowgroup"}
    groups = [a["colspan"] for a in page.all("th") if a.get("class") == "group"]
    assert groups == ["2", "1"] * (len(TABLES) - 1)
    badges = [a["class"] for a in page.all("span") if "class" in a]
    assert badges == ["badge good", "badge bad", "badge open", "badge good"]
    shown = " ".join(text for _, text in page.texts)
    assert "claims: 2 in direction only, 1 contradicted, 1 not decided" in shown
    assert "crnn 12345678" in shown


def test_merged_cells_leave_every_row_as_wide_as_the_header(project: Path) -> None:
    page = Page(build_report("demo", root=project))
    widths: list[list[int]] = []
    for tag, attributes in page.tags:
        if tag == "table":
            widths.append([])
            above: list[int] = []  # rows that a merged cell still reaches into, per such cell
        elif tag == "tr":
            above = [rows - 1 for rows in above if rows > 1]
            widths[-1].append(len(above))
        elif tag in ("th", "td"):
            widths[-1][-1] += int(attributes.get("colspan") or 1)
            above.append(int(attributes.get("rowspan") or 1))
    assert widths == [[3] * 5] + [[5] * 5] * (len(TABLES) - 1)


def test_same_files_make_the_same_bytes(project: Path) -> None:
    path = build_report("demo", root=project)
    first = path.read_bytes()
    elsewhere = project.parent / "moved"
    shutil.copytree(project, elsewhere)
    path.unlink()
    assert build_report("demo", root=project).read_bytes() == first
    assert build_report("demo", root=elsewhere).read_bytes() == first


@pytest.mark.parametrize(
    ("missing", "stage"),
    [(f"results/demo/tables/{name}.json", entry.notebook) for name, entry in TABLES.items()]
    + [(f"figures/demo/{name}.svg", shown.notebook) for name, shown in FIGURES.items()]
    + [(f"results/demo/notebooks/{name}.ipynb", name) for name in NOTEBOOK_TITLES],
)
def test_missing_file_is_named_with_its_stage(project: Path, missing: str, stage: str) -> None:
    (project / missing).unlink()
    with pytest.raises(PianoAlignError) as caught:
        build_report("demo", root=project)
    assert missing in str(caught.value)
    assert str(caught.value).endswith(f"dvc repro {stage}")
    assert not (project / "results" / "demo" / "report.html").exists()


def test_tables_are_printed_in_the_order_of_the_list(project: Path) -> None:
    captions = re.findall(r"^\*\*(.+)\*\*$", markdown_tables("demo", project), re.MULTILINE)
    names = [each.split(". ")[-1].split(":")[0] for each in captions]
    assert [
        name.replace("The paper's claims, tested on this corpus", "claims") for name in names
    ] == [*TABLES]
    (project / "results" / "demo" / "tables" / "table5_dtw.md").unlink()
    with pytest.raises(PianoAlignError, match="dvc repro 04_dtw_comparison$"):
        markdown_tables("demo", project)


def test_some_results_belong_to_one_corpus() -> None:
    maps, every = read_contents(ROOT, "maps"), read_contents(ROOT)
    of_demo = {name for name, entry in every.tables.items() if not entry.is_of("maps")}
    assert of_demo == {name for name in TABLES if name.startswith("table10")}
    assert set(every.notebooks) - set(maps.notebooks) == {"10_other_instruments"}
    assert maps.tables == {n: entry for n, entry in every.tables.items() if n not in of_demo}
    assert maps.figures == every.figures
    assert set(every.figures) - set(FIGURES) == {"figure_latency", "figure_transcription"}
    assert "sensitivity" in maps.tables and "sensitivity" not in TABLES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {title: A, tables: {t: {show: x}}}", "unexpected keyword argument 'show'"),
        ("a: {title: A, figures: {f: {shows: x}}}", "missing 3 required .* 'title'"),
        ("a: {title: A, table: {}}", "unexpected keyword argument 'table'"),
        ("[a, b]", "no attribute"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_list_of_results_is_one_error(project: Path, text: str, message: str) -> None:
    (project / "results.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"results\.yaml: .*{message}"):
        build_report("demo", root=project)


def test_tables_of_different_runs_are_refused(project: Path) -> None:
    folder = project / "results" / "demo" / "tables"
    write_table(scores("table5_dtw"), folder, provenance("0.2.0"))
    with pytest.raises(PianoAlignError, match="table5_dtw differ in their 'library:' line"):
        build_report("demo", root=project)


@pytest.mark.parametrize("text", ["", "[]", '{"caption": "A caption", "rows": []}'])
def test_broken_table_is_named(project: Path, text: str) -> None:
    path = project / "results" / "demo" / "tables" / "table3_representation.json"
    path.write_text(text)
    with pytest.raises(PianoAlignError, match=r"table3_representation\.json: holds no whole table"):
        build_report("demo", root=project)


def test_large_svg_is_replaced_by_its_png(project: Path) -> None:
    figures = project / "figures" / "demo"
    (figures / "figure2_pianorolls.svg").write_text("<svg/>" * 300_000)
    (figures / "figure2_pianorolls.png").write_bytes(b"\x89PNG")
    text = build_report("demo", root=project).read_text()
    assert f"data:image/png;base64,{base64.b64encode(bytes([0x89]) + b'PNG').decode()}" in text
