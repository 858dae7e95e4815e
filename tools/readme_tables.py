"""Write README's tables of accuracies, from the committed results.

``python -m tools.readme_tables`` puts them between the comments that name them;
``tests/test_readme_tables.py`` says when that is due.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.field.table import (
    FIELD,
    MAIN,
    MEASURED,
    OURS,
    PAIRED,
    RIVAL,
    TOOLS,
    field_scores,
    not_run,
    read_field,
    read_paired,
    scores_of,
)
from companion.tables.paper import table2_architecture
from pianoalign_lib.common.config import corpus_paths, load_params, project_root
from pianoalign_lib.common.files import write_text
from pianoalign_lib.common.labels import condition_label
from pianoalign_lib.scoring.scores import Missing, Scores, read_scores
from studies.instruments import names
from studies.instruments.table import scores_of as instrument_scores
from studies.transcription import plan
from studies.transcription.summary import PIANO, SET_LABELS, SETS, Summary, read_transcription

# Corpus and test set of each column, and its header.
WHOLE = {
    ("maps", "test"): "MAPS, unseen software piano",
    ("maps", "ENSTDkCl"): "MAPS, Disklavier, close",
    ("maps", "ENSTDkAm"): "MAPS, Disklavier, ambient",
    ("demo", "test"): "demo, unseen Steinway",
}
FEWER = {
    ("maps", "test"): "MAPS, unseen software piano",
    ("maps", "development"): "MAPS, Disklavier, used in development",
    ("demo", "test"): "demo, unseen Steinway",
}
METHODS = {
    "none": "input as it is",
    "dtw": "DTW (Sync Toolbox)",
    "crnn": "CRNN (paper)",
    "hybrid": "DTW + CRNN (paper)",
    "localizer": "**pianoalign**",
}
NETWORKS = {
    "none": "input as it is",
    "dtw": "DTW (MrMsDTW)",
    "cnn": "CNN only",
    "lstm_uni": "LSTM, one direction",
    "gru": "GRU, both directions",
    "crnn": "full CRNN: LSTM, both directions",
    "transformer": "transformer in the LSTM's place",
    "transformer_long": "the same, trained three times as long",
}
COSTS = ("maps", "ENSTDkCl")  # where the processor time is from
# Both microphone positions together, and of them what was used in development.
DISKLAVIER = {
    ("maps", "disklavier"): "all 33 Disklavier recordings",
    ("maps", "development"): "the eight of them that were used in development",
}
KINDS = (("raw", False), ("calibrated", True))
READINGS = {"raw": "raw", "validation": "less validation's", "oracle": "calibrated"}
Rows = dict[str, Scores]


def methods_table(root: Path) -> str:
    """Return the table of the paper's methods and ours on whole test sets, in Markdown."""
    scores = _metrics(root)
    head = [_head(scores, WHOLE)]
    rows = [
        [label if kind == "raw" else "", kind, *_cells(scores, WHOLE, method, calibrated)]
        for method, label in METHODS.items()
        for kind, calibrated in KINDS
    ]
    return _table(head + rows)


def tools_table(root: Path) -> str:
    """Return the table of all tools on excerpts, and how far ours is from Transkun."""
    fields = _files(root, FIELD, read_field)
    by_reading = {
        offset: {corpus: scores_of(field, offset) for corpus, field in fields.items()}
        for offset in READINGS
    }
    paired = _files(root, PAIRED, read_paired)
    head = [[*_head(by_reading["raw"], WHOLE), "CPU s per minute"]]
    rows = []
    for method, name in _run(fields).items():
        label = METHODS["localizer"] if method == OURS else name
        for offset, kind in READINGS.items():
            cells = [_both(by_reading[offset][c].find(t, method, MAIN)) for c, t in WHOLE]
            cost = _cost(by_reading["raw"], method) if offset == "raw" else ""
            rows.append([label if offset == "raw" else "", kind, *cells, cost])
    for offset, kind in READINGS.items():
        cells = [_points(paired[corpus], test_set, offset) for corpus, test_set in WHOLE]
        label = "pianoalign − Transkun, points" if offset == "raw" else ""
        rows.append([label, kind, *cells, ""])
    return f"{_table(head + rows)}\n{_disklavier(by_reading, paired)}\n{_missing(fields)}"


