"""What a claim is judged by: scores and paired differences, or the reason why there are none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ..common.errors import PianoAlignError
from . import bootstrap
from .comparison import Comparison, compare_scores
from .scores import Missing, Scores

NEEDED_MS = (10, 40)  # tolerances whose intervals the claims use


class NoEvidenceError(PianoAlignError):
    """A claim cannot be judged; the message says why."""


@dataclass(frozen=True)
class Evidence:
    """Scores of one corpus.

    Parameters
    ----------
    scores
        Rows of ``metrics.csv``.
    per_recording
        Rows of ``metrics_per_recording.csv``, for paired differences.
    test_set
        The test set that claims about unaligned MIDI are judged on.
    real_sets
        The test sets of real recordings (or of their stand-in).
    """

    scores: Scores
    per_recording: pd.DataFrame
    test_set: str
    real_sets: Sequence[str]
    samples: int = bootstrap.SAMPLES
    seed: int = bootstrap.SEED

    def row(self, method: str, condition: str, test_set: str | None = None) -> dict:
        """Return a row of the metrics, on the test set unless told otherwise."""
        found = self.scores.find(test_set or self.test_set, method, condition)
        if isinstance(found, Missing):
            raise NoEvidenceError(f"{found.label}: {found.reason}")
        missing = [f"{ms} ms" for ms in NEEDED_MS if f"acc_{ms}ms_lo" not in found]
        if missing:
            raise NoEvidenceError(f"{', '.join(missing)} not among the tolerances evaluated")
        if math.isnan(found["acc_10ms_lo"]):
            raise NoEvidenceError("a single recording gives no interval")
        return found

    def compare(self, a: str, b: str, condition: str, tolerance_ms: float) -> Comparison:
        """Return the paired difference of two methods on the test set."""
        self.row(a, condition)
        self.row(b, condition)
        return self._compare(self.per_recording, a, b, condition, tolerance_ms, self.test_set)

    def compare_real(
        self, a: str, b: str, condition: str, tolerance_ms: float, calibrated: bool = False
    ) -> Comparison:
        """Return the paired difference over all real recordings together."""
        for test_set in self.real_sets:
            self.row(a, condition, test_set)
            self.row(b, condition, test_set)
        real = self.per_recording[self.per_recording["test_set"].isin(self.real_sets)]
        # The same piece may have been recorded in two ways: those are two recordings.
        names = real["test_set"].astype(str) + "/" + real["recording"].astype(str)
        pooled = real.assign(recording=names, test_set="real")
        return self._compare(pooled, a, b, condition, tolerance_ms, "real", calibrated)

    def _compare(
        self,
        rows: pd.DataFrame,
        a: str,
        b: str,
        condition: str,
        tolerance_ms: float,
        test_set: str,
        calibrated: bool = False,
    ) -> Comparison:
        try:
            found = compare_scores(
                rows, a, b, condition, tolerance_ms, test_set=test_set, calibrated=calibrated,
                samples=self.samples, seed=self.seed,
            )  # fmt: skip
        except PianoAlignError as error:
            raise NoEvidenceError(str(error)) from error
        if math.isnan(found.lo):
            raise NoEvidenceError("a single recording gives no interval")
        return found
