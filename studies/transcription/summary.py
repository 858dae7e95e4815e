"""From counts per recording to F1 with intervals over recordings and seeds. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pianoalign_lib.scoring import bootstrap
from pianoalign_lib.scoring.scores import read_scores

from .matching import precision_recall_f1
from .plan import SCORES, Labels

PIANO, DISKLAVIER = "piano", "disklavier"
SETS = {PIANO: ("test",), DISKLAVIER: ("ENSTDkCl", "ENSTDkAm")}  # what is pooled
SET_LABELS = {PIANO: "unseen software piano", DISKLAVIER: "Disklavier, close and ambient"}


@dataclass(frozen=True)
class Scored:
    """A score with its bootstrap draws.

    Attributes
    ----------
    value
        The mean over seeds.
    draws : np.ndarray [shape=(samples,)]
        NaN if there is only one performance.
    """

    value: float
    draws: NDArray[np.float64]

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval."""
        lo, hi = bootstrap.bounds(self.draws)
        return float(lo), float(hi)


def read_transcription(folder: str | Path) -> pd.DataFrame:
    """Read ``transcription.csv`` of a results folder, or refuse it (:func:`.read_scores`)."""
    columns = ["labels", "seed", "test_set", "recording", "performance", "calibrated", "n_true"]
    return read_scores(Path(folder) / SCORES, columns, "transcription")


class Summary:
    """Scores by labels, set of recordings, tolerance and calibration.

    F1 is pooled over the notes of a set, for each seed, then averaged over seeds. A draw of the
    bootstrap takes performances with replacement (all recordings of one together), the same ones
    for all kinds of labels, so that differences are paired. The chance of training is added to each
    draw, for each kind of labels by itself: normal, with the standard deviation between seeds. It
    is pooled over all kinds, since three seeds are too few to draw from.

    Parameters
    ----------
    counts
        ``transcription.csv``.
    samples, seed
        Of the bootstrap.
    """

    def __init__(self, counts: pd.DataFrame, samples: int, seed: int) -> None:
        self.counts, self._samples, self._seed = counts, samples, seed
        self._found: dict[Any, Scored | None] = {}
        self._spreads: dict[Any, float] = {}

    def part(self, name: str, where: str, calibrated: bool) -> pd.DataFrame:
        """Return the rows of labels of that name on a set of recordings."""
        rows = self.counts[self.counts["labels"] == name]
        rows = rows[rows["test_set"].isin(SETS[where])]
        return rows[rows["calibrated"].astype(bool) == calibrated]

    def seeds(self, kind: Labels, where: str) -> list[int]:
        """Return the seeds of the trainings that were run."""
        return sorted(self.part(kind.name, where, False)["seed"].unique())

    def f1(self, kind: Labels, where: str, ms: float, calibrated: bool = False) -> Scored | None:
        """Return the F1 of note onsets, or None if there was no training."""
        key = (kind, where, ms, calibrated)
        if key not in self._found:
            part = self.part(kind.name, where, calibrated)
            spread = self.spread(where, ms, calibrated)
            self._found[key] = self._f1(part, ms, kind.name, spread) if len(part) else None
        return self._found[key]

    def spread(self, where: str, ms: float, calibrated: bool = False) -> float:
        """Return the standard deviation of F1 between seeds, over all labels; 0 if unknown."""
        key = (where, ms, calibrated)
        if key not in self._spreads:
            rows = self.counts[self.counts["test_set"].isin(SETS[where])]
            rows = rows[rows["calibrated"].astype(bool) == calibrated]
            columns = [f"matched_{ms:g}ms", "n_true", "n_found"]
            sums = rows.groupby(["labels", "seed"])[columns].sum()
            f1 = pd.Series(precision_recall_f1(*sums.to_numpy(dtype=float).T)[2], sums.index)
            by_labels = f1.groupby("labels")
            freedom = by_labels.count() - 1
            squares = (by_labels.var().fillna(0.0) * freedom).sum()
            self._spreads[key] = float(np.sqrt(squares / max(1, freedom.sum())))
        return self._spreads[key]

    def below_ideal(
        self, kind: Labels, where: str, ms: float, calibrated: bool = False
    ) -> Scored | None:
        """Return by how much F1 is below that of true times of the same notes; None if not run."""
        found, ideal = (self.f1(each, where, ms, calibrated) for each in (kind, kind.ideal))
        if found is None or ideal is None or not self.alike(where, kind, kind.ideal):
            return None
        return Scored(ideal.value - found.value, ideal.draws - found.draws)

    def precision_recall(
        self, kind: Labels, where: str, ms: float, calibrated: bool = False
    ) -> tuple[float, float] | None:
        """Return precision and recall, pooled, as means over seeds; None if there are none."""
        part = self.part(kind.name, where, calibrated)
        if part.empty:
            return None
        sums = part.groupby("seed")[[f"matched_{ms:g}ms", "n_true", "n_found"]].sum()
        precision, recall, _ = precision_recall_f1(*sums.to_numpy(dtype=float).T)
        return float(precision.mean()), float(recall.mean())

    def won_back(
        self, kind: Labels, where: str, ms: float, calibrated: bool = False
    ) -> Scored | None:
        """Return the share of the loss by loose labels that a method wins back.

        (method - loose) / (true - loose): 1 is as good as true times of the same notes, 0 as loose
        ones. None where trainings are missing or not of the same seeds, or where loose labels cost
        nothing that could be told from chance.
        """
        kinds = (kind, kind.loose, kind.ideal)
        method, loose, true = (self.f1(each, where, ms, calibrated) for each in kinds)
        if method is None or loose is None or true is None or not self.alike(where, *kinds):
            return None
        lost = Scored(true.value - loose.value, true.draws - loose.draws)
        if not lost.interval[0] > 0:
            return None
        return Scored(
            (method.value - loose.value) / lost.value, (method.draws - loose.draws) / lost.draws
        )

    def alike(self, where: str, *kinds: Labels) -> bool:
        """Return whether all kinds of labels were trained on with the same seeds."""
        first, *others = (self.seeds(kind, where) for kind in kinds)
        return all(each == first for each in others)

    def _f1(self, part: pd.DataFrame, ms: float, name: str, spread: float) -> Scored:
        """Return F1 with its draws; each seed has the same recordings."""
        seeds = sorted(part["seed"].unique())
        pieces = [_by_performance(part[part["seed"] == seed], ms) for seed in seeds]
        n_true = pieces[0][:, 2]
        twice = np.stack([2 * piece[:, 0] for piece in pieces], axis=1)
        total = np.stack([piece[:, 1] + piece[:, 2] for piece in pieces], axis=1)
        value = float((twice.sum(axis=0) / total.sum(axis=0)).mean())
        if len(n_true) < 2:  # one performance tells nothing about others
            return Scored(value, np.full(self._samples, np.nan))
        shares = [
            bootstrap.resampled_shares(each, n_true, self._samples, self._seed)
            for each in (twice, total)
        ]
        by_seed = shares[0] / shares[1]  # both are over the notes of the same draw: they cancel
        chance = np.random.default_rng([self._seed, *name.encode()]).standard_normal(self._samples)
        return Scored(value, by_seed.mean(axis=1) + spread / np.sqrt(len(seeds)) * chance)


def _by_performance(part: pd.DataFrame, ms: float) -> NDArray[np.float64]:
    """Return matched, found and true notes [shape=(performances, 3)], by name of performance."""
    part = part.sort_values(["performance", "test_set", "recording"])
    counts = part[[f"matched_{ms:g}ms", "n_found", "n_true"]].to_numpy()
    return bootstrap.by_performance(counts, part["performance"])
