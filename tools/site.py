"""Build the site: how-tos, executed notebooks, tables with their citation, and the references.

``python -m tools.site`` (``make site``) writes ``build/site/html``, and needs no network. Notebooks
0, 7 and 8 are executed here, since they are no outputs of the pipeline, and 9 if the corpus demo is
built.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import nbformat
import yaml

from companion.report.contents import Contents, FigureEntry, read_contents
from pianoalign_lib import align
from pianoalign_lib.cli import build_parser
from pianoalign_lib.common import __version__
from pianoalign_lib.common.config import corpus_paths, project_root

CORPORA = ("demo", "maps")
INTERACTIVE = ("00_start_here", "07_explore", "08_your_recording", "09_your_method")
NEEDS_CORPUS = "09_your_method"


def main() -> int:
    """Build the site."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="execute no notebook")
    arguments = parser.parse_args()
    root = project_root()
    print(build(root, root / "build" / "site", execute=not arguments.fast) / "index.html")
    return 0


def build(root: Path, folder: Path, *, execute: bool = True) -> Path:
    """Write the site's sources and pages into a folder, and return that of the pages."""
    source, pages = folder / "source", folder / "html"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "site", source)
    example = align(root / "examples" / "recording.flac", root / "examples" / "loose.mid")
    (source / "example.html").write_text(example.listen()._repr_html_(), encoding="utf-8")
    _notebooks(root, source / "notebooks", execute)
    (source / "results").mkdir()
    for corpus in CORPORA:
        text = results_page(root, source, corpus, read_contents(root, corpus))
        (source / "results" / f"{corpus}.md").write_text(text, encoding="utf-8")
    (source / "cli.md").write_text(cli_page(), encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    subprocess.run([*command, str(source), str(pages)], check=True)
    return pages


def _notebooks(root: Path, target: Path, execute: bool) -> None:
    """Copy the executed notebooks, execute those outside the pipeline, and list them all."""
    target.mkdir()
    shown = {}
    for name in INTERACTIVE:
        there = corpus_paths("demo", root).split("eval").is_dir() or name != NEEDS_CORPUS
        if execute and there:
            command = [sys.executable, "-m", "papermill", "--no-progress-bar", f"{name}.ipynb"]
            written = str(target / f"{name}.ipynb")
            subprocess.run([*command, written], cwd=root / "notebooks", check=True)
        else:
            shutil.copyfile(root / "notebooks" / f"{name}.ipynb", target / f"{name}.ipynb")
        shown[name] = name
        _clean(target / f"{name}.ipynb")
    for corpus in CORPORA:
        for name in read_contents(root, corpus).notebooks:
            file = target / f"{corpus}_{name}.ipynb"
            shutil.copyfile(root / "results" / corpus / "notebooks" / f"{name}.ipynb", file)
            _clean(file, f" ({corpus})")
            shown[file.stem] = name
    entries = "\n".join(sorted(shown, key=lambda name: (shown[name], name)))
    index = f"# Notebooks\n\n```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n"
    (target / "index.md").write_text(index, encoding="utf-8")


def _clean(path: Path, suffix: str = "") -> None:
    """Leave out what a page does not need: widgets' state, and papermill's notes."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    title, _, rest = notebook.cells[0].source.partition("\n")
    notebook.cells[0].source = f"{title}{suffix}\n{rest}"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    nbformat.write(notebook, path)


def results_page(root: Path, source: Path, corpus: str, contents: Contents) -> str:
    """Return tables, each with its citation, and figures of a corpus as Markdown."""
    parts = [f"# Tables and figures: {corpus}\n"]
    for notebook, title in contents.notebooks.items():
        parts.append(f"## {title}\n")
        for name, entry in (contents.tables | contents.figures).items():
            if entry.notebook != notebook:
                continue
            if isinstance(entry, FigureEntry):
                parts.append(_figure(root, source, corpus, name, entry))
            else:
                file = root / "results" / corpus / "tables" / f"{name}.md"
                table, _, made = file.read_text(encoding="utf-8").partition("Provenance:\n")
                parts += [f"({corpus}-{name})=\n", table, _folded("Provenance", made)]
                parts.append(_citation(root, file.with_suffix(".csv"), corpus, notebook))
    return "\n".join(parts)


def _figure(root: Path, source: Path, corpus: str, name: str, entry: FigureEntry) -> str:
    folder = source / "_static" / "figures" / corpus
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / "figures" / corpus / f"{name}.png", folder / f"{name}.png")
    title = f"{entry.number}. {entry.title}" if entry.number else entry.title
    return (
        f"```{{figure}} ../_static/figures/{corpus}/{name}.png\n:alt: {entry.alt}\n"
        f":class: shown\n\n**{title}** {entry.caption}\n```\n"
    )


def _citation(root: Path, file: Path, corpus: str, notebook: str) -> str:
    """Return how to cite a table: version, DOI if there is one, the table's file and its hash."""
    software = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    authors = " and ".join(f"{{{author['name']}}}" for author in software["authors"])
    fields = {
        "title": f"{{{software['title']}}}: {file.stem}, {corpus}",
        "author": authors,
        "version": __version__,
        "doi": software.get("doi", ""),
        "note": f"{file.relative_to(root)}, SHA-256 {sha256(file.read_bytes()).hexdigest()}",
    }
    entry = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    bibtex = f"```bibtex\n@software{{pianoalign_{corpus}_{file.stem},\n{entry}\n}}\n```\n"
    source = f"From the notebook [{notebook}](../notebooks/{corpus}_{notebook}.ipynb).\n"
    return _folded("Cite this table", bibtex) + source


def _folded(title: str, text: str) -> str:
    return f'<details class="cite"><summary>{title}</summary>\n\n{text}\n</details>\n\n'


def cli_page() -> str:
    """Return the help of the program and of its commands as Markdown."""
    parts = ["# Command line\n"]
    todo = [build_parser()]
    while todo:
        parser = todo.pop(0)
        parts.append(f"## {parser.prog}\n\n```text\n{parser.format_help()}```\n")
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                todo += list(action.choices.values())
    return "\n".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
