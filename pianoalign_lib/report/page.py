"""The report of a corpus: one page with claims, tables, figures, and where they come from.

It shows what the notebooks wrote and computes nothing, so equal files make an equal page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..common.config import CorpusPaths, corpus_paths
from ..common.errors import PianoAlignError
from ..common.files import write_text
from ..common.html_page import bullet_list, escape, figure_card, page, table_card
from ..tables.markdown import ShownTable, read_markdown_table
from .contents import FigureEntry, read_contents

PAPER = "Murgul et al., arXiv 2506.22237"
CORPORA = {
    "maps": "the paper’s own data: software pianos and a real Disklavier",
    "demo": "built from public packages; no real recordings",
}
SHOWN_SVG_BYTES = 1_500_000  # a larger SVG slows a phone down: its PNG is shown instead

# Of these provenance lines there can be only one among tables that belong together.
SHARED_LINES = ("corpus:", "recordings:", "library:", "cite:")


def build_report(corpus: str, root: Path | None = None) -> Path:
    """Write ``results/<corpus>/report.html`` from the tables and figures; return its path.

    Raises
    ------
    PianoAlignError
        If a table, figure or notebook is missing or unreadable (the message names the stage that
        makes it), or if the tables were made from different states of the corpus or library.
    """
    paths = corpus_paths(corpus, root)
    contents = read_contents(paths.root, corpus)
    stages = {name: entry.notebook for name, entry in contents.tables.items()}
    tables = {
        name: read_markdown_table(_table_file(paths, name, stage)) for name, stage in stages.items()
    }
    shared = _shared_provenance(paths, tables)
    for name in contents.notebooks:
        _existing(paths, paths.results / "notebooks" / f"{name}.ipynb", name)
    cards = {name: _table_card(name, table, stages[name]) for name, table in tables.items()}
    figures = contents.figures.items()
    sections = [
        ("Claims", cards.pop("claims")),
        ("Tables", "".join(cards.values())),
        ("Figures", "".join(_figure_card(paths, name, shown) for name, shown in figures)),
        ("Notebooks", _notebook_list(contents.notebooks)),
    ]
    footer = f"<h2>Provenance</h2>\n{bullet_list(shared)}"
    target = paths.results / "report.html"
    title = f"Audio-to-MIDI alignment: results on the corpus “{corpus}”"
    intro = _intro(tables["claims"]) + _corpora(corpus)
    write_text(target, page(title, intro, sections, footer))
    return target


def markdown_tables(corpus: str, root: Path | None = None) -> str:
    """Return all tables of a corpus as Markdown, in the order of ``results.yaml``.

    Raises
    ------
    PianoAlignError
        If a table is missing (the message names the stage that makes it).
    """
    paths = corpus_paths(corpus, root)
    tables = read_contents(paths.root, corpus).tables
    files = [_table_file(paths, name, entry.notebook) for name, entry in tables.items()]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def _table_file(paths: CorpusPaths, name: str, stage: str) -> Path:
    return _existing(paths, paths.results / "tables" / f"{name}.md", stage)


def _existing(paths: CorpusPaths, path: Path, stage: str) -> Path:
    if not path.is_file():
        raise PianoAlignError(
            f"{path.relative_to(paths.root)}: not found; run its stage: dvc repro {stage}"
        )
    return path


def _shared_provenance(paths: CorpusPaths, tables: Mapping[str, ShownTable]) -> list[str]:
    """Return the provenance lines common to all tables; refuse tables that do not fit together."""
    first_name, first = next(iter(tables.items()))
    for name, table in tables.items():
        for start in SHARED_LINES:
            lines = [
                [line for line in each.provenance if line.startswith(start)]
                for each in (first, table)
            ]
            if lines[0] != lines[1]:
                raise PianoAlignError(
                    f"{paths.results / 'tables'}: {first_name} and {name} differ in their "
                    f"'{start}' line; run dvc repro to make both anew"
                )
    return [
        line
        for line in first.provenance
        if all(line in table.provenance for table in tables.values())
    ]


def _intro(claims: ShownTable) -> str:
    verdict = claims.headers.index("Verdict") if "Verdict" in claims.headers else -1
    verdicts = [row[verdict] for row in claims.rows]
    counts = ", ".join(f"{verdicts.count(text)} {text}" for text in dict.fromkeys(verdicts))
    return (
        f"<p>A reproduction of {escape(PAPER)}: a network that moves the notes of a loosely timed "
        "MIDI file to where a recording has them, compared with dynamic time warping (DTW).</p>\n"
        f"<p>Of the paper’s {len(verdicts)} claims: {escape(counts)}. Accuracy is the share of "
        "notes whose onset lies within a tolerance of the true one; square brackets hold a 95 % "
        "interval.</p>"
    )


def _corpora(shown: str) -> str:
    """Return links to the reports of all corpora, the paper's own first."""
    items = [
        f"<strong>{escape(name)}</strong>"
        if name == shown
        else _link(f"../{name}/report.html", name)
        for name in CORPORA
    ]
    texts = [f"{item} ({escape(text)})" for item, text in zip(items, CORPORA.values(), strict=True)]
    return f"\n<p>Corpora: {' · '.join(texts)}.</p>"


def _table_card(name: str, table: ShownTable, notebook: str) -> str:
    links = [
        _link(f"tables/{name}.{suffix}", label)
        for suffix, label in (("csv", "CSV"), ("md", "Markdown"), ("tex", "LaTeX"))
    ]
    return table_card(name, table, f"{' · '.join(links)} · {_notebook_link(notebook)}")


def _figure_card(paths: CorpusPaths, name: str, shown: FigureEntry) -> str:
    picture = _existing(paths, paths.figures / f"{name}.svg", shown.notebook)
    if picture.stat().st_size > SHOWN_SVG_BYTES:
        picture = _existing(paths, paths.figures / f"{name}.png", shown.notebook)
    links = [
        _link(f"../../figures/{paths.corpus}/{name}.{suffix}", label)
        for suffix, label in (("svg", "SVG"), ("pdf", "PDF"), ("png", "PNG"), ("csv", "Data"))
        if suffix != "csv" or (paths.figures / f"{name}.csv").is_file()
    ]
    files = f"{' · '.join(links)} · {_notebook_link(shown.notebook)}"
    number = f"{shown.number}. " if shown.number else ""
    caption = f"<strong>{number}{escape(shown.title)}</strong> {escape(shown.caption)}"
    return figure_card(name, picture, shown.alt, caption, files)


def _notebook_list(titles: Mapping[str, str]) -> str:
    items = "".join(
        f"<li>{_link(f'notebooks/{name}.ipynb', name)}: {escape(title)}</li>\n"
        for name, title in titles.items()
    )
    return f'<div class="card"><p>Executed, with all outputs:</p>\n<ul>\n{items}</ul></div>\n'


def _notebook_link(name: str) -> str:
    return f"notebook {_link(f'notebooks/{name}.ipynb', name)}"


def _link(target: str, text: str) -> str:
    return f'<a href="{escape(target)}">{escape(text)}</a>'
