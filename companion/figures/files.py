"""Figures in files: SVG, PDF, PNG and the data behind them.

They hold no date and no name of the program: equal data make equal bytes.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from pianoalign_lib.common.figure_style import style
from pianoalign_lib.common.files import atomic_path, write_text

PNG_DPI = 200
_METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def save_figure(
    figure: Figure, folder: str | Path, name: str, data: pd.DataFrame | None = None
) -> list[Path]:
    """Write ``<name>.svg``, ``.pdf`` and ``.png``, and ``<name>.csv`` if there are data.

    Raises
    ------
    PianoAlignError
        If a file cannot be written.
    """
    paths = []
    for suffix, metadata in _METADATA.items():
        path = Path(folder) / f"{name}.{suffix}"
        with style(), atomic_path(path) as temporary:
            figure.savefig(temporary, format=suffix, dpi=PNG_DPI, metadata=metadata)
        paths.append(path)
    if data is not None:
        path = Path(folder) / f"{name}.csv"
        write_text(path, data.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
        paths.append(path)
    return paths
