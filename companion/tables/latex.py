"""A table as LaTeX, with booktabs rules."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Table

# How LaTeX prints what it would take for markup, and what plain pdflatex does not know.
_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: "\\" + character for character in "&%$#_{}"},
        "±": r"$\pm$",
        "−": "$-$",
        "–": "--",
        "×": r"$\times$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "→": r"$\rightarrow$",
        "“": "``",
        "”": "''",
        "<": "$<$",
        ">": "$>$",
        "|": r"\textbar{}",
        "\N{NO-BREAK SPACE}": "~",
    }
)
_WIDE = 8  # columns; a table with more is shrunk to the width of the text


def latex(table: Table) -> str:
    """Return a table float (packages booktabs, array and graphicx)."""
    shown, wide = table.shown(), len(table.columns) > _WIDE
    align = ["r" if number else "l" for number in shown.numeric]
    for place, column in enumerate(table.columns):
        if column.width:
            align[place] = f">{{\\raggedright\\arraybackslash}}p{{{column.width}}}"
    lines = [
        "% needs \\usepackage{booktabs,array,graphicx}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escape(table.caption)}}}",
        f"\\label{{tab:{table.name}}}",
        "\\footnotesize",
        *(["\\resizebox{\\textwidth}{!}{%"] if wide else []),
        f"\\begin{{tabular}}{{{''.join(align)}}}",
        "\\toprule",
        *_group_rows(shown.spans()),
        _row(shown.headers),
        "\\midrule",
        *map(_row, shown.rows),
        "\\bottomrule",
        "\\end{tabular}" + ("}" if wide else ""),
        *(f"\\par\\smallskip\\footnotesize {escape(note)}" for note in shown.notes),
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return `text` so that LaTeX prints it as it stands."""
    return text.translate(_SPECIAL)


def _row(cells: Sequence[str]) -> str:
    text = " & ".join(map(escape, cells))
    # \relax: a cell that begins with "[" would be read as the option of the \\ before it.
    return ("\\relax " if text.startswith(("[", "*")) else "") + text + " \\\\"


def _group_rows(spans: Sequence[tuple[str, int]]) -> list[str]:
    """Return the line of shared headers and the rules below it; nothing if there are none."""
    parts, rules, first = [], [], 1
    for name, width in spans:
        if name:
            parts.append(f"\\multicolumn{{{width}}}{{c}}{{{escape(name)}}}")
            rules.append(f"\\cmidrule(lr){{{first}-{first + width - 1}}}")
        else:
            parts += [""] * width
        first += width
    return [" & ".join(parts) + " \\\\", "".join(rules)] if spans else []
