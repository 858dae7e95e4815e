"""What the network hears of notes that are expected at certain times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..io.placement import ALIGNED, NOT_HEARD, UNCERTAIN, Placement
from .decode import BLOCK, Decoded, decode
from .patches import Expected, grid_steps
from .posterior import REACH_S
from .runner import Runner
from .spectra import LONG_FPS, Spectra
from .tendency import find_tendency, prior, with_rate

PROBED, RUNS = 256, 8  # notes that are asked for a share, and the runs they come in
SURE = 0.5  # confidence below which a note is to be checked
SETTLED = 0.9  # confidence above which a note tells where others may be
DOUBT = 0.35  # chance of "not heard", over that of the onset, above which a note is to be checked


@dataclass(frozen=True)
class Hearing:
    """One recording and one network.

    Attributes
    ----------
    joint, tendency
        False switches the ingredient off (ablations).
    """

    spectra: Spectra
    reference: float
    runner: Runner
    joint: bool = True
    tendency: bool = True

    def share(self, expected_s: np.ndarray, pitch: np.ndarray, velocity: np.ndarray) -> float:
        """Return the share of some notes, spread over the piece, that are heard where expected.

        Parameters
        ----------
        expected_s, pitch, velocity : np.ndarray [shape=(n_notes,)]
            Ascending in time.
        """
        if expected_s[0] >= self.spectra.duration_s + REACH_S:
            return 0.0
        last = len(expected_s) - 1
        starts = np.linspace(0, max(0, last + 1 - PROBED // RUNS), RUNS).astype(int)
        probe = np.unique((starts[:, None] + np.arange(PROBED // RUNS)).clip(max=last))
        notes = Expected(expected_s, pitch, velocity)
        posterior = self.runner.posterior(self.spectra, self.reference, notes, probe)
        decoded = decode(expected_s[probe], pitch[probe], posterior, joint=self.joint)
        sure = self.runner.confidence(decoded.probability) > SURE
        return float(np.mean(~np.isnan(decoded.onset_s) & sure))

    def find(self, expected_s: np.ndarray, pitch: np.ndarray, velocity: np.ndarray) -> Decoded:
        """Decode all notes, ascending in time; then again, knowing where notes tend to be found."""
        notes = Expected(expected_s, pitch, velocity)
        rows = np.arange(len(expected_s))
        posterior = self.runner.posterior(self.spectra, self.reference, notes, rows)
        posterior = with_rate(posterior)
        first = decode(expected_s, pitch, posterior, joint=self.joint)
        if not self.tendency:
            return first
        centre_s, width_s = find_tendency(first, expected_s, self.settled(first))
        for start in range(0, len(posterior), BLOCK):
            part = slice(start, start + BLOCK)
            grid_s = grid_steps(expected_s[part]) / LONG_FPS
            posterior[part] *= prior(grid_s, (expected_s + centre_s)[part], width_s)
        posterior /= posterior.sum(axis=1, keepdims=True)
        return decode(expected_s, pitch, posterior, joint=self.joint)

    def settled(self, found: Decoded) -> np.ndarray:
        """Return which notes tell where others may be [dtype=bool]."""
        sure = self.runner.confidence(found.probability) > SETTLED
        return sure & ~np.isnan(found.onset_s)

    def placement(self, found: Decoded, expected_s: np.ndarray) -> Placement:
        """Return onset, confidence and status of each note, all of them somewhere."""
        confidence = self.runner.confidence(found.probability)
        heard = ~np.isnan(found.onset_s)
        sure = confidence > SURE
        # A note that was not played hides where others sound; it is to be checked sooner.
        aligned = sure & (found.absent < DOUBT * found.probability)
        centre_s, _ = find_tendency(found, expected_s, heard & sure)
        onset_s = np.where(heard, found.onset_s, expected_s + centre_s)
        return Placement(np.maximum(onset_s, 0.0), confidence, statuses(heard, aligned))


def statuses(heard: np.ndarray, aligned: np.ndarray) -> np.ndarray:
    """Return the status of each note [dtype=object]."""
    status = np.where(heard, np.where(aligned, ALIGNED, UNCERTAIN), NOT_HEARD)
    return status.astype(object)
