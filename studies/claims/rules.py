"""The rule of each claim but C8: from evidence to a finding (:mod:`.verdicts`).

The rules in words, their limits and their date are in ``params.yaml``, topic ``claims``. Limits are
shares and differences of shares, 0 to 1.
"""

from __future__ import annotations

import math

from pianoalign_lib.common.labels import STAND_INS, method_label, set_label

from .evidence import DIFFERENCE, GAIN, Evidence, NoEvidenceError
from .verdicts import (
    AGREES,
    CONTRADICTED,
    DIRECTION,
    NOT_TESTABLE,
    ONE_TRAINING,
    UNDECIDED,
    Finding,
    number,
    percent,
    points,
    signed_points,
)

THROUGHOUT_MS = (5, 10, 20, 25, 30, 40, 50)  # at 100 ms the untouched input is right by design


def reaches(evidence: Evidence, *, least: float, paper: float, widest: float) -> Finding:
    """C1: the CRNN's accuracy at 10 ms is above `least`; the paper's is `paper`.

    An interval wider than `widest` holds too much to say that the size agrees.
    """
    ours = evidence.accuracy("crnn")
    lo, hi = ours.interval
    size = f"clearly {'higher' if ours.value > paper else 'lower'} than the paper's"
    if ours.holds(paper):
        size = f"and the interval is wider than {points(widest)}, too wide to confirm the paper's"
    text = f"The CRNN has {percent(ours.value)} of the notes within 10 ms"
    reasons = {
        AGREES: f"{text}, and the paper's {percent(paper)} lie within our interval.",
        DIRECTION: f"{text}, {size} {percent(paper)}.",
        UNDECIDED: f"{text}, too near to the limit of {100 * least:g} % to tell on which side.",
        CONTRADICTED: f"{text}, clearly less than the limit of {100 * least:g} %.",
    }
    p, above = ours.p_value(least), ours.value > least
    same = ours.holds(paper) and hi - lo <= widest
    return Finding(percent(ours.value), percent(lo, hi), reasons, p, above, same)


def ahead(evidence: Evidence, *, of: str, paper: float) -> Finding:
    """C2, C3, C4: the CRNN is ahead of another network at 10 ms; in the paper by `paper`."""
    found = evidence.difference("crnn", of)
    name, ours = _quoted(of), found.value
    size = "less than" if ours < paper else "more than"
    reasons = {
        AGREES: f"The CRNN is ahead of {name} by {points(ours)}, and the paper's {points(paper)} "
        "lie within our interval.",
        DIRECTION: f"The CRNN is ahead of {name} by {points(ours)}, {size} the paper's "
        f"{points(paper)}.",
        UNDECIDED: f"The difference of {signed_points(ours)} is no more than the chance of "
        f"performances and of trainings can make ({_trained(evidence, 'crnn', of)}).",
        CONTRADICTED: f"The CRNN is behind {name} by {points(ours)}, where the paper has it ahead.",
        ONE_TRAINING: _one_training(of),
    }
    accuracy = evidence.accuracy(of).value
    shown = f"{signed_points(ours)} ({method_label(of)} {percent(accuracy)})"
    return _networks(
        evidence,
        Finding(
            shown,
            signed_points(*found.interval),
            reasons,
            found.p_value(),
            ours > 0,
            found.holds(paper),
        ),
    )


def no_gain(evidence: Evidence, *, most: float) -> Finding:
    """C5: 200 frames per second gain less than `most` on 100, at 10 ms."""
    found = evidence.difference("crnn_200fps", "crnn")
    gain = f"200 frames per second give {signed_points(found.value)} against 100"
    change = "a loss" if found.value < 0 else f"a gain of less than {points(most)}"
    reasons = {
        AGREES: f"{gain}, which excludes a gain of {points(most)} and is no clear difference.",
        DIRECTION: f"{gain}, {change}, where the paper has no difference.",
        UNDECIDED: f"{gain}, but neither a gain of {points(most)} nor its absence is shown, given "
        f"the chance of performances and of trainings ({_trained(evidence, 'crnn', 'crnn_200fps')}"
        ").",
        CONTRADICTED: f"{gain}, clearly more than {points(most)}.",
        ONE_TRAINING: _one_training("crnn_200fps"),
    }
    p, below = found.p_value(most), found.value < most
    shown, interval = signed_points(found.value), signed_points(*found.interval)
    return _networks(evidence, Finding(shown, interval, reasons, p, below, found.holds(0.0)))


