"""What the rules ask of the scores: accuracies and differences, over performances and trainings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.labels import condition_label, first_training, method_label, set_label

from .statistics import Estimate, of_performances

CONDITION = "note100"  # the paper's: ±100 ms per note
UNTRAINED = frozenset({"none", "dtw"})
TEST = ("test",)
GAIN, DIFFERENCE = "gain", "difference"
_STATISTICS = {
    "first": lambda means: means[:, 0],
    DIFFERENCE: lambda means: means[:, 0] - means[:, 1],
    GAIN: lambda means: np.log(means[:, 0] / means[:, 1]),  # of it, the logarithm is estimated
}


class NoEvidenceError(PianoAlignError):
    """A claim cannot be judged; the message says why. Every rule may raise it."""


@dataclass(frozen=True)
class Evidence:
    """Scores of one corpus.

    Attributes
    ----------
    scores : DataFrame
        ``metrics_per_recording.csv``.
    real_sets : sequence of str
        Its test sets of real recordings, or of their stand-in.
    draws : mapping
        ``samples`` and ``seed`` of the bootstrap.
    short_tempo : DataFrame, optional
        ``short_tempo.csv``.
    limits : mapping, optional
        Share of the notes that a perfect aligner has within 10 ms of the labels, by real set.
    sound : DataFrame, optional
        Scores of the real recordings against the measured sound, as `scores`.
    """

    scores: pd.DataFrame
    real_sets: Sequence[str]
    draws: Mapping[str, int]
    short_tempo: pd.DataFrame | None = None
    limits: Mapping[str, float] | None = None
    sound: pd.DataFrame | None = None

    def trainings(self, method: str) -> list[str]:
        """Return the names of the trainings of a network on the test set, one per seed."""
        rows = self.scores[self.scores["test_set"].isin(TEST)]
        return sorted(name for name in rows["method"].unique() if first_training(name) == method)

    def accuracy(self, method: str, ms: float = 10) -> Estimate:
        """Return the accuracy on the test set."""
        return self._estimate("first", [method], ms)

    def difference(self, a: str, b: str, ms: float = 10) -> Estimate:
        """Return by how much the accuracy of `a` is above that of `b` on the test set."""
        return self._estimate(DIFFERENCE, [a, b], ms)

    def on_real(self, kind: str, *methods: str, by_sound: bool = False) -> Estimate:
        """Return the accuracy, difference or gain on the real recordings, at 10 ms."""
        scores = self.sound if by_sound and self.sound is not None else self.scores
        return self._estimate(kind, list(methods), 10, self.real_sets, scores, by_sound)

    def spread(self, ms: float = 10) -> tuple[float, float] | None:
        """Return the standard deviation between trainings, and its degrees of freedom.

        It is pooled over the networks that were trained several times, on the test set; None if
        there is none.
        """
        groups = defaultdict(list)
        for name in self.scores.loc[self.scores["test_set"].isin(TEST), "method"].unique():
            groups[first_training(name)].append(name)
        squares, freedom = 0.0, 0
        for names in groups.values():
            if len(names) > 1:
                hits, notes = self._sums(self.scores, names, ms, TEST, False)
                squares += (len(names) - 1) * np.var(hits.sum(axis=0) / notes.sum(), ddof=1)
                freedom += len(names) - 1
        return (float(np.sqrt(squares / freedom)), freedom) if freedom else None

    def _estimate(
        self,
        kind: str,
        methods: Sequence[str],
        ms: float,
        test_sets: Sequence[str] = TEST,
        scores: pd.DataFrame | None = None,
        calibrated: bool = False,
    ) -> Estimate:
        """Return a statistic of methods; a network with several trainings counts with their mean.

        Of a gain, the chance of training is left out: no claim depends on it.
        """
        scores = self.scores if scores is None else scores
        main = tuple(test_sets) == TEST
        names = [self.trainings(name) if main else [name] for name in methods]
        if missing := [method for method, found in zip(methods, names, strict=True) if not found]:
            raise NoEvidenceError(f"not run: no results of {method_label(missing[0])}")
        hits, notes = self._sums(
            scores, [n for each in names for n in each], ms, test_sets, calibrated
        )
        if len(notes) < 2:
            raise NoEvidenceError("a single performance gives no interval")
        ends = np.cumsum([len(each) for each in names])[:-1]
        means = np.column_stack([part.mean(axis=1) for part in np.split(hits, ends, axis=1)])
        found = of_performances(means, notes, _STATISTICS[kind], **self.draws)
        spread = self.spread(ms) if kind != GAIN else None
        shares = sum(
            1 / len(each)
            for name, each in zip(methods, names, strict=True)
            if name not in UNTRAINED
        )
        if spread is None or not shares:
            return found
        return found.plus(spread[0] * np.sqrt(shares), spread[1])

    def _sums(
        self,
        scores: pd.DataFrame,
        methods: Sequence[str],
        ms: float,
        test_sets: Sequence[str],
        calibrated: bool,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return hits [shape=(performances, methods)] and notes of each performance."""
        column = f"acc_{ms:g}ms"
        if column not in scores.columns:
            raise NoEvidenceError(f"{ms:g} ms is not among the tolerances evaluated")
        rows = scores[
            scores["test_set"].isin(test_sets)
            & (scores["condition"] == CONDITION)
            & (scores["calibrated"] == calibrated)
            & scores["method"].isin(methods)
        ]
        where = ", ".join(map(set_label, test_sets))
        rows = rows.assign(hits=rows[column] * rows["n_notes"])
        table = rows.groupby(["performance", "method"])[["hits", "n_notes"]].sum().unstack()
        if missing := [name for name in methods if ("hits", name) not in table.columns]:
            raise NoEvidenceError(
                f"not run: no results of {method_label(missing[0])} for "
                f"{condition_label(CONDITION)} on {where}"
            )
        notes = table["n_notes"]
        same = notes.eq(notes[methods[0]], axis=0).to_numpy().all()
        if table.isna().to_numpy().any() or not same:
            raise NoEvidenceError(f"the methods were run on different notes of {where}")
        return table["hits"][list(methods)].to_numpy(), notes[methods[0]].to_numpy()
