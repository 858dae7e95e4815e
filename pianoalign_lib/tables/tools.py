"""Table 7, the field side by side, in three parts; built from ``results/<corpus>/field.csv``.

As in :mod:`.tables.paper`, nothing is computed here but differences; a tool that was not
run says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from ..common.errors import PianoAlignError
from ..common.labels import condition_label, set_label
from ..scoring.scores import Scores, read_scores
from .columns import score_cells, score_columns, size_note
from .model import Cell, Column, Missing, Name, Number, Percent, Table

# The tools in the order in which they can be run (some build on others), by the names to print.
TOOLS = {
    "none": "Input MIDI",
    "synctoolbox": "Sync Toolbox",
    "cqt_dtw": "CQT-DTW (librosa)",
    "parangonar": "parangonar",
    "basic_pitch": "basic-pitch + matching",
    "transkun": "Transkun + matching",
    "crnn": "CRNN (paper)",
    "hybrid": "DTW + CRNN (paper)",
    "localizer": "Localizer (ours)",
}
MISSING_EXTRA = "missing5_extra5"
CONDITIONS = (
    "note100", "note50", "tempo-20", "tempo-10", "tempo+10", "tempo+20", "drift10_note30",
    "offset2", MISSING_EXTRA,
)  # fmt: skip
TOLERANCES_MS = (5, 10, 25, 50)
MAIN = "note100"
ORDER = {name: place for place, name in enumerate(("test", "disklavier"))}
_COST = (
    "CPU: seconds of one core per minute of audio, from the audio and one MIDI file to the onsets; "
    "start: seconds of one core paid once by a process (imports, networks, compiling)."
)
_MATCHING = (
    "“+ matching”: notes are warped by CQT-DTW, then matched to those heard, in order and pitch by "
    "pitch; its CPU time counts both. DTW is Sync Toolbox's."
)


def field_versions(field: pd.DataFrame) -> str:
    """Return the versions of all tools' packages in one line."""
    found = field["versions"].dropna().astype(str)
    parts = {part for text in found for part in text.split(", ") if part}
    return ", ".join(sorted(parts, key=str.lower))


def read_field(path: str | Path) -> pd.DataFrame:
    """Read ``field.csv``.

    Raises
    ------
    PianoAlignError
        If the file is missing or is not one of the field.
    """
    field = read_scores(path)
    missing = {"cpu_s_per_minute", "peak_mib", "extra_flagged", "versions", "not_run"} - set(
        field.columns
    )
    if missing:
        raise PianoAlignError(f"{path}: no column {', '.join(sorted(missing))}; write it again")
    return field


