"""Table 7, the field side by side, in three parts, from ``results/<corpus>/field.csv`` and others.

As in :mod:`companion.tables.paper`, nothing is computed here but differences; a tool that was
not run says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from companion.tables.columns import cell_of, size_note
from companion.tables.model import Cell, Column, Missing, Name, Number, Percent, Table
from pianoalign_lib.common.labels import REAL_SETS, condition_label, set_label
from pianoalign_lib.scoring.scores import Scores, read_scores

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
    "localizer_best": "Localizer, best (ours)",
    "basic_pitch_score": "basic-pitch, thresholds for a known score",
    "synctoolbox_basic_pitch": "Sync Toolbox on basic-pitch's onsets",
    "synctoolbox_transkun": "Sync Toolbox on Transkun's onsets",
    "transkun_44k": "Transkun on 44.1 kHz",
}
OURS, RIVAL = "localizer", "transkun"
# The scores of all excerpts, ours minus each other tool, and what was measured on fewer excerpts.
FIELD, PAIRED, MEASURED = "field.csv", "field_paired.csv", "field_measured.csv"
# Both microphone positions of the Disklavier, and of them the excerpts used in development.
VALIDATION, DISKLAVIER, DEVELOPMENT = "validation", "disklavier", "development"
FURTHER = (DISKLAVIER, DEVELOPMENT)  # sets of recordings that others have, too
MISSING_EXTRA = "missing5_extra5"
CONDITIONS = (
    "note100", "note50", "tempo-20", "tempo-10", "tempo+10", "tempo+20", "drift10_note30",
    "offset2", MISSING_EXTRA,
)  # fmt: skip
MAIN = "note100"
ORDER = ("test", *REAL_SETS, *FURTHER)
# Prefix and header of the columns of each reading of the offset, and its tolerances.
READINGS = {
    "raw": ("", "as placed", (5, 10, 25, 50)),
    "validation": ("validation_", "less the tool's offset on validation", (10, 50)),
    "oracle": ("calibrated_", "less each recording's own offset (oracle)", (10, 50)),
}
_COST = (
    "CPU: seconds of one core per minute of audio, from the audio and one MIDI file to the onsets; "
    "start: seconds of one core paid once by a process (imports, networks, compiling)."
)
_MATCHING = (
    "“+ matching”: notes are warped by CQT-DTW, then matched to those heard, in order and pitch by "
    "pitch; its CPU time counts both. DTW is Sync Toolbox's."
)
_PAIRED_NOTE = [
    "Ours − Transkun: on the same draws of performances, so that its interval is paired."
]


def field_versions(field: pd.DataFrame) -> str:
    """Return the versions of all tools' packages in one line."""
    found = field["versions"].dropna().astype(str)
    parts = {part for text in found for part in text.split(", ") if part}
    return ", ".join(sorted(parts, key=str.lower))


def read_field(path: str | Path) -> pd.DataFrame:
    """Read ``field.csv`` or ``field_measured.csv``; PianoAlignError if it is missing or another."""
    return read_scores(path, ("condition", "cpu_s_per_minute", "versions", "not_run"), "field")


def read_paired(path: str | Path) -> pd.DataFrame:
    """Read ``field_paired.csv``; PianoAlignError if it is missing or another."""
    return read_scores(path, ("test_set", "offset", "other", "difference"), "field")


