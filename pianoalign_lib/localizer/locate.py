"""From spectra and loose notes to onsets: coarse warp if needed, the network, joint decoding twice.

The notes that the first decoding is sure of tell by how much notes tend to be off, and where; the
second decoding knows that. If each note is off by an error of its own, it changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..common.errors import InputError
from ..io.placement import Placement
from .coarse import coarse_warp
from .decode import BLOCK, Decoded, decode
from .patches import Expected, grid_steps
from .posterior import ABSENT, REACH_S, SHIFT_S
from .runner import Runner, load_runner
from .spectra import LONG_FPS, Spectra

PROBED = 256  # notes that are asked whether the input is close already
CLOSE_SHARE = 0.96  # of the probed notes heard where expected: no coarse warp is needed
WARP_GAIN = 0.03  # by which a coarse warp must raise that share to be used
ANOTHER_PIECE_SHARE = 0.2  # fewer notes heard than this (wrong pairs: up to 0.05): another piece
SETTLED = 0.9  # confidence above which a note tells where others may be
UNCERTAIN = 0.5  # confidence below which a note is to be checked
DOUBT = 0.35  # chance of "not heard", over that of the onset, above which a note is to be checked
TRAINED_RATE = 0.065  # of notes not heard in training, where it is drawn
LOWEST_RATE = 0.002
RATE_STEPS = 8
NEIGHBOURS = 24  # settled notes that tell where a note is to be expected


@dataclass(frozen=True)
class Located(Placement):
    """What was found of each note, in the notes' row order.

    The confidence is the calibrated chance that the onset is right within 10 ms, or that a note
    which is not heard was not played. An uncertain note is at the likeliest place, which is right
    more often than where the notes around it would put it; one that is not heard is where these put
    it. `warped` tells whether the coarse warp was needed.
    """

    warped: bool = False


def locate(
    spectra: Spectra,
    notes: pd.DataFrame,
    runner: Runner | None = None,
    *,
    joint: bool = True,
    tendency: bool = True,
) -> Located:
    """Find the onset of each note.

    Parameters
    ----------
    spectra
        Of the recording (:func:`pianoalign_lib.localizer.spectra.compute_spectra`).
    notes
        Note table, on the 88 keys.
    runner
        The network; by default the released one.
    joint, tendency
        False switches the ingredient off (ablations).

    Raises
    ------
    InputError
        If there are no notes, or the recording is of another piece.
    CheckpointError
        If the network's file is missing.
    """
    if notes.empty:
        raise InputError("no notes on the 88 keys of a piano; give a MIDI file with notes")
    runner = runner or load_runner()
    finder = _Finder(spectra, spectra.reference, runner, joint)
    onset_s = notes["onset_s"].to_numpy(np.float64)
    order = np.lexsort((notes["pitch"], onset_s))
    pitch = notes["pitch"].to_numpy(np.int64)[order]
    velocity = notes["velocity"].to_numpy(np.float64)[order]
    expected_s, warped = finder.expected(notes, onset_s[order], pitch, velocity)
    found = finder.find(expected_s, pitch, velocity, tendency)
    heard = np.mean(~np.isnan(found.onset_s))
    if heard < ANOTHER_PIECE_SHARE:
        raise InputError(
            f"only {100 * heard:.0f} % of the MIDI's notes are heard in the recording: it seems to "
            "be of another piece, or of another part of it; check that the two belong together"
        )
    result = finder.result(found, expected_s)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    onset, confidence, status = (part[back] for part in result)
    return Located(onset, confidence, status, warped=warped)


@dataclass(frozen=True)
class _Finder:
    """One recording and one network."""

    spectra: Spectra
    reference: float
    runner: Runner
    joint: bool

    def expected(self, notes, onset_s, pitch, velocity) -> tuple[np.ndarray, bool]:
        """Return where the notes are to be expected, ascending, and whether by a coarse warp."""
        heard = self._heard_share(onset_s, pitch, velocity)
        if heard >= CLOSE_SHARE:
            return onset_s, False
        warped_s = np.maximum.accumulate(coarse_warp(self.spectra, notes)(onset_s))
        if self._heard_share(warped_s, pitch, velocity) <= heard + WARP_GAIN:
            return onset_s, False
        return warped_s, True

    def _heard_share(self, onset_s, pitch, velocity) -> float:
        """Return the share of some notes, spread over the piece, that are heard where expected."""
        if onset_s[0] >= self.spectra.duration_s + REACH_S:
            return 0.0
        n_runs = 8
        starts = np.linspace(0, max(0, len(onset_s) - PROBED // n_runs), n_runs).astype(int)
        probe = np.unique(
            (starts[:, None] + np.arange(PROBED // n_runs)).clip(max=len(onset_s) - 1)
        )
        unknown = Expected(onset_s, pitch, velocity)
        posterior = self.runner.posterior(self.spectra, self.reference, unknown, probe)
        decoded = decode(onset_s[probe], pitch[probe], posterior, joint=self.joint)
        sure = self.runner.confidence(decoded.probability) > UNCERTAIN
        return float(np.mean(~np.isnan(decoded.onset_s) & sure))

    def find(self, expected_s, pitch, velocity, tendency: bool) -> Decoded:
        """Decode all notes; then again, knowing where notes tend to be found."""
        notes = Expected(expected_s, pitch, velocity)
        rows = np.arange(len(expected_s))
        posterior = self.runner.posterior(self.spectra, self.reference, notes, rows)
        posterior = _with_rate(posterior)
        first = decode(expected_s, pitch, posterior, joint=self.joint)
        if not tendency:
            return first
        centre_s, width_s = _tendency(first, expected_s, self._settled(first))
        for start in range(0, len(posterior), BLOCK):
            part = slice(start, start + BLOCK)
            grid_s = grid_steps(expected_s[part]) / LONG_FPS
            posterior[part] *= _prior(grid_s, (expected_s + centre_s)[part], width_s)
        posterior /= posterior.sum(axis=1, keepdims=True)
        return decode(expected_s, pitch, posterior, joint=self.joint)

    def _settled(self, decoded: Decoded) -> np.ndarray:
        sure = self.runner.confidence(decoded.probability) > SETTLED
        return sure & ~np.isnan(decoded.onset_s)

    def result(self, found: Decoded, expected_s):
        """Return onset, confidence and status of each note, all of them somewhere."""
        confidence = self.runner.confidence(found.probability)
        heard = ~np.isnan(found.onset_s)
        sure = confidence > UNCERTAIN
        # A note that was not played hides where others sound; it is to be checked sooner.
        aligned = sure & (found.absent < DOUBT * found.probability)
        status = np.where(heard, np.where(aligned, "aligned", "uncertain"), "not heard")
        centre_s, _ = _tendency(found, expected_s, heard & sure)
        onset_s = np.where(heard, found.onset_s, expected_s + centre_s)
        return np.maximum(onset_s, 0.0), confidence, status.astype(object)


def _with_rate(posterior: np.ndarray) -> np.ndarray:
    """Adapt "not heard" to how often it occurs in this piece, in place.

    Training has more extra notes than most MIDI files. Expectation-maximization of the rate
    (Saerens, Latinne, Decaestecker 2002).
    """
    absent = posterior[:, ABSENT].astype(np.float64)
    rate = TRAINED_RATE
    for _ in range(RATE_STEPS):
        odds = _odds_against_training(rate)
        rate = float(np.mean(absent * odds / (absent * odds + 1 - absent)))
        rate = min(max(rate, LOWEST_RATE), 0.9)
    posterior[:, ABSENT] *= _odds_against_training(rate)
    posterior /= posterior.sum(axis=1, keepdims=True)
    return posterior


def _odds_against_training(rate: float) -> float:
    return rate / (1 - rate) * (1 - TRAINED_RATE) / TRAINED_RATE


def _tendency(
    found: Decoded, expected_s: np.ndarray, settled: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return by how much notes near each note are off (median), and how much that varies."""
    rows = np.flatnonzero(settled)
    if len(rows) < NEIGHBOURS:
        return np.zeros(len(expected_s)), REACH_S
    shift_s = found.onset_s[rows] - expected_s[rows]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(shift_s, NEIGHBOURS // 2, mode="reflect"), NEIGHBOURS + 1
    )
    middle_s = np.median(windows, axis=1)
    width_s = float(np.median(np.abs(shift_s - middle_s))) * 1.4826
    return np.interp(expected_s, expected_s[rows], middle_s), width_s


def _prior(grid_s: np.ndarray, centre_s: np.ndarray, width_s: float) -> np.ndarray:
    """Return the weight of each bin and of "not heard": near the tendency, with heavy tails.

    Relative to the even distribution over the bins that the network was trained with.
    """
    distance_s = grid_s[:, None] + SHIFT_S - centre_s[:, None]
    scale_s = width_s + 0.005
    weight = 1.0 / (1.0 + (distance_s / (2.0 * scale_s)) ** 2)
    weight /= weight.mean(axis=1, keepdims=True)
    return np.hstack([weight, np.ones((len(grid_s), 1))]).astype(np.float32)
