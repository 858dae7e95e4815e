"""The rules by which the paper's claims are judged, from evidence to a verdict.

What a rule is asked about, and its limits, stand beside the claim and its rule in words
(:data:`pianoalign_lib.tables.claims.CLAIMS`). A rule about a difference asks for its direction: the
paired 95 % interval over recordings must lie on the claimed side of zero. Whether the size agrees
as well (the paper's value lies within our interval) is said in the reason and does not change the
verdict, since corpus and training differ. Limits are shares and differences of shares, 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ..common.errors import PianoAlignError
from ..common.labels import STAND_INS, tempo_percent
from .comparison import Comparison, compare_scores
from .scores import Missing, Scores

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "not testable here"
CONDITION = "note100"  # the paper's: ±100 ms per note
_THROUGHOUT_MS = (5, 10, 20, 25, 30, 40, 50)  # at 100 ms the untouched input is right by design


class NoEvidenceError(PianoAlignError):
    """A claim cannot be judged; the message says why. Every rule may raise it."""


@dataclass(frozen=True)
class Evidence:
    """Rows of ``metrics.csv`` and ``metrics_per_recording.csv`` of one corpus.

    `real_sets` are its test sets of real recordings, or of their stand-in; `draws` are samples and
    seed of the bootstrap.
    """

    scores: Scores
    per_recording: pd.DataFrame
    real_sets: Sequence[str]
    draws: Mapping[str, int]

    def row(self, method: str, condition: str = CONDITION, test_set: str = "test") -> dict:
        """Return a row of the metrics, with intervals at 10 and 40 ms."""
        found = self.scores.find(test_set, method, condition)
        if isinstance(found, Missing):
            raise NoEvidenceError(f"{found.label}: {found.reason}")
        if not {"acc_10ms_lo", "acc_40ms_lo"} <= found.keys():
            raise NoEvidenceError("10 ms or 40 ms not among the tolerances evaluated")
        if math.isnan(found["acc_10ms_lo"]):
            raise NoEvidenceError("a single recording gives no interval")
        return found

    def compare(
        self, a: str, b: str, ms: float = 10, *, real=False, calibrated=False
    ) -> Comparison:
        """Return the paired difference of two methods on the test set or all real recordings."""
        test_sets = self.real_sets if real else ["test"]
        for test_set in test_sets:
            self.row(a, test_set=test_set)
            self.row(b, test_set=test_set)
        rows = self.per_recording[self.per_recording["test_set"].isin(test_sets)]
        # The same piece may have been recorded in two ways: those are two recordings.
        names = rows["test_set"].astype(str) + "/" + rows["recording"].astype(str)
        rows = rows.assign(recording=names, test_set="")
        try:
            return compare_scores(
                rows, a, b, CONDITION, ms, test_set="", calibrated=calibrated, **self.draws
            )
        except PianoAlignError as error:
            raise NoEvidenceError(str(error)) from error


@dataclass(frozen=True)
class Judgement:
    """Our value and its interval as text, the verdict, and the reason for it."""

    ours: str
    interval: str
    verdict: str
    reason: str


def reaches(evidence: Evidence, *, least: float, paper: float) -> Judgement:
    """The CRNN's accuracy at 10 ms is at least `least`."""
    row = evidence.row("crnn")
    value, lo, hi = (row[f"acc_10ms{end}"] for end in ("", "_lo", "_hi"))
    if paper < lo:
        reason = "the paper's value lies below our interval: ours is higher"
    elif paper > hi:
        reason = "the paper's value lies above our interval: ours is lower"
    else:
        reason = "the paper's value lies within our interval"
    if lo < least <= value:
        reason += f"; the interval reaches below {_percent(least)}"
    return Judgement(_percent(value), _percent(lo, hi), _verdict(value >= least), reason)


