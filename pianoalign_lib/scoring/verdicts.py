"""How each claim of the paper is judged: one function per claim, from evidence to a verdict.

The rules in words stand beside the claims (:data:`.claims.CLAIMS`); their numbers are
the constants below. A rule about a difference asks for its direction: the paired 95 % interval over
recordings must lie on the claimed side of zero. Whether the size agrees as well (the paper's value
lies within our interval) is said in the reason and does not change the verdict, since corpus and
training differ. Every function raises `NoEvidenceError` where a result it needs is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..common.labels import STAND_INS, tempo_percent
from .comparison import Comparison
from .evidence import Evidence, NoEvidenceError

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "not testable here"

CONDITION = "note100"  # the paper's: ±100 ms per note
PAPER_CRNN, PAPER_CNN = 0.4741, 0.2206  # accuracy at 10 ms
C1_LEAST = 0.40
C2_LEAST = 0.10  # "clearly" below
C5_MOST = 0.01
C6_TOLERANCES_MS = (5, 10, 20, 25, 30, 40, 50)  # at 100 ms the untouched input is right by design
C6_LEAST = 0.10
C7_LEAST_GAIN, C7_LEAST = 0.50, 0.60
C8_BEYOND_PERCENT, C8_LIMIT_MS = 5, 40
C9_NEAR, C9_ABOVE = 0.05, 0.10


@dataclass(frozen=True)
class Judgement:
    """Our value and its interval as text, the verdict, and the reason for it."""

    ours: str
    interval: str
    verdict: str
    reason: str


def crnn_accuracy(evidence: Evidence) -> Judgement:
    """C1: the CRNN's accuracy at 10 ms is at least :data:`C1_LEAST`."""
    row = evidence.row("crnn", CONDITION)
    value, lo, hi = (row[f"acc_10ms{end}"] for end in ("", "_lo", "_hi"))
    reason = "the paper's value " + _against(PAPER_CRNN, lo, hi)
    if lo < C1_LEAST <= value:
        reason += f"; the interval reaches below {_percent(C1_LEAST)}"
    return Judgement(_percent(value), _percents(lo, hi), _verdict(value >= C1_LEAST), reason)


def recurrence(evidence: Evidence) -> Judgement:
    """C2: CRNN − CNN at 10 ms is at least :data:`C2_LEAST`, its interval above zero."""
    found = evidence.compare("crnn", "cnn", CONDITION, 10)
    agrees = found.lo > 0 and found.difference >= C2_LEAST
    value = evidence.row("cnn", CONDITION)
    lo, hi = value["acc_10ms_lo"], value["acc_10ms_hi"]
    reason = f"{_direction(found)}; {_size(found, PAPER_CRNN - PAPER_CNN)}; CNN {_percents(lo, hi)}"
    ours = f"CNN {_percent(found.b)}; CRNN − CNN {_points(found.difference)}"
    return Judgement(ours, _interval(found), _verdict(agrees), reason)


def lstm_over_gru(evidence: Evidence) -> Judgement:
    """C3: the interval of LSTM − GRU at 10 ms, both in both directions, is above zero."""
    found = evidence.compare("crnn", "gru", CONDITION, 10)
    tighter = evidence.compare("crnn", "gru", CONDITION, 5)
    reason = f"{_direction(found)}; {_size(found, 0.015)}; at 5 ms {_with_interval(tighter)}"
    return Judgement(_points(found.difference), _interval(found), _verdict(found.lo > 0), reason)


def cqt_over_mel(evidence: Evidence) -> Judgement:
    """C4: the interval of log-CQT − Mel at 10 ms is above zero; log-Mel is told as well."""
    found = evidence.compare("crnn", "crnn_mel", CONDITION, 10)
    reason = f"{_direction(found)}; {_size(found, 0.02)}"
    try:
        log_mel = evidence.compare("crnn", "crnn_logmel", CONDITION, 10)
        reason += f"; over log-Mel {_with_interval(log_mel)}"
    except NoEvidenceError:
        reason += "; log-Mel not run"
    return Judgement(_points(found.difference), _interval(found), _verdict(found.lo > 0), reason)