def ahead_throughout(evidence: Evidence, *, of: str, paper: float) -> Finding:
    """C6: the CRNN is ahead of another method at every tolerance, by `paper` at most."""
    found = {ms: evidence.difference("crnn", of, ms) for ms in THROUGHOUT_MS}
    best_ms, best = max(found.items(), key=lambda item: item[1].value)
    behind = {ms: each for ms, each in found.items() if each.value <= 0}
    # Ahead: at every tolerance. Behind: at one of them, which is the likelier the more there are.
    p = max(each.p_value() for each in found.values())
    if behind:
        p = min(1.0, len(found) * min(each.p_value() for each in behind.values()))
    name, span = method_label(of), f"from {THROUGHOUT_MS[0]} to {THROUGHOUT_MS[-1]} ms"
    most = f"by up to {points(best.value)} (at {best_ms} ms)"
    size = "less than" if best.value < paper else "more than"
    reasons = {
        AGREES: f"The CRNN is ahead of {name} at every tolerance {span}, {most}, and the paper's "
        f"{points(paper)} lie within our interval.",
        DIRECTION: f"The CRNN is ahead of {name} at every tolerance {span}, {most}, which is "
        f"{size} the paper's {points(paper)}.",
        UNDECIDED: f"The CRNN is not clearly ahead of {name} at every tolerance {span}.",
        CONTRADICTED: f"The CRNN is behind {name} at {', '.join(map(str, behind))} ms.",
    }
    ours = f"up to {signed_points(best.value)} (at {best_ms} ms)"
    interval = signed_points(*best.interval)
    return Finding(ours, interval, reasons, p, not behind, best.holds(paper))


def gain_on_real(
    evidence: Evidence, *, gain: float, least: float, by_sound: bool = False
) -> Finding:
    """C7: on real recordings DTW + CRNN gains `gain` on DTW, and has `least` within 10 ms.

    With `by_sound`, against the measured sound, each recording's median error taken off.
    """
    found, ratio = (
        evidence.on_real(kind, "hybrid", "dtw", by_sound=by_sound) for kind in (DIFFERENCE, GAIN)
    )
    hybrid, dtw = (evidence.on_real("first", name, by_sound=by_sound) for name in ("hybrid", "dtw"))
    more, *bounds = (math.exp(value) - 1 for value in (ratio.value, *ratio.interval))
    ours = f"{number('+.0f', [more])} % or {signed_points(found.value)}; {percent(hybrid.value)}"
    interval = (
        f"{number('+.0f', bounds)} %; {signed_points(*found.interval)}; {percent(*hybrid.interval)}"
    )
    where = "of the measured sound" if by_sound else "of the labels"
    text = (
        f"DTW + CRNN has {percent(hybrid.value)} of the notes within 10 ms {where} and DTW "
        f"{percent(dtw.value)}: {number('+.0f', [more])} % as a ratio, {signed_points(found.value)}"
    )
    gains = bounds[0] <= gain <= bounds[1] or found.holds(gain)
    size = (
        f"the gain is {'' if gains else 'not '}the paper's {number('+.0f', [gain])} % in "
        f"{'one' if gains else 'either'} reading, and the accuracy is "
        f"{'' if hybrid.value > least else 'not '}above {100 * least:g} %"
    )
    reasons = {
        AGREES: f"{text}; {size}.",
        DIRECTION: f"{text}; {size}.",
        UNDECIDED: f"{text}, a difference that the choice of performances can make.",
        CONTRADICTED: f"{text}, so DTW alone is better.",
        NOT_TESTABLE: "" if by_sound else _why_not(evidence, least, text),
    }
    if reasons[NOT_TESTABLE]:
        return Finding(ours, interval, reasons, verdict=NOT_TESTABLE)
    same = gains and hybrid.value > least
    return Finding(ours, interval, reasons, found.p_value(), found.value > 0, same)


