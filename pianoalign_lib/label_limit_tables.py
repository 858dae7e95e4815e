"""The tables of what the labels of a real piano allow; numbers from :mod:`.label_limit`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from . import bootstrap, label_limit
from .label_limit import LEAST_NOTES, READINGS, SOFTWARE, TOLERANCES_MS
from .labels import condition_label, method_label, set_label
from .table_model import Cell, Column, Name, Number, Percent, Table

_METHOD = (
    "From label to sound: measured on isolated notes (no other label from 80 ms before to 100 ms "
    "after) with one clear rise at their own partials; the onset is where a quarter of the rise is "
    "reached, an ideal step measuring zero (pianoalign_lib/latency.py). No network is involved."
)
_INTERVALS = "In brackets: 95 % bootstrap interval over recordings."
_CHORDS = (
    "Notes that begin together cannot be measured one by one: the numbers hold for isolated notes, "
    "and denser music can differ."
)


def group_label(group: str) -> str:
    """Return the name of a group of test sets to print."""
    return "Software pianos (control)" if group == SOFTWARE else set_label(group)


def table_label_limit(
    latency: pd.DataFrame,
    *,
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
    notes: Sequence[str] = (),
) -> Table:
    """Return what a perfect aligner could reach, per group and reading."""
    limits = label_limit.limits(latency, samples=samples, seed=seed)
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
        for row in limits.to_dict("records")
    ]
    own = [
        "A perfect aligner puts every onset exactly where the sound begins; scored against the "
        "labels, its error is the time from label to sound.",
        _METHOD,
        *_control_notes(latency),
        *_coverage_notes(latency),
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


def table_latency(latency: pd.DataFrame, *, notes: Sequence[str] = ()) -> Table:
    """Return median and quartiles of the latency, per group and velocity band."""
    columns = [
        Column("group", "Recordings"), Column("velocity", "MIDI velocity"),
        Column("n_notes", "Notes"), Column("isolated", "Isolated (%)"),
        Column("n_measured", "Measured"), Column("q1_ms", "Lower quartile (ms)"),
        Column("median_ms", "Median (ms)"), Column("q3_ms", "Upper quartile (ms)"),
    ]  # fmt: skip
    bands = label_limit.by_velocity(latency)
    total = label_limit.coverage(latency).assign(velocity_from=0)
    rows: list[list[Cell]] = []
    for group in label_limit.group_names(latency):
        for part in (total, bands):
            for row in part[part["group"] == group].to_dict("records"):
                lowest = row["velocity_from"]
                velocity = f"{lowest}–{row['velocity_to']}" if lowest else "all"
                times = [1000 * row[name] for name in ("q1_s", "median_s", "q3_s")]
                rows.append(
                    [
                        Name(group, group_label(group)),
                        velocity,
                        Number(row["n_notes"]),
                        Percent(row["n_isolated"] / row["n_notes"]),
                        Number(row["n_measured"]),
                        *("–" if np.isnan(ms) else Number(ms, 1) for ms in times),
                    ]
                )
    caption = "Table 6c. From label to sound, by velocity"
    return Table("latency", caption, columns, rows, [_METHOD, _CHORDS, *notes])


def table_microphones(
    latency: pd.DataFrame,
    *,
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
    notes: Sequence[str] = (),
) -> Table:
    """Return how much later the ambient microphones hear the pieces recorded with both."""
    delays = label_limit.microphone_delay(latency, samples=samples, seed=seed)
    columns = [
        Column("performance", "Piece"), Column("n_notes", "Notes measured in both"),
        Column("delay_ms", "Ambient later by (ms)"), Column("delay_interval_ms", "95 % interval"),
        Column("distance_m", "Distance (m)"), Column("distance_interval_m", "95 % interval"),
        Column("correlation", "Rank correlation"),
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    for row in delays.to_dict("records"):
        agree = row["correlation"]
        rows.append(
            [
                Name("all", "mean of the pieces") if row["performance"] == "all"
                else row["performance"],
                Number(row["n_notes"]),
                Number(1000 * row["delay_s"], 1),
                f"{1000 * row['delay_lo_s']:.1f} to {1000 * row['delay_hi_s']:.1f}",
                Number(row["distance_m"], 1),
                f"{row['distance_lo_m']:.1f} to {row['distance_hi_m']:.1f}",
                "–" if np.isnan(agree) else Number(agree, 2),
            ]
        )  # fmt: skip
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
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
    notes: Sequence[str] = (),
) -> Table:
    """Return the methods' accuracy at 10 ms against labels, against the sound, and the limit."""
    scores = label_limit.scored_by_sound(
        latency, predictions, condition=condition, samples=samples, seed=seed
    )
    columns = [
        Column("test_set", "Recordings"), Column("method", "Method"), Column("n_notes", "Notes"),
        Column("label", "of the label", interval=True),
        Column("sound", "of the sound", interval=True),
        Column("limit", "Limit: sound of the label", interval=True),
        Column("correlation", "Rank correlation"),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            Name(row["test_set"], set_label(row["test_set"])),
            Name(row["method"], method_label(row["method"])),
            Number(row["n_notes"]),
            *(_percent(row, name) for name in ("label", "sound", "limit")),
            "–" if np.isnan(row["correlation"]) else Number(row["correlation"], 2),
        ]
        for row in scores.to_dict("records")
    ]
    own = [
        "Measured notes alone, offset-calibrated: after removing each recording's median.",
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


def _control_notes(latency: pd.DataFrame) -> list[str]:
    found = label_limit.enough(latency)
    software = found[label_limit.group_of(found["test_set"]) == SOFTWARE]
    if software.empty:
        return []
    latency_ms = 1000 * software["latency_s"]
    rest_ms = latency_ms - latency_ms.groupby(software["recording"]).transform("median")
    low, high = rest_ms.quantile(0.25), rest_ms.quantile(0.75)
    return [
        "Software pianos are the control: their labels made the sound, so their spread is that of "
        f"the measuring and of the pianos' attacks (half of the notes between {low:+.1f} and "
        f"{high:+.1f} ms around their recording's median). Their median, {latency_ms.median():.1f} "
        "ms, is what an aligner trained on such pianos takes for zero."
    ]


def _coverage_notes(latency: pd.DataFrame) -> list[str]:
    return [
        f"{group_label(row['group'])}: {row['n_measured']:,} of {row['n_notes']:,} notes measured "
        f"({100 * row['n_measured'] / row['n_notes']:.1f} %; "
        f"{100 * row['n_isolated'] / row['n_notes']:.1f} % are isolated); mean velocity "
        f"{row['velocity_measured']:.1f}, of all notes {row['velocity']:.1f}; other notes sounding "
        f"{row['sounding_measured']:.1f}, {row['sounding']:.1f}."
        for row in label_limit.coverage(latency).to_dict("records")
    ] + [f"Recordings with fewer than {LEAST_NOTES} measured notes are left out of the rows."]
