"""The report of a corpus: one page with claims, tables, figures, and where they come from.

It shows what the notebooks wrote and computes nothing, so equal files make an equal page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .config import CorpusPaths, corpus_paths
from .errors import PianoAlignError
from .files import write_text
from .report_page import bullet_list, escape, figure_card, page, table_card
from .table_markdown import ShownTable, read_markdown_table

PAPER = "Murgul et al., arXiv 2506.22237"
CORPORA = {
    "maps": "the paper’s own data: software pianos and a real Disklavier",
    "demo": "built from public packages; no real recordings",
}
SHOWN_SVG_BYTES = 1_500_000  # a larger SVG slows a phone down: its PNG is shown instead

# Which notebook, which is also the name of its DVC stage, writes a table or figure.
NOTEBOOK_TITLES = {
    "01_data_preparation": "Corpus and preparation",
    "02_training": "Network and training",
    "03_ablations": "Ablations",
    "04_dtw_comparison": "Comparison with DTW",
    "05_real_recordings": "Real recordings, and the verdict on every claim",
    "06_localizer": "The localizer beside other tools, and its ablations",
}
TABLES = {
    "claims": "05_real_recordings",
    "table1_corpus": "01_data_preparation",
    "table1_error_size": "03_ablations",
    "table2_architecture": "03_ablations",
    "table3_representation": "03_ablations",
    "table4_frame_rate": "03_ablations",
    "table5_dtw": "04_dtw_comparison",
    "table6_real": "05_real_recordings",
    "table7_field": "06_localizer",
    "table7_conditions": "06_localizer",
    "table7_extra": "06_localizer",
    "table8_localizer": "06_localizer",
}
# Studies that only a corpus with real recordings has; tables and figures of the notebook's stage.
MAPS_TABLES = {
    "table5_pianos": "04_dtw_comparison",
    "sensitivity": "04_dtw_comparison",
    "label_limit": "05_real_recordings",
    "latency": "05_real_recordings",
    "microphones": "05_real_recordings",
    "scored_by_sound": "05_real_recordings",
    "cross_corpus": "05_real_recordings",
}
# Of these provenance lines there can be only one among tables that belong together.
SHARED_LINES = ("corpus:", "recordings:", "library:", "cite:")


@dataclass(frozen=True)
class ShownFigure:
    """A figure of the report: who writes it, what it shows, and the same for who cannot see it."""

    notebook: str
    title: str
    caption: str
    alt: str


FIGURES = {
    "figure1_architecture": ShownFigure(
        "02_training",
        "Figure 1. The network.",
        "Unaligned piano roll and spectrogram each pass a convolutional branch; a recurrent layer "
        "reads both, and a dense layer gives the probability that a key sounds, per frame.",
        "Block diagram of the CRNN, from the two inputs to the aligned piano roll.",
    ),
    "training_curves": ShownFigure(
        "02_training",
        "Training.",
        "Loss and validation accuracy of every variant by epoch, from the committed training logs.",
        "Line plots of loss and validation accuracy against the epoch, a line per variant.",
    ),
    "figure2_pianorolls": ShownFigure(
        "04_dtw_comparison",
        "Figure 2. Piano rolls over the CQT.",
        "The unaligned input, what the CRNN predicts, and the true notes, for a few seconds of a "
        "test recording.",
        "Three panels of coloured notes over a grey spectrogram: unaligned, predicted, aligned.",
    ),
    "figure3_tempo": ShownFigure(
        "04_dtw_comparison",
        "Figure 3. Onset error against tempo deviation.",
        "Median onset error when the MIDI plays up to 20 % too slow or too fast; the line marks "
        "40 ms.",
        "Line plot of the median onset error in milliseconds, on a logarithmic scale, against a "
        "tempo deviation from −20 to +20 percent, a line per method.",
    ),
    "figure4_field": ShownFigure(
        "06_localizer",
        "Figure 4. Accuracy against speed.",
        "Every tool of table 7: notes within 10 ms of the true onset against its speed on one "
        "core. Hollow markers: each recording’s median error removed.",
        "Scatter plots of accuracy against speed, on a logarithmic scale, a marker per tool and a "
        "panel per test set.",
    ),
    "figure_reliability": ShownFigure(
        "06_localizer",
        "What the localizer’s confidence is worth.",
        "The share of notes that are right within 10 ms against the confidence that the localizer "
        "gave them, in ten bins, and below how many notes fall into each.",
        "Line plot of the share of right notes against confidence, a line per test set, beside the "
        "diagonal; below it a histogram of the confidence.",
    ),
}
MAPS_FIGURES = {
    "figure_latency": ShownFigure(
        "05_real_recordings",
        "The limit set by the labels.",
        "How long after its label a note sounds, by velocity: the Disklavier with close and with "
        "ambient microphones, and the software pianos for comparison.",
        "Plots of the delay between label and sound in milliseconds against MIDI velocity, for "
        "both microphones and the software pianos.",
    ),
}


def corpus_tables(corpus: str) -> dict[str, str]:
    """Return the tables of a corpus, each with the notebook that writes it."""
    return TABLES | (MAPS_TABLES if corpus == "maps" else {})


def corpus_figures(corpus: str) -> dict[str, ShownFigure]:
    """Return the figures of a corpus."""
    return FIGURES | (MAPS_FIGURES if corpus == "maps" else {})


def build_report(corpus: str, root: Path | None = None) -> Path:
    """Write ``results/<corpus>/report.html`` from the tables and figures; return its path.

    Raises
    ------
    PianoAlignError
        If a table, figure or notebook is missing or unreadable (the message names the stage that
        makes it), or if the tables were made from different states of the corpus or library.
    """
    paths, stages = corpus_paths(corpus, root), corpus_tables(corpus)
    tables = {name: _read_table(paths, name, stage) for name, stage in stages.items()}
    shared = _shared_provenance(paths, tables)
    for name in NOTEBOOK_TITLES:
        _existing(paths, paths.results / "notebooks" / f"{name}.ipynb", name)
    cards = {name: _table_card(name, table, stages[name]) for name, table in tables.items()}
    figures = corpus_figures(corpus).items()
    sections = [
        ("Claims", cards.pop("claims")),
        ("Tables", "".join(cards.values())),
        ("Figures", "".join(_figure_card(paths, name, shown) for name, shown in figures)),
        ("Notebooks", _notebook_list()),
    ]
    footer = f"<h2>Provenance</h2>\n{bullet_list(shared)}"
    target = paths.results / "report.html"
    title = f"Audio-to-MIDI alignment: results on the corpus “{corpus}”"
    intro = _intro(tables["claims"]) + _corpora(corpus)
    write_text(target, page(title, intro, sections, footer))
    return target


def _read_table(paths: CorpusPaths, name: str, stage: str) -> ShownTable:
    path = _existing(paths, paths.results / "tables" / f"{name}.md", stage)
    return read_markdown_table(path)


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


def _figure_card(paths: CorpusPaths, name: str, shown: ShownFigure) -> str:
    picture = _existing(paths, paths.figures / f"{name}.svg", shown.notebook)
    if picture.stat().st_size > SHOWN_SVG_BYTES:
        picture = _existing(paths, paths.figures / f"{name}.png", shown.notebook)
    links = [
        _link(f"../../figures/{paths.corpus}/{name}.{suffix}", label)
        for suffix, label in (("svg", "SVG"), ("pdf", "PDF"), ("png", "PNG"), ("csv", "Data"))
        if suffix != "csv" or (paths.figures / f"{name}.csv").is_file()
    ]
    files = f"{' · '.join(links)} · {_notebook_link(shown.notebook)}"
    caption = f"<strong>{escape(shown.title)}</strong> {escape(shown.caption)}"
    return figure_card(name, picture, shown.alt, caption, files)


def _notebook_list() -> str:
    items = "".join(
        f"<li>{_link(f'notebooks/{name}.ipynb', name)}: {escape(title)}</li>\n"
        for name, title in NOTEBOOK_TITLES.items()
    )
    return f'<div class="card"><p>Executed, with all outputs:</p>\n<ul>\n{items}</ul></div>\n'


def _notebook_link(name: str) -> str:
    return f"notebook {_link(f'notebooks/{name}.ipynb', name)}"


def _link(target: str, text: str) -> str:
    return f'<a href="{escape(target)}">{escape(text)}</a>'