def only_crnn_handles(evidence: Evidence, *, half: float) -> Finding:
    """C9: at 10 ms the CRNN has more than `half` of the notes, DTW less, and DTW does harm."""
    found, harm = evidence.difference("crnn", "dtw"), evidence.difference("dtw", "none", 100)
    given, dtw, crnn = (evidence.accuracy(name) for name in ("none", "dtw", "crnn"))
    at_100 = [evidence.accuracy(name, 100).value for name in ("dtw", "none")]
    text = (
        f"DTW has {percent(dtw.value)} of the notes within 10 ms and, within 100 ms, "
        f"{percent(at_100[0])} where the untouched input has {percent(at_100[1])}, while the CRNN "
        f"has {percent(crnn.value)} within 10 ms"
    )
    shown = {
        "DTW has less than half": dtw.interval[1] < half,
        "the CRNN has more than half": crnn.interval[0] > half,
        "DTW does harm": harm.interval[1] < 0,
    }
    unclear = [what for what, is_clear in shown.items() if not is_clear]
    reasons = {
        AGREES: f"{text}: DTW is defeated and the CRNN is not.",
        DIRECTION: f"{text}: the CRNN does better, but it is not clear that "
        f"{' and that '.join(unclear)}.",
        UNDECIDED: f"{text}, a difference that chance can make.",
        CONTRADICTED: f"{text}: DTW does better.",
    }
    ours = f"input {percent(given.value)}, DTW {percent(dtw.value)}, CRNN {percent(crnn.value)}"
    interval = f"DTW {percent(*dtw.interval)}, CRNN {percent(*crnn.interval)}"
    return Finding(ours, interval, reasons, found.p_value(), found.value > 0, not unclear)


def _networks(evidence: Evidence, found: Finding) -> Finding:
    """Leave a comparison of two networks open if no network was trained more than once."""
    if evidence.spread() is not None:
        return found
    return Finding(found.ours, found.interval, found.reasons, verdict=ONE_TRAINING)


def _one_training(name: str) -> str:
    return (
        f"CRNN and {_quoted(name)} were trained once each, so how far chance of training moves "
        "their difference is unknown."
    )


def _quoted(method: str) -> str:
    """Return a method's name, in quotation marks if a comma in it could mislead."""
    name = method_label(method)
    return f"“{name}”" if "," in name else name


def _trained(evidence: Evidence, *methods: str) -> str:
    counts = [f"{_quoted(name)}: {len(evidence.trainings(name))}" for name in methods]
    return f"trainings: {', '.join(counts)}"


def _why_not(evidence: Evidence, least: float, text: str) -> str:
    """Say why the real recordings cannot decide; nothing if they can."""
    if STAND_INS & set(evidence.real_sets):
        return f"This corpus has no real recordings; on its stand-in, simulated rooms, {text}."
    limits = evidence.limits or {}
    if missing := [name for name in evidence.real_sets if name not in limits]:
        raise NoEvidenceError(f"not run: the limit of the labels on {set_label(missing[0])}")
    if min(limits.values()) >= least:
        return ""
    parts = ", ".join(f"{percent(limits[name])} ({set_label(name)})" for name in evidence.real_sets)
    return (
        f"An aligner that puts every note exactly where it sounds has {parts} within 10 ms of "
        f"these labels, fewer than the {100 * least:g} % claimed: they score the labels; {text}."
    )
