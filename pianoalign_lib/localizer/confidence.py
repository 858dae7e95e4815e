"""How sure each onset is, once all are found: louder notes beside it, and how clear others are.

What the network says of a note alone is too sure of soft notes that sound with louder ones, and
knows only its own 0.6 s of a recording.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..io.placement import ALIGNED, NOT_HEARD, UNCERTAIN, Placement
from .hearing import SURE
from .refine import logit

# Whether an onset is right within 10 ms, a logistic regression on the validation recordings
# (python -m training.localizer confidence): constant, logit of what the network says, velocity
# over the loudest note's nearby, logit of what it says of the notes around on average.
RIGHT = (-0.218, 0.810, 0.609, 0.560)
NEARBY_S = 0.25
VELOCITY_STEP = 25.0
AROUND = 64  # notes to each side
# A file of no more velocities than this is taken for a score, which does not tell the soft notes:
# each may be one. So much softer is what is worth most on the same recordings, all at velocity 64.
FEW_VELOCITIES, SOFTER = 10, -0.6


def clues(onset_s: np.ndarray, velocity: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Return what tells how sure a note is [shape=(n_notes, 4)], the first column being 1.

    Parameters
    ----------
    onset_s, velocity, confidence : np.ndarray [shape=(n_notes,)]
        Where each note was found, its velocity in the MIDI file, and the network's confidence.
    """
    order = np.argsort(onset_s, kind="stable")
    time_s, loud, sure = onset_s[order], velocity[order], confidence[order]
    begin = np.searchsorted(time_s, time_s - NEARBY_S)
    end = np.searchsorted(time_s, time_s + NEARBY_S, "right")
    edges = np.stack([begin, end], axis=1).ravel()
    loudest = np.maximum.reduceat(np.append(loud, 0), edges)[::2]
    softer = (loud - loudest) / VELOCITY_STEP
    if len(np.unique(velocity)) <= FEW_VELOCITIES:
        softer = np.full(len(order), SOFTER)
    around = uniform_filter1d(sure, 2 * AROUND + 1, mode="mirror")
    found = np.empty((len(order), 4))
    found[order] = np.stack([np.ones_like(sure), logit(sure), softer, logit(around)], axis=1)
    return found


def judged(found: Placement, velocity: np.ndarray) -> Placement:
    """Return the notes with the confidence of those that are heard set right.

    Parameters
    ----------
    velocity : np.ndarray [shape=(n_notes,)]
        In the MIDI file.
    """
    heard = found.status != NOT_HEARD
    if not heard.any():
        return found
    confidence, status = found.confidence.copy(), found.status.copy()
    told = clues(found.onset_s[heard], velocity[heard], confidence[heard]) @ np.array(RIGHT)
    confidence[heard] = 1.0 / (1.0 + np.exp(-told))
    status[(status == ALIGNED) & (confidence < SURE)] = UNCERTAIN
    return replace(found, confidence=confidence, status=status)
