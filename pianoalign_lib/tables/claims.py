"""The paper's claims C1–C9, each with the paper's value, ours, its interval and a verdict.

A verdict follows from a rule that is written beside the claim in :data:`CLAIMS` and printed below
the table; :mod:`.verdicts` applies it. Accuracies are those of ``metrics.csv``, raw
(without calibration).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ..common.labels import method_label
from ..scoring import bootstrap, verdicts
from ..scoring.evidence import Evidence, NoEvidenceError
from ..scoring.scores import Scores
from ..scoring.verdicts import NOT_TESTABLE, Judgement
from .model import Column, Table


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, its value in our source, and the rule and function that judge it.

    `compares` names the variants whose trainings are set against each other.
    """

    id: str
    text: str
    paper: str
    rule: str
    judge: Callable[[Evidence], Judgement]
    compares: frozenset[str] = frozenset()


def claims_table(
    metrics: pd.DataFrame,
    per_recording: pd.DataFrame,
    *,
    test_set: str = "test",
    real_sets: Sequence[str] = ("room",),
    reasons: Mapping[str, str] | None = None,
    stopped_early: Collection[str] = (),
    samples: int = bootstrap.SAMPLES,
    seed: int = bootstrap.SEED,
    notes: Sequence[str] = (),
) -> Table:
    """Judge every claim and return the table ``claims``.

    Parameters
    ----------
    metrics, per_recording : DataFrame
        ``metrics.csv`` and ``metrics_per_recording.csv`` of one corpus.
    real_sets : sequence of str
        Its test sets of real recordings, or the stand-in ``room``, on which C7 is not testable.
    reasons : mapping, optional
        Why a method was not run, by method.
    stopped_early : collection of str, optional
        Variants whose training ended before its planned end. A comparison with one of them is one
        of unequal trainings: it gets no verdict, whatever its numbers are.
    """
    evidence = Evidence(Scores(metrics, reasons), per_recording, test_set, real_sets, samples, seed)
    columns = [
        Column("id", "Id"),
        Column("claim", "Claim", width="2.6cm"),
        Column("paper", "Paper", width="2cm"),
        Column("ours", "Ours", width="2.6cm"),
        Column("interval_95", "95 % interval", width="2.2cm"),
        Column("verdict", "Verdict", width="1.6cm"),
        Column("reason", "Reason", width="4.4cm"),
    ]
    rows = []
    for claim in CLAIMS:
        found = _withhold(judge(claim, evidence), claim.compares & set(stopped_early))
        judged = [found.ours, found.interval, found.verdict, found.reason]
        rows.append([claim.id, claim.text, claim.paper, *judged])
    own = [
        _size_note(per_recording, test_set),
        "Accuracy for ±100 ms per note unless said otherwise; points are percentage points. A "
        "difference may agree with the paper in direction and yet not in size: the reason says so.",
        *(f"{claim.id}: {claim.rule}" for claim in CLAIMS),
    ]
    return Table(
        "claims", "The paper's claims, tested on this corpus", columns, rows, [*own, *notes]
    )


def judge(claim: Claim, evidence: Evidence) -> Judgement:
    """Return the judgement of a claim; "not testable here" where the evidence is missing."""
    try:
        return claim.judge(evidence)
    except NoEvidenceError as missing:
        return Judgement("not run", "not run", NOT_TESTABLE, str(missing))


def _withhold(found: Judgement, stopped_early: Collection[str]) -> Judgement:
    """Return a judgement without its verdict where trainings of unequal length were compared."""
    if not stopped_early or found.verdict == NOT_TESTABLE:
        return found
    names = ", ".join(sorted(method_label(name) for name in stopped_early))
    reason = (
        f"unequal trainings: that of {names} stopped early (see the epochs below); by the rule "
        f"alone: {found.verdict}; {found.reason}"
    )
    return replace(found, verdict=NOT_TESTABLE, reason=reason)


CLAIMS = (
    Claim(
        "C1",
        "CRNN, ±100 ms per note, accuracy at 10 ms",
        "47.41 % (Table 2)",
        "reproduced if our CRNN has at least 40 % of the notes within 10 ms (a replication was "
        "expected to see 40 to 43 %).",
        verdicts.crnn_accuracy,
    ),
    Claim(
        "C2",
        "CNN only, without a recurrent layer, at 10 ms",
        "22.06 % (Table 2), 25.35 points below the CRNN",
        "reproduced if CRNN − CNN is at least 10 points and its interval lies above zero.",
        verdicts.recurrence,
        frozenset({"crnn", "cnn"}),
    ),
    Claim(
        "C3",
        "LSTM over GRU at tight tolerances",
        "about +1.5 points",
        "reproduced if the interval of LSTM − GRU (both directions) at 10 ms lies above zero.",
        verdicts.lstm_over_gru,
        frozenset({"crnn", "gru"}),
    ),
    Claim(
        "C4",
        "log-CQT over Mel at 10 ms",
        "about +2 points",
        "reproduced if the interval of log-CQT − Mel at 10 ms lies above zero.",
        verdicts.cqt_over_mel,
        frozenset({"crnn", "crnn_mel", "crnn_logmel"}),
    ),
    Claim(
        "C5",
        "200 over 100 frames per second",
        "no significant gain (Table 4)",
        "reproduced if the interval of 200 − 100 at 10 ms includes zero, or the gain is below one "
        "point. An interval with zero in it does not prove that there is no gain.",
        verdicts.frame_rate,
        frozenset({"crnn", "crnn_200fps"}),
    ),
    Claim(
        "C6",
        "CRNN over DTW, across tolerances",
        "up to +20 points",
        "reproduced if the interval of CRNN − DTW lies above zero at every tolerance from 5 to "
        "50 ms and the largest difference is at least 10 points (at 100 ms the untouched input is "
        "right by design).",
        verdicts.crnn_over_dtw,
    ),
    Claim(
        "C7",
        "DTW + CRNN over DTW alone on real recordings, at 10 ms",
        "+50 % over DTW; above 60 %",
        "reproduced if, on real recordings and without calibration, accuracy is at least one and a "
        "half times that of DTW and above 60 %.",
        verdicts.hybrid_on_real,
    ),
    Claim(
        "C8",
        "Tempo off by more than 5 %: onset errors of CRNN and DTW alike",
        "above 40 ms",
        "reproduced if, for both and at every deviation beyond ±5 %, the median error passes "
        "40 ms: the interval of the share of notes within 40 ms lies below one half. Which error "
        "the paper means is not in our source; the mean is told as well.",
        verdicts.tempo,
    ),
    Claim(
        "C9",
        "Random, non-monotonic errors defeat DTW; the CRNN handles them",
        "no number in our source",
        "reproduced if, at 10 ms, DTW is within 5 points of the untouched input and the interval "
        "of CRNN − input lies above 10 points.",
        verdicts.random_errors,
    ),
)


def _size_note(per_recording: pd.DataFrame, test_set: str) -> str:
    """Say what the intervals cover: excerpts of one performance are less than independent."""
    rows = per_recording[per_recording["test_set"] == test_set]
    seeds = rows["method"].str.startswith("crnn_seed").any()
    once = "Each other network was" if seeds else "Each network was"
    recordings, performances = rows["recording"].nunique(), rows["performance"].nunique()
    return (
        f"Intervals are over recordings ({recordings}, excerpts of {performances} performances). "
        + ("The full CRNN was trained with several seeds (see table 2). " if seeds else "")
        + f"{once} trained once: a difference of a point or two may also be chance of "
        "training, which no interval here covers."
    )
