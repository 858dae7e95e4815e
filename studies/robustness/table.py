"""Table 9: scores against performances, and what people do to tempo and structure."""

from __future__ import annotations

import pandas as pd

from companion.tables.model import Cell, Column, Missing, Number, Percent, Table
from pianoalign_lib.common.labels import set_label

SCORE = "score"  # the test set of scores beside performances, and its one condition
CONDITIONS = {  # built by studies/robustness
    SCORE: "score at one tempo, not the mean",
    "start": "start up to 10 s off",
    "tempo-20": "MIDI 20 % slower",
    "tempo+20": "MIDI 20 % faster",
    "tempo_half": "MIDI at half the tempo",
    "tempo_double": "MIDI at twice the tempo",
    "drift10": "tempo drifts by ±10 %",
    "rubato": "strong rubato",
    "noise_before": "25 s of noise before the music",
    "part_of_midi": "MIDI of a part",
    "part_of_recording": "recording of a part",
    "tuned_415": "recording at A = 415 Hz",
    "tuned_466": "recording at A = 466 Hz",
    "transposed": "MIDI two semitones higher",
    "doubled": "third of the notes doubled a tick later",
    "rest_longer": "rest 0.5 to 4 s longer",
    "rest_much_longer": "rest 4 to 40 s longer",
    "rest_shorter": "rest 0.5 to 40 s shorter",
    "cut_in_recording": "3 to 12 s not played",
    "cut_in_midi": "3 to 12 s missing in the MIDI",
    "movements": "two movements, another pause",
    "played_twice": "15 s played twice",
    "repeat_skipped": "repeat of 15 s not played",
}
NO_SCORES = "the scores of (n)ASAP were not here: see studies/robustness/scores.py"
NOT_RUN = {"maps": ["ENSTDkCl", "ENSTDkAm"]}  # test sets that have rows, run or not
NO_TIME = "takes about three hours on two cores: python -m studies robustness --corpus maps"
NOT_ASKED = "not among the methods of params.yaml (topic robustness)"
# The columns of each method: of the notes that were played, but for silent errors.
OURS = {
    "acc_10ms": "10 ms",
    "acc_50ms": "50 ms",
    "below_exact": "50 ms, below exact (points)",
    "far_share": "> 0.5 s",
    "aligned_share": "Called aligned",
    "silent_share": "Silent errors",
    "silent_worst": "Silent, worst recording",
    "refused_share": "Refused",
}
PEERS = {
    "exact": ("Localizer, exact MIDI", ("acc_10ms", "acc_50ms", "silent_share")),
    "dtw_localizer": ("Sync Toolbox, then localizer", ("acc_10ms", "acc_50ms", "silent_share")),
    "dtw": ("Sync Toolbox", ("acc_10ms", "acc_50ms", "far_share")),
    "hybrid": ("Sync Toolbox, then CRNN", ("acc_10ms", "acc_50ms")),
}


def table9_robustness(frame: pd.DataFrame, corpus: str) -> Table:
    """Return one row per test set and condition: the localizer, and its peers beside it.

    Parameters
    ----------
    frame
        ``robustness.csv``; what is not in it is "not run".
    corpus
        Of ``demo`` the scores have a row, run or not.
    """
    columns = [
        Column("test_set", "Recordings", label=_set_label),
        Column("condition", "MIDI against recording", label=lambda name: CONDITIONS[name]),
    ]
    columns += [Column(f"localizer_{key}", header, "Localizer") for key, header in OURS.items()]
    columns += [
        Column(f"{method}_{key}", OURS[key], group)
        for method, (group, keys) in PEERS.items()
        for key in keys
    ]
    key_columns = ["test_set", "condition", "method"]
    found = {tuple(row[key] for key in key_columns): row for row in frame.to_dict("records")}
    rows: list[list[Cell]] = []
    places = [(SCORE, SCORE)] * (corpus == "demo")
    for test_set in [*frame["test_set"].unique()] or NOT_RUN.get(corpus, []):
        places += [(test_set, name) for name in CONDITIONS if SCORE not in (test_set, name)]
    for test_set, condition in places:
        row: list[Cell] = [test_set, condition]
        scored = {name: found.get((test_set, condition, name)) for name in ("localizer", *PEERS)}
        lacks_scores = condition == SCORE and scored["localizer"] is None
        reason = NO_SCORES if lacks_scores else "" if len(frame) else NO_TIME
        row += [_cell(scored["localizer"], key, scored["exact"], reason) for key in OURS]
        for method, (_, keys) in PEERS.items():
            row += [_cell(scored[method], key, None, reason or NOT_ASKED) for key in keys]
        rows.append(row)
    return Table("table9_robustness", _CAPTION, columns, rows, _notes(frame))


def _cell(row: dict | None, key: str, exact: dict | None, reason: str) -> Cell:
    if row is None or (key == "below_exact" and exact is None):
        return Missing("not run", reason)
    if key == "below_exact" and exact is not None:
        return Number(100 * (exact["acc_50ms"] - row["acc_50ms"]), 1)
    return Percent(row[key])


_CAPTION = (
    "Table 9. From a score to a performance: notes that were played within a tolerance, or more "
    "than 0.5 s off (%), and silent errors (%)"
)


def _set_label(test_set: str) -> str:
    return "performances of scores" if test_set == SCORE else set_label(test_set)


def _notes(frame: pd.DataFrame) -> list[str]:
    sizes = frame.drop_duplicates(["test_set"])[["test_set", "n_recordings", "n_notes"]]
    counts = "; ".join(
        f"{_set_label(row['test_set'])}: {row['n_recordings']} recordings, {row['n_notes']:,} notes"
        for row in sizes.to_dict("records")
    )
    return [
        *[f"{counts}. Of each recording the first 90 s."] * bool(counts),
        "Silent errors: of the notes called aligned, those more than 100 ms off or not played at "
        "all. Sync Toolbox calls every note aligned.",
        "Below exact: points below what the localizer reaches if the MIDI has the exact times. Its "
        "silent errors then are those of the labels, which on the Disklavier precede the sound.",
    ]
