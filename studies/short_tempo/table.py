"""Table 5d and its figure, from ``short_tempo.csv``: a wrong tempo inside short excerpts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.panels import panels
from companion.tables.model import Cell, Column, Missing, Number, Table
from pianoalign_lib.common.figure_style import INK, line_style
from pianoalign_lib.common.labels import method_label, set_label
from pianoalign_lib.scoring.scores import read_scores

METHODS = ("none", "dtw", "crnn", "hybrid", "localizer")
LIMIT_MS = 40  # the paper's (C8)
_COLUMNS = ["length_s", "tempo_percent", "method", "since_s", "until_s", "mean_abs_error_s"]


def read_short_tempo(path: str | Path) -> pd.DataFrame:
    """Read ``short_tempo.csv``, or refuse it (:func:`.read_scores`)."""
    return read_scores(path, _COLUMNS, "short_tempo")


def table_short_tempo(
    frame: pd.DataFrame, *, methods: Sequence[str] = METHODS, notes: Sequence[str] = ()
) -> Table:
    """Return mean and median onset error (ms) per excerpt length and tempo, by method."""
    whole = whole_excerpts(frame)
    columns = [Column("length_s", "Excerpt (s)"), Column("tempo_percent", "Tempo (%)")]
    for method in methods:
        group = method_label(method)
        columns.append(Column(f"{method}_mean_ms", "mean", group))
        columns.append(Column(f"{method}_median_ms", "median", group))
    rows: list[list[Cell]] = []
    for _, part in whole.groupby(["length_s", "tempo_percent"], sort=True):
        found = {row["method"]: row for row in part.to_dict("records")}
        length_s, percent = part[["length_s", "tempo_percent"]].iloc[0]
        row: list[Cell] = [Number(length_s), f"{percent:+g}".replace("-", "−").replace("+0", "0")]
        rows.append(row + [cell for name in methods for cell in _cells(found.get(name))])
    sizes = whole.drop_duplicates("length_s").sort_values("length_s")
    counts = "; ".join(
        f"{row['length_s']:g} s: {row['n_excerpts']} excerpts, {row['n_notes']:,} notes"
        for row in sizes.to_dict("records")
    )
    own = [
        f"{counts}; of {sizes['n_performances'].max()} performances. Their starts are drawn.",
        "The MIDI plays too fast (+) or too slow (−) from the first onset of the excerpt on, where "
        "it is right. The recording is cut a moment before that onset and after the end. A note "
        "that a method loses stays where the input has it.",
        "DTW suffers at the edges: its path must end at both ends of the cut recording, whose "
        "first and last sounds have no notes, and the shorter the excerpt, the more of it is edge.",
    ]
    caption = (
        "Table 5d. A wrong tempo inside short excerpts: onset error (ms); "
        f"{set_label(whole['test_set'].iloc[0])}"
    )
    return Table("short_tempo", caption, columns, rows, [*own, *notes])


def figure_short_tempo(
    frame: pd.DataFrame, *, methods: Sequence[str] = METHODS
) -> tuple[Figure, pd.DataFrame]:
    """Draw the mean error against the tempo, and against the time since the excerpt began.

    A column of panels per excerpt length; below, errors at the largest deviation in either
    direction. Data: panel ("tempo" or "time"), length_s, method, x (percent, or seconds at the
    middle of a span), mean_abs_error_ms, median_abs_error_ms (NaN where two deviations are joined).
    """
    data = _drawn(frame[frame["method"].isin(methods)])
    lengths = sorted(data["length_s"].unique())
    with panels(11, 5.6, rows=2, columns=len(lengths), sharey=True) as (figure, all_axes):
        for place, axes in enumerate(all_axes):
            length_s = lengths[place % len(lengths)]
            kind = "tempo" if place < len(lengths) else "time"
            part = data[(data["panel"] == kind) & (data["length_s"] == length_s)]
            axes.axhline(LIMIT_MS, color=INK, linewidth=1, linestyle=(0, (4, 3)))
            for method in methods:
                line = part[part["method"] == method]
                shown = line["mean_abs_error_ms"].clip(lower=1.0)
                label = method_label(method) if not place else None
                axes.plot(line["x"], shown, label=label, **line_style(method))
            axes.set(yscale="log")
            axes.yaxis.set_major_formatter("{x:g}")
            if kind == "tempo":
                axes.set(title=f"{length_s:g} s", xlabel="Tempo (%)")
            else:
                axes.set(xlabel="Since the first onset (s)", xlim=(0, length_s))
            if not place % len(lengths):
                axes.set_ylabel("Mean onset error (ms)")
        figure.legend(loc="outside upper center", ncols=len(methods))
    return figure, data


def _drawn(frame: pd.DataFrame) -> pd.DataFrame:
    whole = whole_excerpts(frame)
    tempo = whole.assign(
        panel="tempo",
        x=whole["tempo_percent"],
        median_abs_error_ms=1000 * whole["median_abs_error_s"],
    )
    most = frame["tempo_percent"].abs().max()
    parts = frame.drop(whole.index)
    parts = parts[parts["tempo_percent"].abs() == most]
    keys = ["length_s", "method", "since_s", "until_s"]
    sums = parts.assign(total_s=parts["mean_abs_error_s"] * parts["n_notes"])
    time = sums.groupby(keys)[["total_s", "n_notes"]].sum().reset_index()
    time["mean_abs_error_s"] = time["total_s"] / time["n_notes"]
    time = time.assign(panel="time", x=(time["since_s"] + time["until_s"]) / 2)
    data = pd.concat([tempo, time], ignore_index=True)
    data["mean_abs_error_ms"] = 1000 * data["mean_abs_error_s"]
    columns = ["panel", "length_s", "method", "x", "mean_abs_error_ms", "median_abs_error_ms"]
    return data[columns].sort_values(columns[:4], ignore_index=True)


def whole_excerpts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of whole excerpts, not those by the time since their first onset."""
    return frame[(frame["since_s"] == 0) & (frame["until_s"] == frame["length_s"])]


def _cells(row: dict | None) -> list[Cell]:
    if row is None:
        return [Missing("not run")] * 2
    return [Number(1000 * row[f"{kind}_abs_error_s"]) for kind in ("mean", "median")]
