"""From the network's posterior to note onsets: threshold, extract notes, match by pitch and order.

Times are seconds; frame k stands for the instant k / fps. Pitch p is column p - 21 of a posterior.
The matching is optimal for all notes of a pitch together; a greedy one lets a note take its
neighbour's onset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from ..common.errors import InputError
from ..io.notes import HIGHEST_PITCH, LOWEST_PITCH, N_PITCHES

# Half-width of the neighbourhood in which a dip is judged and a note's confidence is read. Piano
# repetitions faster than 1 / 40 ms do not occur, so at most one dip in it is a repetition.
_WINDOW_S = 0.04


@dataclass(frozen=True)
class DetectedOnsets:
    """Onsets found in a posterior, sorted by (pitch, onset_s); arrays of [shape=(n,)]."""

    pitch: np.ndarray  # int64
    onset_s: np.ndarray  # first frame of the note divided by the frame rate, float64
    confidence: np.ndarray  # largest posterior within 40 ms from the onset on, float32

    def __len__(self) -> int:
        return len(self.onset_s)


def detect_onsets(
    posterior: np.ndarray, fps: float, threshold: float, dip_depth: float = 0.3
) -> DetectedOnsets:
    """Extract the note onsets of a note-active posterior.

    A note starts in the first frame of a run at or above the threshold. The training target is zero
    for one frame before each onset, so that a repeated note shows as a dip that need not reach the
    threshold: the frame after a dip inside a run is an onset too if the dip is the smallest
    value within 40 ms and lies `dip_depth` (relative) below the peaks on both its sides.

    Parameters
    ----------
    posterior : np.ndarray [shape=(n_frames, 88)]
        Probability that each pitch sounds, 0..1.
    fps : float
        Frames per second.
    threshold : float
        Posterior from which on a pitch counts as sounding.
    dip_depth : float
        Relative depth 0..1 of a dip that separates two notes; 1 leaves only the threshold.

    Raises
    ------
    InputError
        If the posterior does not have 88 columns.
    """
    if posterior.ndim != 2 or posterior.shape[1] != N_PITCHES:
        raise InputError(f"posterior has shape {posterior.shape}; expected (n_frames, {N_PITCHES})")
    if not len(posterior):
        return DetectedOnsets(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.float32))
    by_pitch = np.ascontiguousarray(posterior.T, dtype=np.float32)
    window = max(1, round(_WINDOW_S * fps))

    active = by_pitch >= threshold
    starts = active.copy()
    starts[:, 1:] &= ~active[:, :-1]
    starts[:, 1:] |= _dips(by_pitch, window, dip_depth)[:, :-1] & active[:, 1:] & active[:, :-1]

    row, frame = np.nonzero(starts)
    peak = _following(by_pitch, window, maximum_filter1d)
    return DetectedOnsets(row + LOWEST_PITCH, frame / fps, peak[row, frame])


def _preceding(by_pitch: np.ndarray, size: int, extremum: Callable) -> np.ndarray:
    """Maximum or minimum over `size` frames up to and including each frame."""
    return extremum(by_pitch, size, axis=1, origin=(size - 1) // 2, mode="nearest")


def _following(by_pitch: np.ndarray, size: int, extremum: Callable) -> np.ndarray:
    """Maximum or minimum over `size` frames from each frame on."""
    return extremum(by_pitch, size, axis=1, origin=-(size // 2), mode="nearest")


def _dips(by_pitch: np.ndarray, window: int, depth: float) -> np.ndarray:
    """Mark the last frame of each local minimum that is deep enough [shape=(88, n_frames)]."""
    dips = np.zeros(by_pitch.shape, dtype=bool)
    inner = by_pitch[:, 1:-1]
    shoulder = np.minimum(
        _preceding(by_pitch, window, maximum_filter1d)[:, :-2],
        _following(by_pitch, window, maximum_filter1d)[:, 2:],
    )
    # Strict on one side only: of two equal minima in a window exactly one remains.
    lowest = inner <= _preceding(by_pitch, window, minimum_filter1d)[:, :-2]
    lowest &= inner < _following(by_pitch, window, minimum_filter1d)[:, 2:]
    dips[:, 1:-1] = lowest & (inner <= (1 - depth) * shoulder)
    return dips


def match_notes(onset_in_s: np.ndarray, detected_s: np.ndarray, max_shift_s: float) -> np.ndarray:
    """Assign detected onsets to the notes of one pitch, in order.

    Minimises the sum of |shift| over the matched notes plus `max_shift_s` for each lost note, over
    all order-preserving assignments that use each detection at most once (dynamic programming
    over the detections within `max_shift_s` of each note).

    Parameters
    ----------
    onset_in_s : np.ndarray [shape=(n,)]
        Input onsets of the notes, ascending.
    detected_s : np.ndarray [shape=(m,)]
        Detected onsets, ascending.
    max_shift_s : float
        Largest shift; also the cost of a lost note.

    Returns
    -------
    np.ndarray [shape=(n,)], int64
        Index into `detected_s`, -1 where the note is lost.
    """
    low = np.searchsorted(detected_s, onset_in_s - max_shift_s, side="left").tolist()
    high = np.searchsorted(detected_s, onset_in_s + max_shift_s, side="right").tolist()
    detected = detected_s.tolist()

    # best[j]: least cost of the notes so far that use detections before j only, less the cost of
    # losing them all. It never rises with j and is constant beyond the newest note's candidates.
    best = [0.0] * (len(detected) + 1)
    filled = 0
    matched: list[list[bool]] = []  # note, candidate: best[j + 1] matches this note with j ...
    improved: list[list[bool]] = []  # ... or at least differs from best[j]
    for onset, first, end in zip(onset_in_s.tolist(), low, high, strict=True):
        for j in range(filled + 1, end + 1):
            best[j] = best[filled]
        filled = max(filled, end)
        takes, differs = [], []
        diagonal = best[first]
        for j in range(first, end):
            skipped = min(best[j], best[j + 1])
            match = diagonal + abs(detected[j] - onset) - max_shift_s
            diagonal = best[j + 1]
            takes.append(match <= skipped)
            best[j + 1] = min(match, skipped)
            differs.append(best[j + 1] < best[j])
        matched.append(takes)
        improved.append(differs)
    return _backtrack(low, high, matched, improved)


def _backtrack(
    low: list[int], high: list[int], matched: list[list[bool]], improved: list[list[bool]]
) -> np.ndarray:
    """Follow the decisions of `match_notes` back from the last note."""
    assigned = np.full(len(low), -1, dtype=np.int64)
    end = max(high, default=0)
    for i in range(len(low) - 1, -1, -1):
        j = min(end, high[i]) - 1
        while j >= low[i] and not matched[i][j - low[i]] and not improved[i][j - low[i]]:
            j -= 1
        if j >= low[i] and matched[i][j - low[i]]:
            assigned[i] = j
            end = j
        else:
            end = min(end, j + 1)
    return assigned


def place_notes(
    notes: pd.DataFrame, posterior: np.ndarray, fps: float, threshold: float, max_shift_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place each note of an unaligned note table on an onset of the posterior.

    Parameters
    ----------
    posterior, fps, threshold
        As in `detect_onsets`.
    notes, max_shift_s
        As in `give_onsets`, whose results are returned.
    """
    return give_onsets(notes, detect_onsets(posterior, fps, threshold), max_shift_s)


