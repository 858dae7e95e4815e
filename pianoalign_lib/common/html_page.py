"""The report's HTML: tables, figures and the page around them. One file, no script, no network."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from ..tables.markdown import ShownTable

BADGES = {
    "reproduced": "good",
    "not reproduced": "bad",
    "not testable here": "open",
}
LONG_CELL = 60  # characters; a table with such a cell is prose and never gets narrow
MEDIA_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}

STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --muted: #5b6472; --line: #d9dde3;
  --page: #f6f7f9; --card: #ffffff; --shade: #0002; --link: #0b5cad;
  --good: #11632f; --bad: #a3231b; --open: #6b5300; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ec; --muted: #a2abb8; --line: #3a414c;
  --page: #14171c; --card: #1d2128; --shade: #fff3; --link: #7cb7f5;
  --good: #7fd69b; --bad: #f2968f; --open: #e3c465; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main, header, footer { max-width: 75rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 2rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; }
p { margin: .5rem 0; max-width: 48rem; }
a { color: var(--link); }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1rem 0 0;
  padding: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: 1rem; margin: 0 0 1.25rem; }
.about { color: var(--muted); margin: -.25rem 0 .75rem; }
.scroll { overflow-x: auto; background:
  linear-gradient(to right, var(--card) 30%, transparent) left / 2.5rem 100% no-repeat local,
  linear-gradient(to left, var(--card) 30%, transparent) right / 2.5rem 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) left / .8rem 100% no-repeat scroll,
  linear-gradient(to left, var(--shade), transparent) right / .8rem 100% no-repeat scroll; }
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; font-size: .875rem; font-variant-numeric:
tabular-nums; } caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path:
inset(50%); } th, td { padding: .35rem .6rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; font-weight: 600; }
thead td { border: 0; }
thead th.group { border-bottom: 1px solid var(--line); border-left: 1.2rem solid transparent;
  padding-left: 0; background-clip: padding-box; }
tbody th { font-weight: 600; max-width: 14rem; }
tbody th:first-child, thead tr:last-child th:first-child { position: sticky; left: 0;
  background: var(--card); }
table:not(.prose) :is(tbody th, td):not(.number) { min-width: 5.5rem; }
th.number, td.number { text-align: right; }
td.number { white-space: nowrap; }
table.prose { min-width: 58rem; }
.badge { font-weight: 600; white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.notes { font-size: .85rem; color: var(--muted); margin: .75rem 0; padding-left: 1.1rem;
  max-width: 60rem; }
.files, details { font-size: .85rem; color: var(--muted); }
details ul { padding-left: 1.1rem; overflow-wrap: anywhere; }
summary { cursor: pointer; }
figure { margin: 0; }
figure img { display: block; width: 100%; min-width: 34rem; height: auto; max-width: 56rem;
  background: #fff; border-radius: .25rem; }
figcaption { margin-top: .75rem; max-width: 48rem; }
footer { padding-bottom: 2rem; font-size: .85rem; color: var(--muted); }
footer ul { padding-left: 1.1rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) { .card { padding: .75rem; border-radius: 0; margin-left: -1rem;
  margin-right: -1rem; border-left: 0; border-right: 0; }
  tbody th { max-width: 7.5rem; } }
@media print { body { background: #fff; } .card { break-inside: avoid; border: 0; }
  .scroll { overflow: visible; } }
""".strip()


_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s|%)(?!\w))")


