"""LaTeX text: escaping, and a table with booktabs rules."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

_SPECIAL = {
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
    "\u00a0": "~",
}

_WIDE = 8  # columns; a table with more is shrunk to the width of the text


def escape(text: str) -> str:
    """Return `text` so that LaTeX prints it as it stands."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def latex_table(
    *,
    label: str,
    caption: str,
    headers: Sequence[str],
    groups: Sequence[str],
    align: Sequence[str],
    cells: Sequence[Sequence[str]],
    notes: Sequence[str],
) -> str:
    """Return a table float. All text is escaped here; `align` is LaTeX and is not.

    Parameters
    ----------
    headers, groups, align : sequence, one per column
        Header, the header shared with its neighbours ("" for none) and the column type.
    cells : rows of text
    """
    wide = len(headers) > _WIDE
    lines = [
        "% needs \\usepackage{booktabs,array,graphicx}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escape(caption)}}}",
        f"\\label{{tab:{label}}}",
        "\\footnotesize",
        *(["\\resizebox{\\textwidth}{!}{%"] if wide else []),
        f"\\begin{{tabular}}{{{''.join(align)}}}",
        "\\toprule",
        *_group_rows(groups),
        _row(headers),
        "\\midrule",
        *(_row(row) for row in cells),
        "\\bottomrule",
        "\\end{tabular}" + ("}" if wide else ""),
        *(f"\\par\\smallskip\\footnotesize {escape(note)}" for note in notes),
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    # \relax: a cell that begins with "[" would be read as the option of the \\ before it.
    escaped = [escape(cell) for cell in cells]
    start = "\\relax " if escaped and escaped[0].startswith(("[", "*")) else ""
    return start + " & ".join(escaped) + " \\\\"


def _group_rows(groups: Sequence[str]) -> list[str]:
    """Return the line of shared headers and the rules below it; nothing if no column has one."""
    if not any(groups):
        return []
    parts, rules, column = [], [], 1
    for name, members in groupby(groups):
        width = len(list(members))
        if name:
            parts.append(f"\\multicolumn{{{width}}}{{c}}{{{escape(name)}}}")
            rules.append(f"\\cmidrule(lr){{{column}-{column + width - 1}}}")
        else:
            parts += [""] * width
        column += width
    return [" & ".join(parts) + " \\\\", "".join(rules)]
