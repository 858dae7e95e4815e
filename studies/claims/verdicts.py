"""The one scale of verdicts, what a rule finds, and how the verdict follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

AGREES = "agrees in direction and size"
DIRECTION = "in direction only"
UNDECIDED = "not decided"
CONTRADICTED = "contradicted"
NOT_TESTABLE = "not testable with these data"
ONE_TRAINING = f"{UNDECIDED} (one training)"
VERDICTS = (AGREES, DIRECTION, UNDECIDED, ONE_TRAINING, CONTRADICTED, NOT_TESTABLE)


@dataclass(frozen=True)
class Finding:
    """What a rule finds.

    Attributes
    ----------
    ours, interval : str
        Our value and its 95 % interval.
    reasons : mapping of str to str
        For each verdict that the rule can end with, the sentence that says why.
    p : float
        Two-sided p-value of the direction; NaN where nothing can be tested.
    as_claimed : bool
        Whether our value is on the side that the paper claims.
    same_size : bool
        Whether the size agrees as well.
    verdict : str
        Where nothing can be tested: what that means.
    """

    ours: str
    interval: str
    reasons: Mapping[str, str]
    p: float = math.nan
    as_claimed: bool = True
    same_size: bool = False
    verdict: str = field(default=UNDECIDED)


def judge(found: Finding, p: float, level: float) -> str:
    """Return the verdict, given the p-value corrected for the number of claims."""
    if math.isnan(found.p):
        return found.verdict
    if p >= level:
        return UNDECIDED
    if not found.as_claimed:
        return CONTRADICTED
    return AGREES if found.same_size else DIRECTION


def percent(*shares: float) -> str:
    """Return one share as "12.3 %", or an interval of two in brackets."""
    return f"{number('.1f', shares)} %"


def signed_points(*shares: float) -> str:
    """Return a difference of shares as "+1.2 points", or an interval of two in brackets."""
    return f"{number('+.1f', shares)} points"


def points(share: float) -> str:
    """Return the size of a difference of shares, as "1.2 points"."""
    return f"{100 * abs(share):.1f} points"


def number(form: str, shares: Sequence[float]) -> str:
    """Return one share times 100, or the two bounds of an interval in brackets."""
    text = ", ".join(f"{100 * share:{form}}" for share in shares).replace("-", "−")
    return text if len(shares) == 1 else f"[{text}]"