def frame_rate(evidence: Evidence) -> Judgement:
    """C5: 200 − 100 frames/s at 10 ms includes zero, or gains less than :data:`C5_MOST`."""
    found = evidence.compare("crnn_200fps", "crnn", CONDITION, 10)
    includes_zero = found.lo <= 0 <= found.hi
    if includes_zero:
        reason = f"the interval includes zero; gains up to {_points(found.hi)} are not excluded"
    elif found.difference < 0:
        reason = "200 frames per second are worse here, so there is no gain"
    elif found.difference < C5_MOST:
        reason = f"the gain is below {_points(C5_MOST)}, though its interval excludes zero"
    else:
        reason = "200 frames per second gain here, and the interval excludes zero"
    agrees = includes_zero or found.difference < C5_MOST
    return Judgement(_points(found.difference), _interval(found), _verdict(agrees), reason)


def crnn_over_dtw(evidence: Evidence) -> Judgement:
    """C6: CRNN − DTW is above zero at every tolerance, once at least :data:`C6_LEAST`."""
    found = {ms: evidence.compare("crnn", "dtw", CONDITION, ms) for ms in C6_TOLERANCES_MS}
    best = max(found, key=lambda ms: found[ms].difference)
    largest = found[best]
    behind = [ms for ms, comparison in found.items() if comparison.lo <= 0]
    agrees = not behind and largest.difference >= C6_LEAST
    where = f"{C6_TOLERANCES_MS[0]} to {C6_TOLERANCES_MS[-1]} ms"
    reason = (
        f"not clearly ahead at {', '.join(map(str, behind))} ms"
        if behind
        else f"ahead at every tolerance from {where}"
    )
    reason += f"; largest difference: {_size(largest, 0.20)}"
    ours = f"up to {_points(largest.difference)} (at {best} ms)"
    return Judgement(ours, _interval(largest), _verdict(agrees), reason)


def hybrid_on_real(evidence: Evidence) -> Judgement:
    """C7: raw, DTW + CRNN gains :data:`C7_LEAST_GAIN` on DTW and passes :data:`C7_LEAST`."""
    found = evidence.compare_real("hybrid", "dtw", CONDITION, 10)
    calibrated = evidence.compare_real("hybrid", "dtw", CONDITION, 10, calibrated=True)
    ours = f"{_gain(found.relative)} over DTW; {_percent(found.a)} at 10 ms"
    interval = f"gain [{_gain(found.relative_lo)}, {_gain(found.relative_hi)}]"
    reason = f"DTW {_percent(found.b)}; offset-calibrated: DTW {_percent(calibrated.b)}, "
    reason += f"DTW + CRNN {_percent(calibrated.a)}"
    if STAND_INS & set(evidence.real_sets):
        text = "no real recordings in this corpus; the values are those of its stand-in "
        reason = f"{text}(simulated rooms): {reason}"
        return Judgement(ours, interval, NOT_TESTABLE, reason)
    gains, exact = found.relative >= C7_LEAST_GAIN, found.a > C7_LEAST
    if gains != exact:
        failed = "the accuracy" if gains else "the gain"
        reason = f"in part only: {failed} stays below the claim; {reason}"
    elif not gains:
        reason = f"neither the gain nor the accuracy reaches the claim; {reason}"
    return Judgement(ours, interval, _verdict(gains and exact), reason)


