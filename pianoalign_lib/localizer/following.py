"""Where in the score each frame of a recording is: score following with jumps.

Viterbi over the frames of the recording. A state is a frame of the score, played or paused at; from
frame to frame it stays, goes on by one to three, pauses, or jumps anywhere at a price (JumpDTW:
Fremerey, Müller, Clausen 2010). What lies before and after the path is free, so that noise,
applause, and bars that only one side has stay outside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .rolls import Rolls

STEP_COSTS = (0.0, 0.11, 0.22)  # of going on by one to three frames
SLOW_S, STIFFER = 0.2, 4.0  # frames this long are less alike by far, so that all steps cost more
# In gains of a frame of 0.1 s, about a fifth each where the music fits:
PAUSE_COST = 2.0
EDGE_COST = 11.0  # of beginning or ending elsewhere than the score does
BLOCK = 256  # frames of the recording whose gains are in memory at a time
FAR = 4 * BLOCK  # frames of the score between two frames of the recording
PLAYED, STAYED, TWO, THREE, RESUMED, RESUMED_NEXT, JUMPED, BEGUN = range(8)
ENTERED = 8  # flag: the pause begins here
LONG_AGO = np.float32(-1e9)


@dataclass(frozen=True)
class Costs:
    """What a path pays.

    Attributes
    ----------
    jump
        In gains of a frame of 0.1 s; infinite: the score is played from its beginning to its end.
    stay
        For a frame of the recording at the same frame of the score as the one before.
    frame
        For each frame that the score is played at: what fits only a little is left out.
    """

    jump: float
    stay: float = 0.075
    frame: float = 0.0


@dataclass(frozen=True)
class Path:
    """Frames of the recording and those of the score that they play, in playing order.

    Attributes
    ----------
    audio, score : np.ndarray [shape=(n,), dtype=int64]
        Where the score is paused at, frames of the recording are left out.
    gain : float
        By which the two are more alike along the path than by chance, less what it pays.
    """

    audio: np.ndarray
    score: np.ndarray
    gain: float

    def pieces(self, longest_step: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the path's parts between jumps, that is steps back or over `longest_step`."""
        steps = np.diff(self.score)
        cuts = np.flatnonzero((steps < 0) | (steps > longest_step)) + 1
        return list(zip(np.split(self.audio, cuts), np.split(self.score, cuts), strict=True))


def follow(
    audio: Rolls, score: Rolls, first: np.ndarray, width: int, frame_s: float, costs: Costs
) -> Path:
    """Find the path of the greatest gain; both sides have the same frame rate.

    Parameters
    ----------
    first : np.ndarray [shape=(n_audio,), dtype=int64]
        Frame t of the recording may play score frames first[t] to first[t] + width - 1.
    width
        Of the band; that of the score to leave nothing out.
    frame_s
        Seconds per frame, which the prices depend on.
    """
    n_audio, n_score = len(audio.rise), len(score.rise)
    is_slow = frame_s >= SLOW_S
    stiffness = STIFFER if is_slow else 1.0
    jump, pause_cost, edge_cost = (
        np.float32(cost * 0.1 / frame_s) for cost in (costs.jump * stiffness, PAUSE_COST, EDGE_COST)
    )
    step_costs = stiffness * np.array((costs.stay, *STEP_COSTS), np.float32)
    entry = np.full(n_score, -edge_cost, np.float32)
    entry[:2] = 0.0
    # Two frames to the left and right, so that no step needs a test for the edge.
    played, paused = (np.full(n_score + 6, LONG_AGO, np.float32) for _ in range(2))
    back = np.zeros((n_audio, width), np.uint8)
    source = np.zeros(n_audio, np.int64)
    best, end = LONG_AGO, (0, 0)
    old_low = 0
    for start, stop in pairwise(_edges(first)):
        low, high = int(first[start:stop].min()), int(first[start:stop].max()) + width
        gains = audio.gains(start, stop, score, low, high, is_slow) - np.float32(costs.frame)
        for t in range(start, stop):
            a = int(first[t])
            before = slice(old_low + 3, old_low + 3 + width)
            j, k = int(played[before].argmax()), int(paused[before].argmax())
            was_played = played[before][j] >= paused[before][k]
            source[t] = old_low + j if was_played else -1 - (old_low + k)
            floor = (played[before][j] if was_played else paused[before][k]) - jump
            total, code = _arrive(played, paused, a, floor, entry[a : a + width], step_costs)
            pause = paused[a + 3 : a + 3 + width].copy()
            pausing = played[a + 3 : a + 3 + width] - pause_cost
            enters = pausing > pause
            np.copyto(pause, pausing, where=enters)
            code[enters] |= ENTERED
            back[t] = code
            total += gains[t - start, a - low : a - low + width]
            played[before] = paused[before] = LONG_AGO
            played[a + 3 : a + 3 + width] = total
            paused[a + 3 : a + 3 + width] = pause
            old_low = a
            top = int(total.argmax())
            gain = total[top] - edge_cost
            if a + width >= n_score and total[-2:].max() >= gain:
                top = width - len(total[-2:]) + int(total[-2:].argmax())
                gain = total[top]
            if gain > best:
                best, end = gain, (t, a + top)
    frames = _trace(back, source, first, end)
    return Path(*frames, gain=float(best))


def _edges(first: np.ndarray) -> np.ndarray:
    """Return where blocks of frames begin and end; where the band jumps far, one ends."""
    jumps = np.flatnonzero(np.abs(np.diff(first)) > FAR) + 1
    return np.union1d(np.append(np.arange(0, len(first), BLOCK), len(first)), jumps)


def _arrive(
    played: np.ndarray,
    paused: np.ndarray,
    a: int,
    floor: np.float32,
    entry: np.ndarray,
    step_costs: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best total on arrival at each state, and the step taken to it."""
    width = len(entry)
    total = np.maximum(entry, floor)
    code = np.where(entry >= floor, np.uint8(BEGUN), np.uint8(JUMPED))
    steps = (
        (PLAYED, played, 1, step_costs[1]),
        (STAYED, played, 0, step_costs[0]),
        (TWO, played, 2, step_costs[2]),
        (THREE, played, 3, step_costs[3]),
        (RESUMED, paused, 0, 0.0),
        (RESUMED_NEXT, paused, 1, 0.0),
    )
    for kind, came, step, cost in steps:
        candidate = came[a + 3 - step : a + 3 - step + width] - np.float32(cost)
        better = candidate > total
        np.copyto(total, candidate, where=better)
        np.copyto(code, np.uint8(kind), where=better)
    return total, code


def _trace(
    back: np.ndarray, source: np.ndarray, first: np.ndarray, end: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    taken = {PLAYED: 1, STAYED: 0, TWO: 2, THREE: 3, RESUMED: 0, RESUMED_NEXT: 1}
    audio, score = [], []
    t, j = end
    paused = False
    while t >= 0:
        code = int(back[t, j - first[t]])
        step = code & ~ENTERED
        if paused:
            paused = not code & ENTERED
        else:
            audio.append(t)
            score.append(j)
            if step == BEGUN:
                break
            if step == JUMPED:
                paused = bool(source[t] < 0)
                j = int(-1 - source[t] if paused else source[t])
            else:
                paused = step in (RESUMED, RESUMED_NEXT)
                j -= taken[step]
        t -= 1
        if t >= 0 and not 0 <= j - first[t] < back.shape[1]:
            break
    return np.array(audio[::-1]), np.array(score[::-1])
