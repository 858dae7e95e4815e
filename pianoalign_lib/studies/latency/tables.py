"""Tables 6b to 6e: what the labels of a real piano allow; numbers from :mod:`.label_limit`.

All take the latencies that :mod:`.measure` stored, `notes` to be printed below a table's own and,
as `draws`, samples and seed of the bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...common.labels import condition_label, method_label, set_label
from ...tables.model import Cell, Column, Missing, Name, Number, Percent, Table
from .label_limit import READINGS, TOLERANCES_MS, limits, scored_by_sound
from .summary import (
    LEAST_NOTES,
    SOFTWARE,
    SOUND_M_PER_S,
    enough,
    group_label,
    grouped,
    microphone_delay,
    summarise,
)

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
    """Return what a perfect aligner could reach, per group and reading."""
    columns = [
        Column("group", "Recordings"), Column("reading", "Taken off the latency"),
        Column("n_recordings", "Rec."), Column("n_notes", "Notes"),
        *(Column(f"share_{ms}ms", f"{ms} ms", interval=True) for ms in TOLERANCES_MS),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            Name(row["group"], group_label(row["group"])),
            Name(row["reading"], READINGS[row["reading"]]),
            Number(row["n_recordings"]),
            Number(row["n_notes"]),
            *(_percent(row, f"share_{ms}ms") for ms in TOLERANCES_MS),
        ]
        for row in limits(latency, **draws).to_dict("records")
    ]
    own = [
        "A perfect aligner puts every onset exactly where the sound begins; scored against the "
        "labels, its error is the time from label to sound.",
        _METHOD,
        *_control_note(latency),
        *map(_coverage_note, summarise(grouped(latency), "group").to_dict("records")),
        f"Recordings with fewer than {LEAST_NOTES} measured notes are left out of the rows.",
        _CHORDS,
        "Velocity curve: a parabola per recording, fitted to one half of its notes and applied to "
        "the other. Velocities as in all notes: each measured note counts as often as its "
        "recording has notes in its band of velocities per measured one.",
        _INTERVALS,
    ]
    caption = (
        "Table 6b. The limit set by the labels: notes a perfect aligner would place within a "
        "tolerance of their labels (%)"
    )
    return Table("label_limit", caption, columns, rows, [*own, *notes])


def limit_note(latency: pd.DataFrame) -> str:
    """Say in a sentence what a perfect aligner reaches at 10 ms on real recordings, raw."""
    parts = [
        f"{group_label(row['group'])} {100 * row['share_10ms']:.1f} %"
        for row in limits(latency).to_dict("records")
        if row["reading"] == "raw" and row["group"] != SOFTWARE
    ]
    return (
        "C7: what a perfect aligner would reach at 10 ms on the notes whose sound could be "
        f"measured, raw (table 6b): {', '.join(parts)}."
    )


def table_latency(latency: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return median and quartiles of the latency, per group and velocity band."""
    columns = [
        Column("group", "Recordings"), Column("velocity", "MIDI velocity"),
        Column("n_notes", "Notes"), Column("isolated", "Isolated (%)"),
        Column("n_measured", "Measured"), Column("q1_ms", "Lower quartile (ms)"),
        Column("median_ms", "Median (ms)"), Column("q3_ms", "Upper quartile (ms)"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for group, of_group in grouped(latency).groupby("group", observed=True):
        for part in (of_group.assign(band="all"), of_group):
            for row in summarise(part, "band").to_dict("records"):
                times = [1000 * row[name] for name in ("q1_s", "median_s", "q3_s")]
                rows.append(
                    [
                        Name(str(group), group_label(str(group))),
                        row["band"],
                        Number(row["n_notes"]),
                        Percent(row["n_isolated"] / row["n_notes"]),
                        Number(row["n_measured"]),
                        *(_number(ms, 1) for ms in times),
                    ]
                )
    caption = "Table 6c. From label to sound, by velocity"
    return Table("latency", caption, columns, rows, [_METHOD, _CHORDS, *notes])


def table_microphones(latency: pd.DataFrame, *, notes: Sequence[str] = (), **draws: int) -> Table:
    """Return how much later the ambient microphones hear the pieces recorded with both."""
    columns = [
        Column("performance", "Piece"), Column("n_notes", "Notes measured in both"),
        Column("delay_ms", "Ambient later by (ms)"), Column("delay_interval_ms", "95 % interval"),
        Column("distance_m", "Distance (m)"), Column("distance_interval_m", "95 % interval"),
        Column("correlation", "Rank correlation"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for row in microphone_delay(latency, **draws).to_dict("records"):
        piece = row["performance"]
        delays: list[Cell] = []
        for unit in (1000, SOUND_M_PER_S):
            value, low, high = (unit * row[f"delay{end}_s"] for end in ("", "_lo", "_hi"))
            delays += [Number(value, 1), f"{low:.1f} to {high:.1f}"]
        name: Cell = Name(piece, "mean of the pieces") if piece == "all" else piece
        rows.append([name, Number(row["n_notes"]), *delays, _number(row["correlation"], 2)])
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
    return Table("microphones", caption, columns, rows, [*own, *notes])


def table_scored_by_sound(
    latency: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    condition: str = "note100",
    notes: Sequence[str] = (),
    **draws: int,
) -> Table:
    """Return the methods' accuracy at 10 ms against labels, against the sound, and the limit."""
    columns = [
        Column("test_set", "Recordings"), Column("method", "Method"), Column("n_notes", "Notes"),
        Column("label", "of the label", interval=True),
        Column("sound", "of the sound", interval=True),
        Column("limit", "Limit: sound of the label", interval=True),
        Column("others", "Other notes: of the label"), Column("correlation", "Rank correlation"),
    ]  # fmt: skip
    scores = scored_by_sound(latency, predictions, condition=condition, **draws)
    rows: list[list[Cell]] = [
        [
            Name(row["test_set"], set_label(row["test_set"])),
            Name(row["method"], method_label(row["method"])),
            Number(row["n_notes"]),
            *(_percent(row, name) for name in ("label", "sound", "limit")),
            Missing("–") if np.isnan(row["others"]) else Percent(row["others"]),
            _number(row["correlation"], 2),
        ]
        for row in scores.to_dict("records")
    ]
    own = [
        "Measured notes alone, but for one column; offset-calibrated: after removing each "
        "recording's median.",
        "Rank correlation (Spearman) of a method's errors against the labels with the measured "
        "times from label to sound: a method that hears the sound errs where the labels do.",
        _METHOD,
        _INTERVALS,
    ]
    caption = (
        f"Table 6e. Scored against the sound: notes within 10 ms (%); {condition_label(condition)}"
    )
    return Table("scored_by_sound", caption, columns, rows, [*own, *notes])


def _percent(row: dict, name: str) -> Percent:
    return Percent(row[name], row[f"{name}_lo"], row[f"{name}_hi"])


def _number(value: float, decimals: int) -> Cell:
    return Missing("–") if np.isnan(value) else Number(value, decimals)


def _control_note(latency: pd.DataFrame) -> list[str]:
    found = grouped(enough(latency))
    software = found[found["group"] == SOFTWARE]
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
        f"{group_label(row['group'])}: {row['n_measured']:,} of {row['n_notes']:,} notes measured "
        f"({measured:.1f} %; {isolated:.1f} % are isolated)"
    )
    if row["n_measured"]:
        note += (
            f"; mean velocity {row['velocity_measured']:.1f}, of all {row['velocity']:.1f}; "
            f"other notes sounding {row['sounding_measured']:.1f}, of all {row['sounding']:.1f}"
        )
    return f"{note}."