def _disklavier(by_reading: dict[str, Rows], paired: dict[str, pd.DataFrame]) -> str:
    """Say how ours and Transkun do on the whole Disklavier, and on what was used in development."""
    lines = []
    for (corpus, test_set), name in DISKLAVIER.items():
        row = _row(by_reading["raw"], corpus, test_set, OURS, False)
        parts = []
        for offset, kind in READINGS.items():
            ours, other = (
                _both(by_reading[offset][corpus].find(test_set, method, MAIN))
                for method in (OURS, RIVAL)
            )
            points = _points(paired[corpus], test_set, offset)
            parts.append(f"{kind} {ours}, Transkun {other}, difference {points}")
        lines.append(f"On {name} ({row['n_notes']:,} notes), pianoalign {'; '.join(parts)}.\n")
    return "\n".join(lines)


def measured_table(root: Path) -> str:
    """Return the table of all tools on the fewer excerpts that costs were measured on."""
    scores = {
        corpus: Scores(field_scores(field))
        for corpus, field in _files(root, MEASURED, read_field).items()
    }
    rows = [
        ["" if calibrated else TOOLS[method], kind, *_cells(scores, FEWER, method, calibrated)]
        for method in TOOLS
        if not isinstance(scores["maps"].find("test", method, MAIN), Missing)
        for kind, calibrated in KINDS
    ]
    return _table([_head(scores, FEWER), *rows])