def escape(text: str) -> str:
    """Return `text` as HTML, each number kept on one line with its unit."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", html.escape(text))


def page(title: str, intro: str, sections: Sequence[tuple[str, str]], footer: str) -> str:
    """Return the whole page; `sections` are pairs of heading and HTML, linked at the top."""
    names = [f"section-{number}" for number in range(1, len(sections) + 1)]
    links = "".join(
        f'<li><a href="#{name}">{escape(heading)}</a></li>'
        for name, (heading, _) in zip(names, sections, strict=True)
    )
    body = "\n".join(
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(heading)}</h2>\n{content}'
        "</section>"
        for name, (heading, content) in zip(names, sections, strict=True)
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{intro}\n"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n</header>\n'
        f"<main>\n{body}\n</main>\n<footer>\n{footer}\n</footer>\n</body>\n</html>\n"
    )


def table_card(name: str, table: ShownTable, files: str) -> str:
    """Return a table with its notes, the links `files` (HTML) and its provenance."""
    title, _, about = table.caption.partition(": ")
    about = f'<p class="about">{escape(about[:1].upper() + about[1:])}.</p>\n' if about else ""
    return (
        f'<article class="card" id="{name}">\n<h3 id="{name}-title">{escape(title)}</h3>\n{about}'
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{name}-title">\n'
        f"{_table(table)}</div>\n{bullet_list(table.notes, 'notes')}"
        f'<p class="files">{files}</p>\n'
        f"<details><summary>Provenance</summary>\n{bullet_list(table.provenance)}</details>\n</article>\n"
    )


def figure_card(name: str, picture: Path, alt: str, caption: str, files: str) -> str:
    """Return a figure embedded in the page; `caption` and `files` are HTML."""
    data = base64.b64encode(picture.read_bytes()).decode("ascii")
    source = f"data:{MEDIA_TYPES[picture.suffix]};base64,{data}"
    return (
        f'<article class="card" id="{name}">\n<figure>\n'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(name)}">'
        f'<img src="{source}" alt="{escape(alt)}"></div>\n'
        f'<figcaption>{caption}</figcaption>\n</figure>\n<p class="files">{files}</p>\n</article>\n'
    )


def _table(table: ShownTable) -> str:
    prose = any(len(text) > LONG_CELL for row in table.rows for text in row)
    kind = ' class="prose"' if prose else ""
    return (
        f"<table{kind}>\n<caption>{escape(table.caption)}</caption>\n<thead>\n{_head(table)}</thead>\n"
        f"<tbody>\n{_body(table)}</tbody>\n</table>\n"
    )


def _head(table: ShownTable) -> str:
    """Return one header row, or two where neighbouring columns share a header."""
    split = [header.split(": ", 1) if ": " in header else ["", header] for header in table.headers]
    lower = "".join(
        f'<th scope="col"{" class=number" if number else ""}>{escape(header)}</th>'
        for (_, header), number in zip(split, table.numeric, strict=True)
    )
    if not any(group for group, _ in split):
        return f"<tr>{lower}</tr>\n"
    upper = ""
    for group, members in groupby(split, key=lambda pair: pair[0]):
        span = len(list(members))
        upper += (
            f'<th class="group" scope="colgroup" colspan="{span}"><span>{escape(group)}</span></th>'
            if group
            else f'<td colspan="{span}"></td>'
        )
    return f"<tr>{upper}</tr>\n<tr>{lower}</tr>\n"


def _body(table: ShownTable) -> str:
    """Return the rows; labels that repeat from row to row are shown once, for all of them."""
    labels = max(table.numeric.index(True) if True in table.numeric else 0, 1)
    rows = ""
    for index, row in enumerate(table.rows):
        cells = ""
        for column, text in enumerate(row):
            head = row[: column + 1]
            merged = column < labels and not table.numeric[column]
            if merged and index and table.rows[index - 1][: column + 1] == head:
                continue
            span = 1
            while merged and index + span < len(table.rows):
                if table.rows[index + span][: column + 1] != head:
                    break
                span += 1
            cells += _cell(text, table.numeric[column], column == 0, span)
        rows += f"<tr>{cells}</tr>\n"
    return rows


def _cell(text: str, number: bool, first: bool, span: int) -> str:
    marks = (f' rowspan="{span}"' if span > 1 else "") + (' class="number"' if number else "")
    if first:
        scope = "rowgroup" if span > 1 else "row"
        return f'<th scope="{scope}"{marks}>{escape(text)}</th>'
    if text in BADGES:
        return f'<td{marks}><span class="badge {BADGES[text]}">{escape(text)}</span></td>'
    return f"<td{marks}>{escape(text)}</td>"


def bullet_list(items: Sequence[str], kind: str = "") -> str:
    """Return a list of plain texts, of the CSS class `kind`; nothing if there are none."""
    if not items:
        return ""
    lines = "".join(f"<li>{escape(item)}</li>\n" for item in items)
    return f"<ul{f' class={kind}' if kind else ''}>\n{lines}</ul>\n"