def ahead(
    evidence: Evidence,
    *,
    of: str,
    paper: float,
    least: float = 0.0,
    name: str = "",
    beside: tuple[str, str, float] | None = None,
) -> Judgement:
    """The CRNN is ahead of another method at 10 ms by at least `least`, its interval above zero.

    With a `name`, the other's own accuracy is told as well. `beside` is a second difference to
    tell: what it is, the method that the CRNN is compared with, and the tolerance in milliseconds.
    """
    found = evidence.compare("crnn", of)
    if found.lo > 0:
        reason = "same direction, the interval excludes zero"
    elif found.hi < 0:
        reason = "opposite direction, the interval excludes zero"
    else:
        reason = "the interval includes zero: no difference shown either way"
    ours, reason = _points(found.difference), f"{reason}; {_size(found, paper)}"
    if name:
        row = evidence.row(of)
        ours = f"{name} {_percent(found.b)}; CRNN − {name} {ours}"
        reason += f"; {name} {_percent(row['acc_10ms_lo'], row['acc_10ms_hi'])}"
    if beside:
        what, method, ms = beside
        try:
            second = evidence.compare("crnn", method, ms)
            reason += f"; {what} {_points(second.difference)} {_points(second.lo, second.hi)}"
        except NoEvidenceError:
            reason += f"; {what}: not run"
    agrees = found.lo > 0 and found.difference >= least
    return Judgement(ours, _points(found.lo, found.hi), _verdict(agrees), reason)


def ahead_throughout(evidence: Evidence, *, of: str, least: float, paper: float) -> Judgement:
    """The CRNN is ahead of another method at every tolerance, once by at least `least`."""
    found = {ms: evidence.compare("crnn", of, ms) for ms in _THROUGHOUT_MS}
    best_ms, best = max(found.items(), key=lambda item: item[1].difference)
    behind = ", ".join(str(ms) for ms, comparison in found.items() if comparison.lo <= 0)
    reason = f"ahead at every tolerance from {_THROUGHOUT_MS[0]} to {_THROUGHOUT_MS[-1]} ms"
    if behind:
        reason = f"not clearly ahead at {behind} ms"
    reason += f"; largest difference: {_size(best, paper)}"
    ours = f"up to {_points(best.difference)} (at {best_ms} ms)"
    agrees = not behind and best.difference >= least
    return Judgement(ours, _points(best.lo, best.hi), _verdict(agrees), reason)


def no_gain(evidence: Evidence, *, most: float) -> Judgement:
    """The interval of 200 − 100 frames/s at 10 ms includes zero, or the gain is below `most`."""
    found = evidence.compare("crnn_200fps", "crnn")
    if found.lo <= 0 <= found.hi:
        reason = f"the interval includes zero; gains up to {_points(found.hi)} are not excluded"
    elif found.difference < 0:
        reason = "200 frames per second are worse here, so there is no gain"
    elif found.difference < most:
        reason = f"the gain is below {_points(most)}, though its interval excludes zero"
    else:
        reason = "200 frames per second gain here, and the interval excludes zero"
    agrees = found.lo <= 0 or found.difference < most
    interval = _points(found.lo, found.hi)
    return Judgement(_points(found.difference), interval, _verdict(agrees), reason)


def gain_on_real(evidence: Evidence, *, least_gain: float, least: float) -> Judgement:
    """On real recordings, raw, DTW + CRNN gains `least_gain` on DTW and passes `least`."""
    found = evidence.compare("hybrid", "dtw", real=True)
    calibrated = evidence.compare("hybrid", "dtw", real=True, calibrated=True)
    ours = f"{_gain(found.relative)} over DTW; {_percent(found.a)} at 10 ms"
    interval = f"gain [{_gain(found.relative_lo)}, {_gain(found.relative_hi)}]"
    reason = f"DTW {_percent(found.b)}; offset-calibrated: DTW {_percent(calibrated.b)}, "
    reason += f"DTW + CRNN {_percent(calibrated.a)}"
    if STAND_INS & set(evidence.real_sets):
        text = "no real recordings in this corpus; the values are those of its stand-in "
        return Judgement(ours, interval, NOT_TESTABLE, f"{text}(simulated rooms): {reason}")
    gains, exact = found.relative >= least_gain, found.a > least
    if gains != exact:
        failed = "the accuracy" if gains else "the gain"
        reason = f"in part only: {failed} stays below the claim; {reason}"
    elif not gains:
        reason = f"neither the gain nor the accuracy reaches the claim; {reason}"
    return Judgement(ours, interval, _verdict(gains and exact), reason)


