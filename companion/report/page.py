"""The report of a corpus: one page with claims, tables, figures, and where they come from.

It shows what the notebooks wrote and computes nothing, so equal files make an equal page.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from pianoalign_lib.common.config import CorpusPaths, corpus_paths
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.files import write_text
from pianoalign_lib.common.html_page import Card, ShownPicture, ShownTable, embedded, link, page

from .contents import FigureEntry, read_contents

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
    tables = {
        name: _read_table(_table_file(paths, name, entry.notebook, "json"))
        for name, entry in contents.tables.items()
    }
    provenance = _shared_provenance(paths, tables)
    forms = {"csv": "CSV", "md": "Markdown", "tex": "LaTeX"}
    cards = {
        name: Card(name, table, _links(f"tables/{name}", contents.tables[name].notebook, forms))
        for name, table in tables.items()
    }
    figures = [_figure_card(paths, name, entry) for name, entry in contents.figures.items()]
    for name in contents.notebooks:
        _existing(paths, paths.results / "notebooks" / f"{name}.ipynb", name)
    notebooks = [
        Markup("{}: {}").format(link(f"notebooks/{name}.ipynb", name), title)
        for name, title in contents.notebooks.items()
    ]
    sections = {
        "Claims": [cards.pop("claims")],
        "Tables": list(cards.values()),
        "Figures": figures,
        "Notebooks, executed": [Card("notebooks", notebooks)],
    }
    target = paths.results / "report.html"
    title = f"Audio-to-MIDI alignment: results on the corpus “{corpus}”"
    write_text(target, page(title, _intro(corpus, tables["claims"]), sections, provenance))
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
    files = [_table_file(paths, name, entry.notebook, "md") for name, entry in tables.items()]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def _table_file(paths: CorpusPaths, name: str, stage: str, suffix: str) -> Path:
    return _existing(paths, paths.results / "tables" / f"{name}.{suffix}", stage)


def _existing(paths: CorpusPaths, path: Path, stage: str) -> Path:
    if not path.is_file():
        raise PianoAlignError(
            f"{path.relative_to(paths.root)}: not found; run its stage: dvc repro {stage}"
        )
    return path


def _read_table(path: Path) -> ShownTable:
    try:
        return ShownTable(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise PianoAlignError(f"{path}: holds no whole table; run its notebook again") from error


def _shared_provenance(paths: CorpusPaths, tables: Mapping[str, ShownTable]) -> list[str]:
    """Return the provenance lines common to all tables; refuse tables that do not fit together."""
    (first_name, first), *others = tables.items()
    for name, table in others:
        for line in sorted(set(first.provenance) ^ set(table.provenance)):
            if line.startswith(SHARED_LINES):
                raise PianoAlignError(
                    f"{paths.results / 'tables'}: {first_name} and {name} differ in their "
                    f"'{line.split()[0]}' line; run dvc repro to make both anew"
                )
    return [
        line
        for line in first.provenance
        if all(line in table.provenance for table in tables.values())
    ]


def _intro(corpus: str, claims: ShownTable) -> list[str]:
    verdicts = [row[claims.headers.index("Verdict")] for row in claims.rows]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).items())
    corpora = [
        Markup("{} ({})").format(
            Markup("<strong>{}</strong>").format(name)
            if name == corpus
            else link(f"../{name}/report.html", name),
            about,
        )
        for name, about in CORPORA.items()
    ]
    return [
        "A reproduction of Murgul et al., arXiv 2506.22237: a network that moves the notes of a "
        "loosely timed MIDI file to where a recording has them, compared with dynamic time warping "
        "(DTW).",
        f"The paper’s claims: {counts}. Accuracy is the share of notes whose "
        "onset lies within a tolerance of the true one; square brackets hold a 95 % interval.",
        Markup("Corpora: {}.").format(Markup(" · ").join(corpora)),
    ]


def _figure_card(paths: CorpusPaths, name: str, entry: FigureEntry) -> Card:
    picture = _existing(paths, paths.figures / f"{name}.svg", entry.notebook)
    kind = "image/svg+xml"
    if picture.stat().st_size > SHOWN_SVG_BYTES:
        picture, kind = _existing(paths, picture.with_suffix(".png"), entry.notebook), "image/png"
    title = f"{entry.number}. {entry.title}" if entry.number else entry.title
    source = embedded(picture.read_bytes(), kind)
    forms = {"svg": "SVG", "pdf": "PDF", "png": "PNG"}
    if (paths.figures / f"{name}.csv").is_file():
        forms["csv"] = "Data"
    links = _links(f"../../figures/{paths.corpus}/{name}", entry.notebook, forms)
    return Card(name, ShownPicture(source, entry.alt, title, entry.caption), links)


def _links(file: str, notebook: str, forms: Mapping[str, str]) -> list[Markup]:
    """Return links to a table's or figure's files and to the notebook that writes them."""
    files = [link(f"{file}.{suffix}", text) for suffix, text in forms.items()]
    return [*files, Markup("notebook {}").format(link(f"notebooks/{notebook}.ipynb", notebook))]