def _run(fields: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Return the tools that were run on a whole test set at least."""
    there = {name for field in fields.values() for name in field_scores(field)["method"]}
    return {method: name for method, name in TOOLS.items() if method in there}


def _missing(fields: dict[str, pd.DataFrame]) -> str:
    """Say which tools were not run on all recordings, and why."""
    tools: dict[str, list[str]] = {}
    for corpus, field in fields.items():
        for method, reason in not_run(field).items():
            tools.setdefault(reason, []).append(f"{TOOLS[method]} (`{corpus}`)")
    lines = [f"{', '.join(names)}: {reason}" for reason, names in tools.items()]
    return f"Not run: {'; '.join(lines)}.\n" if lines else ""


def _points(paired: pd.DataFrame, test_set: str, offset: str) -> str:
    """Return ours minus Transkun at 10 and 50 ms, in points, with paired intervals."""
    rows = paired.query("test_set == @test_set and offset == @offset and other == @RIVAL")
    values = rows.sort_values("tolerance_ms")[["difference", "lo", "hi"]].to_numpy(float)
    shown = [f"{mid:+.1f} [{lo:+.1f}, {hi:+.1f}]" for mid, lo, hi in 100 * values]
    return " / ".join(shown).replace("-", "−") or "not run"


def same_piece(root: Path) -> str:
    """Say what pianoalign has on the close Disklavier without the piece its weights have heard."""
    single = read_scores(root / "results" / "maps" / "metrics_per_recording.csv")
    rows = single.query("test_set == 'ENSTDkCl' and method == @OURS and condition == @MAIN")
    parts = []
    for calibrated, words in ((False, "raw"), (True, "calibrated")):
        of_all = rows[rows["calibrated"] == calibrated]
        kept = of_all[of_all["performance"] != "chpn-e01"]
        shares = [
            100 * (part["acc_10ms"] * part["n_notes"]).sum() / part["n_notes"].sum()
            for part in (kept, of_all)
        ]
        parts.append(f"{shares[0]:.1f} % instead of {shares[1]:.1f} % ({words})")
    return (
        "Without `chpn-e01_ENSTDkCl`, its best, pianoalign has on the other close recordings, as a "
        f"whole, {', '.join(parts)} within 10 ms.\n"
    )


def _files(root: Path, name: str, read: Callable[[Path], pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {corpus: read(root / "results" / corpus / name) for corpus in ("maps", "demo")}


def reproduction_table(root: Path) -> str:
    """Return notes within 10 ms (%) by network: one training, all of table 2, and the paper."""
    scores = _metrics(root)
    table = table2_architecture(read_scores(root / "results" / "maps" / "metrics.csv"))
    shown = table.shown()
    texts = {
        row[0]: dict(zip(shown.headers, cells, strict=True))
        for row, cells in zip(table.rows, shown.rows, strict=True)
    }
    rows = [["", "`maps`, first training", "`maps`, all trainings", "`demo`", "Paper (MAPS)"]]
    for method, label in NETWORKS.items():
        found = [scores[corpus].find("test", method, MAIN) for corpus in ("maps", "demo")]
        maps, demo = (row.label if isinstance(row, Missing) else _percent(row, 10) for row in found)
        trainings, paper = "", "–" if method == "none" else "not in our source"
        if method in texts:
            trainings, paper = _trainings(texts[method]), texts[method]["Paper, 10 ms"]
        rows.append([label, maps, trainings, demo, paper])
    return _table(rows)


def _trainings(text: dict[str, str]) -> str:
    """Return mean, standard deviation and number of trainings, where there are several."""
    mean, spread, count = (text[name] for name in ("mean", "± points", "number"))
    return "" if spread == "–" else f"{mean} ± {spread} ({count})"


def instruments_table(root: Path) -> str:
    """Return the table of other instruments, and what follows from it, in words."""
    found = pd.read_csv(root / "results" / "demo" / names.FILE)
    scores = instrument_scores(found, names.CORPUS)
    ran = found[(found["corpus"] == names.CORPUS) & found["condition"].notna()]
    methods = [method for method in names.METHODS if (ran["method"] == method).any()]
    rows = [["", *(names.label(method) for method in methods)]]
    for test_set, name in names.INSTRUMENTS.items():
        shown = [_shares(scores.find(test_set, method, MAIN)) for method in methods]
        rows.append([name, *shown])
    told = [
        _sampled(scores, root),
        _joint(scores, instrument_scores(found, names.PIANO)),
        _real(instrument_scores(found, names.OTHERS)),
    ]
    return "\n".join([_table(rows), *filter(None, told)])


def _sampled(scores: Scores, root: Path) -> str:
    """Say how the localizer, trained on pianos, does on other sampled instruments."""
    piano = _row(_metrics(root), "demo", "test", "localizer", False)["acc_10ms"]
    found = {name: scores.find(name, "localizer", MAIN) for name in names.INSTRUMENTS}
    bowed, calibrated = (scores.find("bowed", "localizer", MAIN, each) for each in (False, True))
    plucked = [
        100 * row["acc_10ms"]
        for name, row in found.items()
        if isinstance(row, dict) and name not in ("bowed", names.ALL)
    ]
    return (
        "Of notes that are plucked, the localizer as released, which has heard pianos only, places "
        f"{min(plucked):.1f} to {max(plucked):.1f} % within 10 ms, depending on the instrument "
        f"({100 * piano:.1f} % on `demo`'s Steinway); of bowed ones {_shares(bowed)} % within 10 / "
        f"50 ms, calibrated {_shares(calibrated)} %.\n"
    )


def _joint(scores: Scores, piano: Scores) -> str:
    """Say what training on other instruments brings there, and costs on the piano."""
    rows = [
        scores.find(name, method, MAIN, True)
        for name in (names.ALL, "bowed")
        for method in ("localizer", "localizer_joint")
    ]
    cost = piano.find("test", "localizer_joint", MAIN, True)
    if isinstance(cost, Missing):
        return ""
    gained = [-100 * cost[f"cost_10ms{end}"] for end in ("", "_hi", "_lo")]
    shown = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*gained).replace("-", "−")
    of_all, joint_of_all, bowed, joint_bowed = map(_shares, rows)
    return (
        "`--weights localizer_joint` are the same weights after more training on the piano and on "
        "such instruments (other fonts and samples than those tested): calibrated, of all notes "
        f"{joint_of_all} % within 10 / 50 ms instead of {of_all} %, of bowed ones {joint_bowed} % "
        f"instead of {bowed} %, and on `demo`'s Steinway {shown} points within 10 ms. They are not "
        "the default, since they lose on the noisy validation recordings of `demo` (`pianoalign "
        "models`).\n"
    )


def _real(scores: Scores) -> str:
    """Say the same of the few real recordings."""
    lines = ["And of real recordings:", ""]
    for test_set, name in names.REAL.items():
        raw, calibrated = (scores.find(test_set, "localizer", MAIN, it) for it in (False, True))
        if isinstance(raw, dict):
            lines.append(
                f"- {name}, {raw['n_recordings']} recordings, {raw['n_notes']:,} notes: "
                f"{_shares(raw)} % within 10 / 50 ms, calibrated {_shares(calibrated)} %; median "
                f"error {1000 * raw['bias_s']:.1f} ms."
            )
    return "\n".join(lines).replace("error -", "error −") + "\n"


def transcription_table(root: Path) -> str:
    """Return F1 of onsets by training labels, within 50 ms and, calibrated, within 10 ms."""
    paths, params = corpus_paths("maps", root), load_params(root, "maps")
    bootstrap = params["evaluation"]["bootstrap"]
    summary = Summary(read_transcription(paths.results), **bootstrap)
    kinds = [kind for kind in plan.planned(params) if not kind.flawed]
    timings = [kind for kind in kinds if kind.method == plan.KEEP and kind != plan.TRUE]
    places = [(where, timing.timing) for where in SETS for timing in timings]
    rows = [["", *(f"{SET_LABELS[at]}:<br>{condition_label(timing)}" for at, timing in places)]]
    for kind in [plan.TRUE, *(kind for kind in kinds if kind.timing == timings[0].timing)]:
        named = [kind if kind == plan.TRUE else replace(kind, timing=name) for _, name in places]
        cells = [_f1(summary, each, at) for each, (at, _) in zip(named, places, strict=True)]
        rows.append([plan.placed_by(kind), *cells])
    return "\n".join([_table(rows), _stronger(summary, params)])


def _stronger(summary: Summary, params: dict[str, Any]) -> str:
    """Say how the stronger transcriber does, on the unseen piano."""
    true, *others = plan.planned_stronger(params)
    parts = [
        f"{plan.placed_by(kind)} {_f1(summary, kind, PIANO)}"
        for kind in others
        if kind.timing == others[0].timing
    ]
    n_trainings = len(summary.seeds(true, PIANO))
    return (
        "A stronger transcriber also hears its training excerpts on other keys, with other tones "
        f"and at other levels, for twice as long (table 11c; trainings of each: {n_trainings}). On "
        f"the unseen software piano it has {_f1(summary, true, PIANO)} with true labels; with "
        f"those of {plan.midi_label(others[0])}: {', '.join(parts)}.\n"
    )


def _f1(summary: Summary, kind: plan.Labels, where: str) -> str:
    found = summary.f1(kind, where, 50), summary.f1(kind, where, 10, calibrated=True)
    return " / ".join(f"{100 * each.value:.1f}" for each in found if each) or "not run"


def _shares(row: dict | Missing) -> str:
    if isinstance(row, Missing):
        return row.label
    return f"{100 * row['acc_10ms']:.1f} / {100 * row['acc_50ms']:.1f}"


def _metrics(root: Path) -> Rows:
    return {
        name: Scores(read_scores(root / "results" / name / "metrics.csv"))
        for name in ("maps", "demo")
    }


def _head(scores: Rows, places: dict[tuple[str, str], str]) -> list[str]:
    sizes = []
    for (corpus, test_set), header in places.items():
        row = _row(scores, corpus, test_set, "none", False)
        sizes.append(f"{header}<br>{row['n_recordings']} recordings, {row['n_notes']:,} notes")
    return ["", "", *sizes]


def _cells(
    scores: Rows, places: dict[tuple[str, str], str], method: str, calibrated: bool
) -> list[str]:
    """Return the accuracies at 10 and 50 ms with their intervals, one text per place."""
    return [_both(_row(scores, *place, method, calibrated)) for place in places]


def _row(scores: Rows, corpus: str, test_set: str, method: str, calibrated: bool) -> dict:
    row = scores[corpus].find(test_set, method, MAIN, calibrated)
    if isinstance(row, Missing):
        raise SystemExit(f"{corpus}, {test_set}, {method}: {row.label} ({row.reason})")
    return row


def _both(row: dict | Missing) -> str:
    """Return the accuracies at 10 and 50 ms with their intervals."""
    if isinstance(row, Missing):
        return row.label
    return f"{_percent(row, 10)} / {_percent(row, 50)}"


def _percent(row: dict, ms: int) -> str:
    share, lo, hi = (100 * row[f"acc_{ms}ms{end}"] for end in ("", "_lo", "_hi"))
    return f"{share:.1f} [{lo:.1f}, {hi:.1f}]"


def _cost(scores: Rows, method: str) -> str:
    """Return a tool's processor time, where it was measured and is worth a number."""
    row = scores[COSTS[0]].find(COSTS[1], method, MAIN)
    if method == "none" or isinstance(row, Missing) or pd.isna(row["cpu_s_per_minute"]):
        return ""
    seconds = row["cpu_s_per_minute"]
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    rule = "|---" * len(rows[0]) + "|"
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([re.sub(r" +\|", " |", line) for line in (head, rule, *body)]) + "\n"


def with_tables(readme: str, tables: dict[str, str]) -> str:
    """Return README's text with each table between ``<!-- name -->`` and ``<!-- end -->``."""
    for name, table in tables.items():
        places = re.findall(rf"<!-- {name} -->\n.*?<!-- end -->", readme, flags=re.DOTALL)
        if len(places) != 1:
            raise SystemExit(f"README.md: {len(places)} places for {name}, not one")
        readme = readme.replace(places[0], f"<!-- {name} -->\n{table}<!-- end -->")
    return readme


def tables(root: Path) -> dict[str, str]:
    """Return README's tables by the names of their places."""
    return {
        "methods": methods_table(root),
        "tools": tools_table(root),
        "measured": measured_table(root),
        "same-piece": same_piece(root),
        "reproduction": reproduction_table(root),
        "instruments": instruments_table(root),
        "transcription": transcription_table(root),
    }


if __name__ == "__main__":
    file = project_root() / "README.md"
    text = file.read_text(encoding="utf-8")
    write_text(file, with_tables(text, tables(project_root())))