def lost_to_tempo(evidence: Evidence, *, beyond_percent: int) -> Judgement:
    """Beyond a tempo deviation the median errors of CRNN and DTW pass 40 ms everywhere."""
    names = evidence.scores.conditions("test")
    beyond = [name for name in names if abs(tempo_percent(name) or 0) > beyond_percent]
    if not beyond:
        raise NoEvidenceError(f"not run: no tempo deviation beyond ±{beyond_percent} %")
    spans: dict[str, list[str]] = {"median": [], "mean": []}
    intervals, passing = [], []
    for method, name in (("crnn", "CRNN"), ("dtw", "DTW")):
        rows = [evidence.row(method, condition) for condition in beyond]
        for kind, texts in spans.items():
            errors_ms = [1000 * row[f"{kind}_abs_error_s"] for row in rows]
            texts.append(f"{name} {min(errors_ms):.0f} to {max(errors_ms):.0f} ms")
        # The median passes 40 ms where fewer than half of the notes are within 40 ms.
        best = max(rows, key=lambda row: row["acc_40ms"])
        intervals.append(f"{name} {_percent(best['acc_40ms_lo'], best['acc_40ms_hi'])}")
        passing.append(sum(row["acc_40ms_hi"] < 0.5 for row in rows))
    reason = (
        f"of {len(beyond)} deviations beyond ±{beyond_percent} %, the median error passes 40 ms "
        f"at {passing[0]} (CRNN) and {passing[1]} (DTW); mean errors {', '.join(spans['mean'])}"
    )
    ours = f"median error {', '.join(spans['median'])}"
    interval = f"within 40 ms, at most: {', '.join(intervals)}"
    return Judgement(ours, interval, _verdict(min(passing) == len(beyond)), reason)


def only_crnn_handles(evidence: Evidence, *, near: float, above: float) -> Judgement:
    """At 10 ms DTW stays within `near` of the input, and the CRNN gains more than `above`."""
    dtw, crnn = (evidence.compare(method, "none") for method in ("dtw", "crnn"))
    defeated, handled = abs(dtw.difference) < near, crnn.lo > above
    ours = f"input {_percent(dtw.b)}, DTW {_percent(dtw.a)}, CRNN {_percent(crnn.a)}"
    interval = f"over the input: DTW {_points(dtw.lo, dtw.hi)}, CRNN {_points(crnn.lo, crnn.hi)}"
    reason = (
        f"DTW is {'within' if defeated else 'more than'} {100 * near:.0f} points from the "
        f"untouched input; the CRNN is {'well' if handled else 'not well'} above it"
    )
    return Judgement(ours, interval, _verdict(defeated and handled), reason)


def _verdict(agrees: bool) -> str:
    return REPRODUCED if agrees else NOT_REPRODUCED


def _size(found: Comparison, paper: float) -> str:
    """Say whether a difference agrees with the paper's in size."""
    text = f"{100 * paper:+.1f} points"
    if found.lo <= paper <= found.hi:
        return f"the paper's {text} lie within our interval"
    smaller = "smaller" if found.difference < paper else "larger"
    return f"not the paper's size ({text}): ours is {smaller}"


def _percent(*shares: float) -> str:
    return f"{_number('.1f', shares)} %"


def _points(*shares: float) -> str:
    return f"{_number('+.1f', shares)} points"


def _gain(ratio: float) -> str:
    return f"{_number('+.0f', [ratio])} %"


def _number(form: str, shares: Sequence[float]) -> str:
    """Return one share times 100, or the two bounds of an interval in brackets."""
    text = ", ".join(f"{100 * share:{form}}" for share in shares).replace("-", "−")
    return text if len(shares) == 1 else f"[{text}]"