def give_onsets(
    notes: pd.DataFrame,
    detected: DetectedOnsets,
    max_shift_s: float,
    match: Callable[[np.ndarray, np.ndarray, float], np.ndarray] = match_notes,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give detected onsets to the notes of an unaligned note table, pitch by pitch.

    Parameters
    ----------
    notes : pd.DataFrame
        Columns pitch and onset_s (the input onset); any row order, any index.
    detected : DetectedOnsets
    max_shift_s : float
        Largest shift.
    match : callable
        With the arguments and the result of `match_notes`.

    Returns
    -------
    onset_s : np.ndarray [shape=(n_notes,)], float64
        In the row order of `notes`; the input onset where a note is not placed.
    confidence : np.ndarray [shape=(n_notes,)], float32
        0..1, NaN where a note is not placed.
    placed : np.ndarray [shape=(n_notes,)], bool

    Raises
    ------
    InputError
        If a pitch is not on the piano.
    """
    pitch = notes["pitch"].to_numpy()
    onset_s = notes["onset_s"].to_numpy(dtype=np.float64, copy=True)
    if not notes["pitch"].between(LOWEST_PITCH, HIGHEST_PITCH).all():
        raise InputError(
            f"pitches {pitch.min()}..{pitch.max()} exceed the piano's 21..108; drop those notes"
        )
    confidence = np.full(len(notes), np.nan, dtype=np.float32)
    placed = np.zeros(len(notes), dtype=bool)

    # Perturbing may have swapped repeated notes: the order that counts is that of the input onsets.
    in_order = np.argsort(onset_s, kind="stable")
    for p in np.unique(pitch):
        rows, heard = in_order[pitch[in_order] == p], np.flatnonzero(detected.pitch == p)
        index = match(onset_s[rows], detected.onset_s[heard], max_shift_s)
        rows, chosen = rows[index >= 0], heard[index[index >= 0]]
        onset_s[rows], confidence[rows] = detected.onset_s[chosen], detected.confidence[chosen]
        placed[rows] = True
    return onset_s, confidence, placed
