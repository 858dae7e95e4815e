"""Tables 6b to 6e: what the labels of a real piano allow; numbers from :mod:`.label_limit`.

All take the latencies that :mod:`.measure` stored, `notes` to be printed below a table's own and,
as `draws`, samples and seed of the bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from companion.tables.model import Cell, Column, Missing, Name, Number, Percent, Table
from pianoalign_lib.common.labels import condition_label, method_label, set_label

from . import label_limit, summary

Cells = dict[Column, Callable[[dict], Cell]]  # what each column makes of a row of the numbers
_METHOD = (
    "From label to sound: measured on isolated notes (no other label from 80 ms before to 100 ms "
    "after) with one clear rise at their own partials; the onset is where a quarter of the rise is "
    "reached, an ideal step measuring zero (pianoalign_lib/corpora/sounding.py). No "
    "network is involved."
)
_INTERVALS = "In brackets: 95 % bootstrap interval over recordings."
_CHORDS = (
    "Notes that begin together cannot be measured one by one: the numbers hold for isolated notes, "
    "and denser music can differ."
)


def table_label_limit(latency: pd.DataFrame, *, notes: Sequence[str] = (), **draws: int) -> Table:
    """Return what an aligner that is exact would have, per group and reading."""
    cells: Cells = {
        Column("group", "Recordings"): _group,
        Column("reading", "Subtracted before scoring"): _named(
            "reading", label_limit.READINGS.__getitem__
        ),
        Column("n_recordings", "Rec."): _number("n_recordings"),
        Column("n_notes", "Notes"): _number("n_notes"),
    }
    for ms in label_limit.TOLERANCES_MS:
        cells[Column(f"share_{ms}ms", f"{ms} ms", interval=True)] = _percent(f"share_{ms}ms")
    coverage = summary.summarise(summary.grouped(latency), "group")
    own = [
        "Scored against the labels, the error of an aligner that puts every onset exactly where "
        "the sound begins is the time from label to sound. That is no upper bound: one that errs "
        "as the labels do can have more (table 6e).",
        _METHOD,
        *_control_note(latency),
        *map(_coverage_note, coverage.to_dict("records")),
        f"Recordings with fewer than {summary.LEAST_NOTES} measured notes are left out of the "
        "rows.",
        _CHORDS,
        "Velocity curve: a parabola per recording, fitted to one half of its notes and applied to "
        "the other. Velocities as in all notes: measured notes are weighted, so that each band of "
        "velocities counts as much as it does among all notes of the recording.",
        _INTERVALS,
    ]
    caption = (
        "Table 6b. How near the labels are to the sound: notes that an aligner would place within "
        "a tolerance of their labels (%) if it put each exactly where it sounds"
    )
    limits = label_limit.limits(latency, **draws)
    return _table("label_limit", caption, cells, limits, [*own, *notes])


def table_latency(latency: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return median and quartiles of the latency, per group and velocity band."""
    cells: Cells = {
        Column("group", "Recordings"): _group,
        Column("velocity", "MIDI velocity"): lambda row: row["band"],
        Column("n_notes", "Notes"): _number("n_notes"),
        Column("isolated", "Isolated (%)"): lambda row: Percent(row["n_isolated"] / row["n_notes"]),
        Column("n_measured", "Measured"): _number("n_measured"),
        Column("q1_ms", "Lower quartile (ms)"): _number("q1_s", 1, 1000),
        Column("median_ms", "Median (ms)"): _number("median_s", 1, 1000),
        Column("q3_ms", "Upper quartile (ms)"): _number("q3_s", 1, 1000),
    }
    rows = [
        summary.summarise(part, "band").assign(group=group)
        for group, notes_of in summary.grouped(latency).groupby("group", observed=True)
        for part in (notes_of.assign(band="all"), notes_of)
    ]
    caption = "Table 6c. From label to sound, by velocity"
    return _table("latency", caption, cells, pd.concat(rows), [_METHOD, _CHORDS, *notes])


def table_microphones(latency: pd.DataFrame, *, notes: Sequence[str] = (), **draws: int) -> Table:
    """Return how much later the ambient microphones hear the pieces recorded with both."""
    speed = summary.SOUND_M_PER_S

    def between(unit: float) -> Callable[[dict], Cell]:
        return lambda row: f"{unit * row['delay_lo_s']:.1f} to {unit * row['delay_hi_s']:.1f}"

    cells: Cells = {
        Column("performance", "Piece"): lambda row: (
            Name("all", "mean of the pieces") if row["performance"] == "all" else row["performance"]
        ),
        Column("n_notes", "Notes measured in both"): _number("n_notes"),
        Column("delay_ms", "Ambient later by (ms)"): _number("delay_s", 1, 1000),
        Column("delay_interval_ms", "95 % interval"): between(1000),
        Column("distance_m", "Distance (m)"): _number("delay_s", 1, speed),
        Column("distance_interval_m", "95 % interval"): between(speed),
        Column("correlation", "Rank correlation"): _number("correlation", 2),
    }
    own = [
        "Two performances of the machine, matched note by note (pitch and order); the medians of "
        "their differences. Interval of a piece: over its notes; of the mean: over pieces too.",
        "Distance: how far sound travels in that time (343 m/s). Where label and audio of a "
        "recording do not start together, that counts as distance too: pieces differ more than "
        "their intervals.",
        "Rank correlation (Spearman) of the latencies of the same notes in the two recordings: "
        "what agrees between them is no error of measurement.",
    ]
    caption = "Table 6d. Close and ambient microphones, the same pieces"
    delays = summary.microphone_delay(latency, **draws)
    return _table("microphones", caption, cells, delays, [*own, *notes])