def table7_field(
    field: pd.DataFrame, paired: pd.DataFrame | None = None, *, notes: Sequence[str] = ()
) -> Table:
    """Return accuracy and cost of every tool with ±100 ms per note.

    Parameters
    ----------
    field, paired : DataFrame
        ``field.csv`` (:func:`read_field`) and ``field_paired.csv`` (:func:`read_paired`).
    """
    columns = [
        *NAMES,
        *(
            Column(f"{prefix}acc_{ms}ms", f"{ms} ms", group, interval=ms in (10, 50))
            for prefix, group, tolerances_ms in READINGS.values()
            for ms in tolerances_ms
        ),
        Column("cpu_s_per_minute", "CPU (s/min)"), Column("speed", "× real time"),
        Column("start_cpu_s", "Start (s)"), Column("peak_mib", "Peak memory (MiB)"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    found: list[dict | Missing] = []
    scores = {name: scores_of(field, name) for name in READINGS}
    for test_set in sorted_sets(field):
        for method in TOOLS:
            read = {name: scores[name].find(test_set, method, MAIN) for name in READINGS}
            found.append(read["raw"])
            rows.append([*field_names(test_set, method), *_shares(read), *_costs(read["raw"])])
        if paired is not None:
            rows.append(_paired_row(paired[paired["test_set"] == test_set], test_set))
    own = [
        size_note(found),
        *_failures(field),
        *_PAIRED_NOTE[: paired is not None],
        *_offsets(field),
        _COST,
        _MATCHING,
        f"Versions: {field_versions(field)}.",
    ]
    caption = (
        "Table 7a. The field side by side: notes within a tolerance (%) and cost; "
        f"{condition_label(MAIN)}"
    )
    return Table("table7_field", caption, columns, rows, [*own, *notes])


def field_condition_label(condition: str) -> str:
    """Return a condition's name to print."""
    if condition == MISSING_EXTRA:
        return "±100 ms, 5 % missing, 5 % extra"
    return condition_label(condition)


def field_scores(field: pd.DataFrame, validation: bool = False) -> pd.DataFrame:
    """Return the rows that hold results: raw and calibrated, or less the offset on validation."""
    rows = field[field["condition"].notna()]
    rows = rows[(rows.get("offset", rows["condition"]) == VALIDATION) == validation]
    return rows.astype({"calibrated": bool, "n_recordings": int, "n_notes": int})


def not_run(field: pd.DataFrame) -> dict[str, str]:
    """Return the tools that were not run, and why."""
    rows = field[field["condition"].isna()]
    return dict(zip(rows["method"].astype(str), rows["not_run"].astype(str), strict=True))


def sorted_sets(field: pd.DataFrame) -> list[str]:
    """Return the test sets of a file of the field, in the order of the tables."""
    found = field_scores(field)["test_set"].astype(str).unique()
    return sorted(found, key=lambda name: (name not in ORDER, name in ORDER and ORDER.index(name)))


NAMES = [Column("test_set", "Recordings"), Column("method", "Tool")]


def scores_of(field: pd.DataFrame, offset: str = "raw") -> Scores:
    """Return the scores of one reading of the offset, found as if they were not calibrated."""
    rows = field_scores(field, validation=offset == VALIDATION)
    rows = rows[rows["calibrated"] == (offset == "oracle")]
    return Scores(rows.assign(calibrated=False), not_run(field))


def field_names(test_set: str, method: str) -> list[Cell]:
    """Return the cells of :data:`NAMES`."""
    return [Name(test_set, set_label(test_set)), Name(method, TOOLS[method])]


def _offsets(field: pd.DataFrame) -> list[str]:
    """Return what each tool's offset on validation is, in a sentence."""
    if "offset_s" not in field:
        return []
    known = field.dropna(subset=["condition", "offset_s"]).groupby("method")["offset_s"].first()
    parts = [f"{TOOLS[name]} {1000 * known[name]:+.1f}" for name in TOOLS if name in known]
    return [
        f"Offsets on validation (ms): {', '.join(parts)}. Its recordings are of other pianos than "
        "the test's (on demo, some are in simulated rooms, too): taking off an offset that the "
        "test set does not share harms."
    ] * bool(parts)


def _shares(read: dict[str, dict | Missing]) -> list[Cell]:
    """Return the accuracies of a tool under each reading of its offset."""
    return [
        cell_of(read[offset], (_interval if ms in (10, 50) else percent_of)(f"acc_{ms}ms"))
        for offset, (_, _, tolerances_ms) in READINGS.items()
        for ms in tolerances_ms
    ]


def _costs(row: dict | Missing) -> list[Cell]:
    """Return what a tool costs; the untouched input costs nothing worth a number."""
    if isinstance(row, Missing):
        return [row] * 4
    if pd.isna(row["cpu_s_per_minute"]):
        return [Missing("–", "its costs were not measured")] * 4
    seconds = row["cpu_s_per_minute"]
    return [
        Number(seconds, 2), Missing("–") if row["method"] == "none" else Number(60 / seconds, 1),
        Number(row["start_cpu_s"], 1), Number(row["peak_mib"]),
    ]  # fmt: skip


def _paired_row(paired: pd.DataFrame, test_set: str) -> list[Cell]:
    """Return the line that holds ours against Transkun on a test set."""
    found = paired[paired["other"] == RIVAL].set_index(["offset", "tolerance_ms"])
    shown = {key: Percent(*row) for key, *row in found[["difference", "lo", "hi"]].itertuples()}
    blank = Missing("–")
    cells = [
        shown.get((offset, ms), blank)
        for offset, (_, _, tolerances_ms) in READINGS.items()
        for ms in tolerances_ms
    ]
    name = Name(f"{OURS}-{RIVAL}", "Ours − Transkun, points")
    return [Name(test_set, set_label(test_set)), name, *cells, *[blank] * 4]


def _interval(name: str) -> Callable[[dict], Cell]:
    return lambda row: Percent(row[name], row[f"{name}_lo"], row[f"{name}_hi"])


def percent_of(name: str) -> Callable[[dict], Cell]:
    """Return what makes a cell of a row's share."""
    return lambda row: Percent(row[name])


def _failures(field: pd.DataFrame) -> list[str]:
    """Say which tools failed on recordings, under any condition."""
    rows = field_scores(field)
    rows = rows[~rows["calibrated"] & ~rows["test_set"].isin(FURTHER)]
    counts = rows.groupby("method")["failures"].sum().astype(int)
    failed = [f"{TOOLS[str(name)]} {count} times" for name, count in counts.items() if count]
    told = f"Ended with an error, so that notes kept their input onsets: {', '.join(failed)}."
    return [told] if failed else []
