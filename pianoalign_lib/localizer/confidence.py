"""How sure each onset is, once all are found: louder notes beside it, and how clear others are.

What the network says of a note alone is too sure of soft and low notes, most of all where they
sound with louder ones, and knows only its own 0.6 s of a recording.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..io.placement import ALIGNED, NOT_HEARD, UNCERTAIN, Placement
from .hearing import SURE
from .refine import logit

# Whether an onset is right within 10 ms, a logistic regression on the validation recordings
# (python -m training.localizer confidence): constant; logit of what the network says, and of what
# it says of the notes around on average; velocity over the loudest note's nearby, and below a soft
# one's; octaves above middle C.
RIGHT = (-0.183, 0.769, 0.606, 0.604, -0.518, 0.181)
AROUND = 64  # notes to each side
NEARBY_S = 0.25
VELOCITY_STEP, SOFT = 25.0, 35.0
MIDDLE_C = 60
# A file of no more velocities than this is taken for a score, which does not tell the soft notes:
# each may be one. So much softer is likeliest on the same recordings with all notes at velocity 64.
FEW_VELOCITIES, SOFTER = 10, -0.8


def clues(
    onset_s: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    confidence: np.ndarray,
    softer: float | None = None,
) -> np.ndarray:
    """Return what tells how sure a note is [shape=(n_notes, 6)], as `RIGHT` weighs it.

    Parameters
    ----------
    onset_s, pitch, velocity, confidence : np.ndarray [shape=(n_notes,)]
        Where each note was found, what the MIDI file says of it, and the network's confidence.
    softer
        What is taken for each note's softness where the velocities do not tell it.
    """
    order = np.argsort(onset_s, kind="stable")
    sure = confidence[order]
    around = uniform_filter1d(sure, 2 * AROUND + 1, mode="mirror")
    if softer is None:
        over = _over_loudest(onset_s[order], velocity[order]) / VELOCITY_STEP
        soft = np.maximum(SOFT - velocity[order], 0.0) / VELOCITY_STEP
    else:
        over, soft = np.full(len(order), softer), np.zeros(len(order))
    octaves = (pitch[order] - MIDDLE_C) / 12.0
    found = np.empty((len(order), len(RIGHT)))
    columns = (np.ones(len(order)), logit(sure), logit(around), over, soft, octaves)
    found[order] = np.stack(columns, axis=1)
    return found


def _over_loudest(time_s: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Return each note's velocity less that of the loudest nearby; the notes ascend in time."""
    begin = np.searchsorted(time_s, time_s - NEARBY_S)
    end = np.searchsorted(time_s, time_s + NEARBY_S, "right")
    edges = np.stack([begin, end], axis=1).ravel()
    return velocity - np.maximum.reduceat(np.append(velocity, 0), edges)[::2]


def judged(found: Placement, pitch: np.ndarray, velocity: np.ndarray) -> Placement:
    """Return the notes with the confidence of those that are heard set right.

    Parameters
    ----------
    pitch, velocity : np.ndarray [shape=(n_notes,)]
        In the MIDI file.
    """
    heard = found.status != NOT_HEARD
    if not heard.any():
        return found
    confidence, status = found.confidence.copy(), found.status.copy()
    softer = SOFTER if len(np.unique(velocity)) <= FEW_VELOCITIES else None
    known = clues(found.onset_s[heard], pitch[heard], velocity[heard], confidence[heard], softer)
    confidence[heard] = 1.0 / (1.0 + np.exp(-known @ np.array(RIGHT)))
    status[(status == ALIGNED) & (confidence < SURE)] = UNCERTAIN
    return replace(found, confidence=confidence, status=status)