def table_scored_by_sound(
    latency: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    condition: str = "note100",
    notes: Sequence[str] = (),
    **draws: int,
) -> Table:
    """Return the methods' accuracy at 10 ms against labels, against the sound, and the sound's."""
    centred = "offset-calibrated"
    cells: Cells = {
        Column("test_set", "Recordings"): _named("test_set", set_label),
        Column("method", "Method"): _named("method", method_label),
        Column("n_notes", "Notes"): _number("n_notes"),
        Column("label_raw", "of the label", "raw", interval=True): _percent("label_raw"),
        Column("sound_raw", "of the sound", "raw", interval=True): _percent("sound_raw"),
        Column("label", "of the label", centred, interval=True): _percent("label"),
        Column("sound", "of the sound", centred, interval=True): _percent("sound"),
        Column("limit", "The sound itself: of the label", centred, interval=True): _percent(
            "limit"
        ),
        Column("others", "Other notes: of the label", centred): lambda row: (
            Missing("–") if np.isnan(row["others"]) else Percent(row["others"])
        ),
        Column("correlation", "Rank correlation"): _number("correlation", 2),
    }
    own = [
        "Measured notes alone, but for one column; offset-calibrated: after removing each "
        "recording's median. Raw, of the sound: the software pianos' median from label to sound, "
        "which an aligner trained on such pianos takes for zero, counts as zero.",
        "Rank correlation (Spearman) of a method's errors against the labels with the measured "
        "times from label to sound: a method that hears the sound errs where the labels do.",
        _METHOD,
        _INTERVALS,
    ]
    caption = (
        f"Table 6e. Scored against the sound: notes within 10 ms (%); {condition_label(condition)}"
    )
    scores = label_limit.scored_by_sound(latency, predictions, condition, **draws)
    return _table("scored_by_sound", caption, cells, scores, [*own, *notes])


def _table(
    name: str, caption: str, cells: Cells, numbers: pd.DataFrame, notes: Sequence[str]
) -> Table:
    rows = [[cell(row) for cell in cells.values()] for row in numbers.to_dict("records")]
    return Table(name, caption, list(cells), rows, notes)


def _named(key: str, label: Callable[[str], str]) -> Callable[[dict], Cell]:
    return lambda row: Name(row[key], label(row[key]))


_group = _named("group", summary.group_label)


def _number(key: str, decimals: int = 0, unit: float = 1) -> Callable[[dict], Cell]:
    return lambda row: Missing("–") if np.isnan(row[key]) else Number(unit * row[key], decimals)


def _percent(key: str) -> Callable[[dict], Cell]:
    return lambda row: Percent(row[key], row[f"{key}_lo"], row[f"{key}_hi"])


def _control_note(latency: pd.DataFrame) -> list[str]:
    found = summary.grouped(summary.enough(latency))
    software = found[found["group"] == summary.SOFTWARE]
    if software.empty:
        return []
    rest_s = software.groupby("recording")["latency_s"].transform(lambda x: x - x.median())
    zero_ms = 1000 * software["latency_s"].median()
    low_ms, high_ms = 1000 * rest_s.quantile([0.25, 0.75])
    spread = f"{low_ms:+.1f} and {high_ms:+.1f} ms".replace("-", "−")
    return [
        "Software pianos are the control: their labels made the sound, so their spread is that of "
        f"the measuring and of the pianos' attacks (half of the notes between {spread} "
        f"around their recording's median). Their median, {zero_ms:.1f} ms, is what an "
        "aligner trained on such pianos takes for zero."
    ]


def _coverage_note(row: dict) -> str:
    measured, isolated = (100 * row[name] / row["n_notes"] for name in ("n_measured", "n_isolated"))
    note = (
        f"{summary.group_label(row['group'])}: {row['n_measured']:,} of {row['n_notes']:,} notes "
        f"measured ({measured:.1f} %; {isolated:.1f} % are isolated)"
    )
    if row["n_measured"]:
        note += (
            f"; mean velocity {row['velocity_measured']:.1f}, of all {row['velocity']:.1f}; "
            f"other notes sounding {row['sounding_measured']:.1f}, of all {row['sounding']:.1f}"
        )
    return f"{note}."