def tempo(evidence: Evidence) -> Judgement:
    """C8: beyond ±5 % the median error of CRNN and DTW is above :data:`C8_LIMIT_MS` everywhere."""
    names = evidence.scores.conditions(evidence.test_set)
    percents = {name: tempo_percent(name) for name in names}
    beyond = [name for name, p in percents.items() if p is not None and abs(p) > C8_BEYOND_PERCENT]
    if not beyond:
        raise NoEvidenceError(f"not run: no tempo deviation beyond ±{C8_BEYOND_PERCENT} %")
    ours, means, intervals, passing = [], [], [], []
    for method, name in (("crnn", "CRNN"), ("dtw", "DTW")):
        rows = [evidence.row(method, condition) for condition in beyond]
        medians = [1000 * row["median_abs_error_s"] for row in rows]
        # The median passes 40 ms where fewer than half of the notes are within 40 ms.
        best = max(rows, key=lambda row: row["acc_40ms"])
        ours.append(f"{name} {min(medians):.0f} to {max(medians):.0f} ms")
        mean = [1000 * row["mean_abs_error_s"] for row in rows]
        means.append(f"{name} {min(mean):.0f} to {max(mean):.0f} ms")
        intervals.append(f"{name} {_percents(best['acc_40ms_lo'], best['acc_40ms_hi'])}")
        passing.append(sum(row["acc_40ms_hi"] < 0.5 for row in rows))
    everywhere = all(count == len(beyond) for count in passing)
    reason = (
        f"of {len(beyond)} deviations beyond ±{C8_BEYOND_PERCENT} %, the median error passes "
        f"{C8_LIMIT_MS} ms at {passing[0]} (CRNN) and {passing[1]} (DTW); mean errors "
        + ", ".join(means)
    )
    interval = "within 40 ms, at most: " + ", ".join(intervals)
    ours_text = "median error " + ", ".join(ours)
    return Judgement(ours_text, interval, _verdict(everywhere), reason)


def random_errors(evidence: Evidence) -> Judgement:
    """C9: DTW stays within :data:`C9_NEAR` of the input, the CRNN gains :data:`C9_ABOVE`."""
    dtw = evidence.compare("dtw", "none", CONDITION, 10)
    crnn = evidence.compare("crnn", "none", CONDITION, 10)
    defeated, handled = abs(dtw.difference) < C9_NEAR, crnn.lo > C9_ABOVE
    ours = f"input {_percent(dtw.b)}, DTW {_percent(dtw.a)}, CRNN {_percent(crnn.a)}"
    interval = f"over the input: DTW {_interval(dtw)}, CRNN {_interval(crnn)}"
    near, above = "within" if defeated else "more than", "well" if handled else "not well"
    reason = f"DTW is {near} {100 * C9_NEAR:.0f} points from the untouched input; "
    reason += f"the CRNN is {above} above it"
    return Judgement(ours, interval, _verdict(defeated and handled), reason)


def _verdict(agrees: bool) -> str:
    return REPRODUCED if agrees else NOT_REPRODUCED


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _percents(lo: float, hi: float) -> str:
    return f"[{100 * lo:.1f}, {100 * hi:.1f}] %"


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points".replace("-", "−")


def _gain(ratio: float) -> str:
    return f"{100 * ratio:+.0f} %".replace("-", "−")


def _interval(found: Comparison) -> str:
    return f"[{100 * found.lo:+.1f}, {100 * found.hi:+.1f}] points".replace("-", "−")


def _with_interval(found: Comparison) -> str:
    return f"{_points(found.difference)} {_interval(found)}"


def _direction(found: Comparison) -> str:
    if found.lo > 0:
        return "same direction, the interval excludes zero"
    if found.hi < 0:
        return "opposite direction, the interval excludes zero"
    return "the interval includes zero: no difference shown either way"


def _against(paper: float, lo: float, hi: float) -> str:
    """Say where the paper's value lies by our interval."""
    if paper < lo:
        return "lies below our interval: ours is higher"
    if paper > hi:
        return "lies above our interval: ours is lower"
    return "lies within our interval"


def _size(found: Comparison, paper: float) -> str:
    """Say whether a difference agrees with the paper's in size."""
    text = f"{100 * paper:+.1f} points"
    if found.lo <= paper <= found.hi:
        return f"the paper's {text} lie within our interval"
    smaller = "smaller" if found.difference < paper else "larger"
    return f"not the paper's size ({text}): ours is {smaller}"
