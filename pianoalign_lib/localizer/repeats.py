"""Where a jump lies, if the notes before and after it are the same for a while."""

from __future__ import annotations

import numpy as np

from .stretches import Stretch

NEAR_S = 2.5  # a jump's length is known so well
LEAST_SAME_S = 0.5  # a shorter sameness is chance
SAME_S = 0.05  # notes this far apart count as the same
LOOKED_AT = 8  # notes that tell a jump's exact length


def slid(stretches: list[Stretch], onset_s: np.ndarray, pitch: np.ndarray) -> list[Stretch]:
    """Return the stretches with each jump as late as the score allows.

    From a passage to its repetition one may jump anywhere; who skips a repetition skips it as a
    whole, so the passage before is taken to be played to its end.

    Parameters
    ----------
    stretches
        In playing order.
    onset_s, pitch : np.ndarray [shape=(n_notes,)]
        Of the MIDI file, sorted by onset.
    """
    result = stretches[:1]
    for after in stretches[1:]:
        before = result[-1]
        if after.midi_s[0] < before.midi_s[-1]:
            result.append(after)
            continue
        jump_s, same_s = _same_for(before.midi_s[-1], after.midi_s[0], onset_s, pitch)
        end_s = min(before.midi_s[-1] + jump_s + same_s, after.midi_s[-1])
        if same_s < LEAST_SAME_S or end_s >= after.midi_s[-1] - SAME_S:
            result.append(after)
            continue
        inside = (after.midi_s > after.midi_s[0]) & (after.midi_s < end_s)
        moved_s = np.append(after.midi_s[inside], end_s)
        later = moved_s - jump_s > before.midi_s[-1] + 1e-3
        if later.any():
            moved_s = moved_s[later]
            result[-1] = Stretch(
                np.append(before.midi_s, moved_s - jump_s),
                np.append(before.audio_s, after(moved_s)),
            )
            rest = after.midi_s > end_s
            after = Stretch(
                np.append(end_s, after.midi_s[rest]),
                np.append(after(np.array([end_s])), after.audio_s[rest]),
            )
        result.append(after)
    return result


def _same_for(
    left_s: float, goes_on_s: float, onset_s: np.ndarray, pitch: np.ndarray
) -> tuple[float, float]:
    """Return the exact length of a jump, and for how long the notes on both sides are the same."""
    begin = int(np.searchsorted(onset_s, left_s - SAME_S))
    best = goes_on_s - left_s, 0.0
    tried: list[float] = []
    for row in range(begin, min(begin + LOOKED_AT, len(onset_s))):
        near_s = onset_s[row] + goes_on_s - left_s + np.array([-NEAR_S, NEAR_S])
        low, high = np.searchsorted(onset_s, near_s)
        for jump_s in onset_s[low:high][pitch[low:high] == pitch[row]] - onset_s[row]:
            if tried and np.abs(np.array(tried) - jump_s).min() < SAME_S / 2:
                continue
            tried.append(jump_s)
            begin_s = max(left_s, goes_on_s - jump_s) - SAME_S
            first = _partners(onset_s, pitch, begin_s, jump_s)
            second = _partners(onset_s, pitch, begin_s + jump_s, -jump_s) - jump_s
            same_s = max(min(first, second) - SAME_S - left_s, 0.0)
            if same_s > best[1]:
                best = float(jump_s), float(same_s)
    return best


def _partners(onset_s: np.ndarray, pitch: np.ndarray, begin_s: float, jump_s: float) -> float:
    """Return the onset of the first note from `begin_s` on without an equal one a jump away."""
    for row in range(int(np.searchsorted(onset_s, begin_s)), len(onset_s)):
        low, high = np.searchsorted(onset_s, onset_s[row] + jump_s + np.array([-SAME_S, SAME_S]))
        if not (pitch[low:high] == pitch[row]).any():
            return float(onset_s[row])
    return float(onset_s[-1]) + abs(jump_s)
