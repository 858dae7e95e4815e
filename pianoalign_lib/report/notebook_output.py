"""A byte-stable form of an executed notebook: what changes from run to run is taken out.

What goes: times, widgets, warnings (stderr), how the output happened to be split into messages,
random cell ids, memory addresses, folders of this machine, the exact Python release. What a reader
sees in the notebook stays.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

KEPT_CELL_METADATA = ("tags", "jupyter")
WIDGET = "application/vnd.jupyter.widget-view+json"
_ADDRESS = re.compile(r"(?<= at 0x)[0-9a-fA-F]{6,}\b")


def stable_notebook(notebook: NotebookNode, root: Path) -> NotebookNode:
    """Return an executed notebook reduced to what is equal in every run on every machine.

    Parameters
    ----------
    notebook : NotebookNode
        An executed notebook of format 4; it is not changed.
    root : Path
        The project root, printed as ``.``.
    """
    folders = machine_folders(root)
    cells = []
    executed = 0
    for number, cell in enumerate(notebook.cells, start=1):
        stable: dict[str, Any] = {
            "cell_type": cell.cell_type,
            "id": f"cell-{number:02d}",
            "metadata": {
                key: cell.metadata[key] for key in KEPT_CELL_METADATA if key in cell.metadata
            },
            "source": cell.source,
        }
        if "attachments" in cell:
            stable["attachments"] = cell.attachments
        if cell.cell_type == "code":
            count = None
            if cell.execution_count is not None:
                executed += 1
                count = executed
            stable["execution_count"] = count
            stable["outputs"] = [
                _stable_output(output, count, folders) for output in _joined_streams(cell.outputs)
            ]
        cells.append(stable)
    return nbformat.from_dict(
        {
            "cells": cells,
            "metadata": {
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def machine_folders(root: Path) -> dict[str, str]:
    """Return the folders of this machine and what is printed instead, the longest first."""
    folders = {
        str(Path(sys.prefix).resolve()): "<environment>",
        sys.prefix: "<environment>",
        str(Path.home()): "~",
        str(root): ".",
        str(root.resolve()): ".",
    }
    # A folder such as "/" (the home of some containers) would match everywhere.
    usable = {path: text for path, text in folders.items() if len(Path(path).parts) > 1}
    return dict(sorted(usable.items(), key=lambda item: -len(item[0])))


def stable_text(text: str, folders: Mapping[str, str]) -> str:
    """Return `text` without memory addresses and folders of this machine."""
    for path, instead in folders.items():
        text = re.sub(rf"(?<![\w./-]){re.escape(path)}(?![\w.-])", lambda _: instead, text)  # noqa: B023
    return _ADDRESS.sub("0", text)


def _joined_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Drop stderr and widgets, then make one output of neighbouring pieces of stdout."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            if joined and joined[-1].output_type == "stream":
                joined[-1] = NotebookNode({**joined[-1], "text": joined[-1].text + output.text})
                continue
        elif WIDGET in output.get("data", {}):
            continue
        joined.append(output)
    return joined


def _stable_output(
    output: NotebookNode, count: int | None, folders: Mapping[str, str]
) -> dict[str, Any]:
    stable = dict(output)
    if "text" in stable:
        stable["text"] = stable_text(stable["text"], folders)
    if "data" in stable:
        stable["data"] = {
            kind: stable_text(value, folders)
            if _is_text(kind) and isinstance(value, str)
            else value
            for kind, value in stable["data"].items()
        }
    if "execution_count" in stable:
        stable["execution_count"] = count
    return stable


def _is_text(mimetype: str) -> bool:
    return mimetype.startswith("text/") or mimetype == "image/svg+xml"