def table7_field(field: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return accuracy and cost of every tool with ±100 ms per note.

    Parameters
    ----------
    field : DataFrame
        ``field.csv`` (:func:`read_field`).
    """
    scores, test_sets = _scores(field)
    columns = [
        *_NAMES, *score_columns("", "", TOLERANCES_MS, lost=False),
        Column("calibrated_acc_10ms", "10 ms, offset-calibrated"),
        Column("cpu_s_per_minute", "CPU (s/min)"), Column("speed", "× real time"),
        Column("start_cpu_s", "Start (s)"), Column("peak_mib", "Peak memory (MiB)"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    found = []
    for test_set, method in product(test_sets, TOOLS):
        row = scores.find(test_set, method, MAIN)
        calibrated = scores.find(test_set, method, MAIN, calibrated=True)
        found.append(row)
        rows.append([
            *_names(test_set, method), *score_cells(row, TOLERANCES_MS, lost=False),
            _cell(calibrated, lambda row: Percent(row["acc_10ms"])),
            _cell(row, lambda row: Number(row["cpu_s_per_minute"], 2)),
            _cell(row, _speed),
            _cell(row, lambda row: Number(row["start_cpu_s"], 1)),
            _cell(row, lambda row: Number(row["peak_mib"])),
        ])  # fmt: skip
    own = [
        size_note(found),
        *_failures(field),
        _COST,
        _MATCHING,
        f"Versions: {field_versions(field)}.",
    ]
    caption = (
        "Table 7a. The field side by side: notes within a tolerance (%) and cost; "
        f"{condition_label(MAIN)}"
    )
    return Table("table7_field", caption, columns, rows, [*own, *notes])


def table7_conditions(
    field: pd.DataFrame, *, tolerances_ms: Sequence[int] = (10, 50), notes: Sequence[str] = ()
) -> Table:
    """Return the accuracy of every tool under each kind of timing error."""
    scores, test_sets = _scores(field)
    columns = [Column("test_set", "Recordings"), Column("tolerance_ms", "Within (ms)")]
    columns += [_NAMES[1], *(Column(name, field_condition_label(name)) for name in CONDITIONS)]
    rows: list[list[Cell]] = []
    for test_set, ms, method in product(test_sets, tolerances_ms, TOOLS):
        recordings, name = _names(test_set, method)
        cells = [
            _cell(scores.find(test_set, method, condition), _percent(f"acc_{ms}ms"))
            for condition in CONDITIONS
        ]
        rows.append([recordings, Number(ms), name, *cells])
    caption = "Table 7b. The field by timing errors of the input: notes within a tolerance (%)"
    return Table("table7_conditions", caption, columns, rows, list(notes))


def table7_extra(field: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return what every tool makes of a MIDI that lacks notes and has others never played."""
    scores, test_sets = _scores(field)
    columns = [
        *_NAMES, Column("acc_10ms", "10 ms", "notes that were played"),
        Column("acc_50ms", "50 ms", "notes that were played"),
        Column("lost_10ms", "Points lost at 10 ms", "notes that were played"),
        Column("played_flagged", "Flagged (%)", "notes that were played"),
        Column("extra_flagged", "Flagged (%)", "notes never played"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for test_set, method in product(test_sets, TOOLS):
        row = scores.find(test_set, method, MISSING_EXTRA)
        whole = scores.find(test_set, method, MAIN)
        names = _names(test_set, method)
        if isinstance(row, Missing):
            rows.append([*names, *[row] * 5])
            continue
        if isinstance(whole, Missing):
            rows.append([*names, *[whole] * 5])
            continue
        lost = round(100 * (whole["acc_10ms"] - row["acc_10ms"]), 1) + 0.0  # never -0.0
        rows.append([
            *names, Percent(row["acc_10ms"]), Percent(row["acc_50ms"]),
            Number(lost, 1), _flagged(row, "played_flagged"), _flagged(row, "extra_flagged"),
        ])  # fmt: skip
    own = [
        "±100 ms per note; 5 % of the notes that were played are missing in the MIDI, and as many "
        "were never played: at random pitches of the piece, near other notes. Points lost: against "
        "the MIDI with all notes and no others. Flagged: any status but “aligned”.",
    ]
    caption = "Table 7c. The field with a MIDI that differs from what was played"
    return Table("table7_extra", caption, columns, rows, [*own, *notes])


def field_condition_label(condition: str) -> str:
    """Return a condition's name to print."""
    if condition == MISSING_EXTRA:
        return "±100 ms, 5 % missing, 5 % extra"
    return condition_label(condition)


def field_scores(field: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``field.csv`` that hold results."""
    rows = field[field["condition"].notna()]
    whole = {"calibrated": bool, "n_recordings": int, "n_notes": int, "failures": int}
    return rows.astype(whole)


def not_run(field: pd.DataFrame) -> dict[str, str]:
    """Return the tools that were not run, and why."""
    rows = field[field["condition"].isna()]
    return dict(zip(rows["method"].astype(str), rows["not_run"].astype(str), strict=True))


def sorted_sets(field: pd.DataFrame) -> list[str]:
    """Return the test sets of ``field.csv``, in the order of the tables."""
    found = field_scores(field)["test_set"].astype(str).unique()
    return sorted(found, key=lambda name: (ORDER.get(name, len(ORDER)), name))


_NAMES = [Column("test_set", "Recordings"), Column("method", "Tool")]


def _scores(field: pd.DataFrame) -> tuple[Scores, list[str]]:
    return Scores(field_scores(field), not_run(field)), sorted_sets(field)


def _names(test_set: str, method: str) -> list[Cell]:
    return [Name(test_set, set_label(test_set)), Name(method, TOOLS[method])]


def _cell(row: dict | Missing, read: Callable[[dict], Cell]) -> Cell:
    return row if isinstance(row, Missing) else read(row)


def _percent(name: str) -> Callable[[dict], Cell]:
    return lambda row: Percent(row[name])


def _speed(row: dict) -> Cell:
    # The untouched input costs nothing worth a number.
    return Missing("–") if row["method"] == "none" else Number(60 / row["cpu_s_per_minute"], 1)


def _failures(field: pd.DataFrame) -> list[str]:
    """Say which tools failed on recordings, under any condition."""
    rows = field_scores(field)
    counts = rows[~rows["calibrated"]].groupby("method")["failures"].sum()
    failed = [f"{TOOLS[str(name)]} {count} times" for name, count in counts.items() if count]
    if not failed:
        return []
    return [f"Ended with an error, so that notes kept their input onsets: {', '.join(failed)}."]


def _flagged(row: dict, name: str) -> Cell:
    return Percent(row[name]) if pd.notna(row[name]) else Missing("–", "cannot tell such notes")
