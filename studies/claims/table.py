"""The paper's claims C1 to C9, each with the paper's value, ours, its interval and a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from companion.tables.model import Column, Table
from pianoalign_lib.common.labels import method_label

from . import rules
from .evidence import Evidence, NoEvidenceError
from .statistics import holm
from .tempo import lost_to_tempo
from .verdicts import NOT_TESTABLE, UNDECIDED, Finding, judge

Rule = Callable[..., Finding]
RULES: dict[str, Rule] = {
    "C1": rules.reaches,
    "C2": partial(rules.ahead, of="cnn"),
    "C3": partial(rules.ahead, of="gru"),
    "C4": partial(rules.ahead, of="crnn_mel"),
    "C5": rules.no_gain,
    "C6": partial(rules.ahead_throughout, of="dtw"),
    "C7": rules.gain_on_real,
    "C8": lost_to_tempo,
    "C9": rules.only_crnn_handles,
}
BY_SOUND = "C7, by the sound"  # the same rule, where the sound was measured
COMPARED = {  # networks whose trainings are set against each other
    "C2": {"crnn", "cnn"},
    "C3": {"crnn", "gru"},
    "C4": {"crnn", "crnn_mel"},
    "C5": {"crnn", "crnn_200fps"},
}


def claims_table(
    evidence: Evidence,
    settings: Mapping[str, Any],
    *,
    stopped_early: Collection[str] = (),
    notes: Sequence[str] = (),
) -> Table:
    """Judge every claim and return the table ``claims``.

    Parameters
    ----------
    evidence : Evidence
        Of one corpus.
    settings : mapping
        Topic ``claims`` of ``params.yaml``: the rules in words, with their limits.
    stopped_early : collection of str, optional
        Variants whose training ended before its planned end: a comparison with one of them is one
        of unequal trainings and stays open, whatever its numbers are.
    notes : sequence of str, optional
        Printed below the table, after the rules.
    """
    stated, level = settings["rules"], settings["level"]
    found = {name: _find(name, evidence, stated, stopped_early) for name in stated}
    if evidence.sound is not None:
        found[BY_SOUND] = _find("C7", evidence, stated, (), by_sound=True)
        found = dict(sorted(found.items()))
    corrected = holm({name: each.p for name, each in found.items() if not math.isnan(each.p)})
    rows = []
    for name, each in found.items():
        p = corrected.get(name, math.nan)
        verdict, claim = judge(each, p, level), stated[name.partition(",")[0]]
        shown = [each.ours, each.interval, _p_text(p), verdict, each.reasons[verdict]]
        rows.append([name, claim["claim"], claim["paper"], *shown])
    columns = [
        Column("id", "Id"),
        Column("claim", "Claim", width="2.2cm"),
        Column("paper", "Paper", width="1.6cm"),
        Column("ours", "Ours", width="2cm"),
        Column("interval_95", "95 % interval", width="2cm"),
        Column("p_holm", "p (Holm)"),
        Column("verdict", "Verdict", width="1.6cm"),
        Column("reason", "Reason", width="4.4cm"),
    ]
    own = [
        *settings["general"],
        _size_note(evidence),
        *(f"{name} (rule of {each['date']}): {each['rule']}" for name, each in stated.items()),
    ]
    caption = "The paper's claims, tested on this corpus"
    return Table("claims", caption, columns, rows, [*own, *notes])


def _find(
    name: str,
    evidence: Evidence,
    stated: Mapping[str, Any],
    stopped_early: Collection[str],
    **options: bool,
) -> Finding:
    """Apply a rule; where evidence lacks or trainings are unequal, nothing is tested."""
    try:
        found = RULES[name](evidence, **stated[name]["limits"], **options)
    except NoEvidenceError as missing:
        return Finding("not run", "not run", {NOT_TESTABLE: f"{missing}."}, verdict=NOT_TESTABLE)
    unequal = sorted(COMPARED.get(name, set()) & set(stopped_early))
    if not unequal or math.isnan(found.p):
        return found
    names = ", ".join(map(method_label, unequal))
    reason = f"The trainings are unequal: that of {names} stopped early (see the epochs below)."
    return Finding(found.ours, found.interval, {UNDECIDED: reason})


def _p_text(p: float) -> str:
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _size_note(evidence: Evidence) -> str:
    """Say what the intervals cover: excerpts of one performance are not independent."""
    rows = evidence.scores[evidence.scores["test_set"] == "test"]
    found = evidence.spread()
    trained = (
        "no network was trained more than once, so chance of training is in no interval here"
        if found is None
        else f"chance of training: trainings that differ in the seed alone have a standard "
        f"deviation of {100 * found[0]:.1f} points within 10 ms ({found[1]:.0f} degrees of freedom)"
    )
    return (
        f"Test set: {rows['recording'].nunique()} recordings of "
        f"{rows['performance'].nunique()} performances; {trained}."
    )
