"""Tables 10, 10b and 10c: other instruments, real recordings, and what training on them costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from companion.tables.columns import SIZE, cell_of, size_cells
from companion.tables.model import Cell, Column, Missing, Name, Number, Percent, Table
from pianoalign_lib.common.labels import condition_label
from pianoalign_lib.scoring.scores import Scores

from .names import (
    CONDITIONS,
    CORPUS,
    INSTRUMENTS,
    METHODS,
    OF_PIANO,
    OTHERS,
    PIANO,
    REAL,
    TOLERANCES_MS,
    label,
)

_INTERVALS = (
    "In brackets: 95 % bootstrap interval over performances (all excerpts of one together), not "
    "over training runs."
)
_JOINT = (
    "Cost: how many notes fewer of a hundred are within 10 ms, calibrated, than of the same method "
    "trained on the piano only; below zero, more. Its interval is paired. "
    "The localizer trained on piano and strings is the released one after more updates on the "
    "piano and on strings: what it gains or costs is not that of the strings alone."
)
_CALIBRATED = "Calibrated: after removing each recording's median error."
_KINDS = (("", False), ("calibrated_", True))


def table10_instruments(found: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return every method on every instrument of the corpus `strings`.

    Parameters
    ----------
    found
        ``instruments.csv``; what is not in it is "not run".
    """
    caption = "Table 10. Other instruments: notes within a tolerance (%)"
    keys = [(instrument, method) for instrument in INSTRUMENTS for method in METHODS]
    own = [_which(found, CORPUS), _sound(found, INSTRUMENTS), _CALIBRATED, _INTERVALS]
    return _table("table10_instruments", caption, found, CORPUS, keys, INSTRUMENTS, [*own, *notes])


def table10b_real_instruments(found: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return the methods on the real recordings of other instruments that could be had."""
    caption = "Table 10b. Real recordings of other instruments: notes within a tolerance (%)"
    keys = [(test_set, method) for test_set in REAL for method in METHODS]
    own = [
        _which(found, OTHERS),
        "Violin: its labels are themselves an alignment, estimated by DTW on a grid of 32 ms: the "
        "numbers are agreement with that estimate, and no accuracy.",
        "GuitarSet: two excerpts by one player, so that the interval says little. Its labels were "
        "made from each string's pickup; how far they lie from the attack that the microphone "
        "hears, the median error of the methods tells. basic-pitch was trained on GuitarSet among "
        "others, and may have heard these very excerpts.",
        _CALIBRATED,
        _INTERVALS,
    ]
    name = "table10b_real_instruments"
    return _table(name, caption, found, OTHERS, keys, REAL, [*own, *notes])


def table10c_piano_cost(found: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return what training on other instruments, too, costs on the demo corpus's piano."""
    caption = "Table 10c. What training on other instruments costs on the unseen piano of demo"
    names, keys = {"test": "demo, unseen Steinway"}, [("test", method) for method in OF_PIANO]
    own = [_CALIBRATED, _INTERVALS, _JOINT]
    return _table(
        "table10c_piano_cost", caption, found, PIANO, keys, names, [*own, *notes], cost=True
    )


def scores_of(found: pd.DataFrame, corpus: str) -> Scores:
    """Return the rows of a corpus, and why a method has none."""
    mine = found[found["corpus"] == corpus]
    ran = mine[mine["condition"].notna()]
    whole = {"calibrated": bool, "n_recordings": int, "n_notes": int}
    others = mine[mine["condition"].isna()]
    reasons = dict(zip(others["method"].astype(str), others["not_run"].astype(str), strict=True))
    return Scores(ran.astype(whole) if len(ran) else ran, reasons)


def _table(
    name: str,
    caption: str,
    found: pd.DataFrame,
    corpus: str,
    keys: Sequence[tuple[str, str]],
    names: dict[str, str],
    notes: Sequence[str],
    cost: bool = False,
) -> Table:
    scores = scores_of(found, corpus)
    columns = [Column("test_set", "Recordings"), Column("method", "Method"), *SIZE]
    rows: list[list[Cell]] = []
    for condition in CONDITIONS:
        group = condition_label(condition)
        for prefix, calibrated in _KINDS:
            header = ", calibrated" if calibrated else ""
            columns += [
                Column(f"{condition}_{prefix}{ms}ms", f"{ms} ms{header}", group, interval=ms == 10)
                for ms in TOLERANCES_MS
            ]
        columns.append(Column(f"{condition}_bias_ms", "Median error (ms)", group))
        if cost:
            header = "Cost at 10 ms, calibrated (points)"
            columns.append(Column(f"{condition}_cost", header, group, interval=True))
    for test_set, method in keys:
        row: list[Cell] = [Name(test_set, names[test_set]), Name(method, label(method))]
        row += size_cells(scores.find(test_set, method, CONDITIONS[0]))
        for condition in CONDITIONS:
            for _, calibrated in _KINDS:
                row += _accuracies(scores.find(test_set, method, condition, calibrated))
            raw = scores.find(test_set, method, condition)
            row.append(cell_of(raw, lambda each: Number(1000 * each["bias_s"], 1)))
            if cost:
                row.append(_cost(scores.find(test_set, method, condition, True)))
        rows.append(row)
    return Table(name, caption, columns, rows, [note for note in notes if note])


def _accuracies(row: dict | Missing) -> list[Cell]:
    if isinstance(row, Missing):
        return [row] * len(TOLERANCES_MS)
    shares = [f"acc_{ms}ms" for ms in TOLERANCES_MS]
    bounds = [(f"{name}_lo", f"{name}_hi") if name == "acc_10ms" else () for name in shares]
    return [
        Percent(row[name], *(row[each] for each in pair))
        for name, pair in zip(shares, bounds, strict=True)
    ]


def _cost(row: dict | Missing) -> Cell:
    if isinstance(row, Missing):
        return row
    cost = [row.get(f"cost_10ms{bound}", math.nan) for bound in ("", "_lo", "_hi")]
    return "" if math.isnan(cost[0]) else Percent(*cost)


def _which(found: pd.DataFrame, corpus: str) -> str:
    """Say what was measured on, or that it was not here."""
    ran = found[(found["corpus"] == corpus) & found["condition"].notna()]
    if ran.empty:
        return f"The corpus {corpus} was not here: nothing was measured on it."
    known = ran.get("recordings_sha256", pd.Series(dtype=str)).dropna()
    return f"Corpus {corpus}: sha256 of its recordings {known.iloc[0]}." if len(known) else ""


def _sound(found: pd.DataFrame, names: dict[str, str]) -> str:
    """Say how far the labels are from the sound, where both could be measured."""
    if "sound_median_s" not in found:
        return ""
    rows = found[(found["method"] == "none") & found["condition"].notna()]
    rows = rows.drop_duplicates("test_set").set_index("test_set")[
        ["sound_median_s", "sound_spread_s"]
    ]
    ms = {str(name): 1000 * row for name, row in rows.iterrows()}
    parts = [
        f"{name} {ms[key].iloc[0]:.1f} ms ({ms[key].iloc[1]:.1f})"
        for key, name in names.items()
        if key in ms
    ]
    if not parts:
        return ""
    return (
        "A label is where the sound passes 5 % of its peak. Isolated notes reach a quarter of "
        f"their rise after it by (median; between the quartiles): {'; '.join(parts)}."
    )
