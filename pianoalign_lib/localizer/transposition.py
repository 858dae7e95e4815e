"""A recording of the same music in another key than the MIDI file, or tuned semitones away.

Other keys are looked for only where few notes are found in the MIDI file's own, tried only if the
recording's pitches, all together, fit them better, and taken only if most notes are found in them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd

from ..common.errors import InputError
from ..io.placement import ALIGNED, Placement
from . import locate as localizer
from .spectra import LOWEST_ROW, N_ROWS, STEPS_PER_DB, Spectra

FARTHEST = 6  # semitones to each side
MOST_TRIED = 3  # keys; on 29 recordings, whole and in parts, the right one was always among them
SURE_SHARE = 0.5  # of the notes, aligned: no other key is looked for
TAKEN_SHARE = 0.15  # of the notes, aligned in another key; wrong pairs in any: up to 0.04
CLEAR_SHARE = 0.8  # no further key is tried; an octave away, notes are heard, too
QUIET_DB = 40.0  # below the recording's level; what is softer is not held
HARMONICS = ((0, 1.0), (12, 0.6), (19, 0.4), (24, 0.3), (28, 0.2))  # semitones above, and weight
FADED_S, ATTACK_S = 2.0, 0.2  # after which a note counts no more, and what its onset counts for
SILENT = 0.02  # of the most frequent pitch
OCTAVE = 13  # rows


def locate(spectra: Spectra, notes: pd.DataFrame, *given, **options) -> tuple[Placement, Spectra]:
    """Find the onset of each note in the key that the recording is in.

    Parameters and errors are those of :func:`pianoalign_lib.localizer.locate.locate`. The spectra
    returned have the notes' keys as rows, and their tuning says how far away the recording is.
    """
    best, refusal, share = None, None, 0.0
    try:
        best = localizer.locate(spectra, notes, *given, **options), spectra
        share = _sure_share(best[0])
    except InputError as error:
        refusal = error
    if share < SURE_SHARE and len(notes):
        keys = _by_fit(spectra, notes)
        # Of notes that are heard a little, only what fits better than their own key is tried.
        keys = keys[: keys.index(0)] if best else [key for key in keys if key]
        for key in keys[:MOST_TRIED]:
            moved = _moved(spectra, key)
            with suppress(InputError):
                found = localizer.locate(moved, notes, *given, **options)
                if _sure_share(found) > max(share, TAKEN_SHARE):
                    best, share = (found, moved), _sure_share(found)
            if share > CLEAR_SHARE:
                break
    if best is None:
        raise refusal or InputError("nothing is heard")
    return best


def _sure_share(found: Placement) -> float:
    return float(np.mean(found.status == ALIGNED))


def _moved(spectra: Spectra, key: int) -> Spectra:
    rows = np.clip(np.arange(N_ROWS) + key, 0, N_ROWS - 1)
    long, short = spectra.long[:, rows], spectra.short[:, rows]
    return replace(spectra, long=long, short=short, tuning=spectra.tuning + key)


def _by_fit(spectra: Spectra, notes: pd.DataFrame) -> list[int]:
    """Return semitones by which notes may be moved, those first that fit the recording best.

    What is compared is how much each row sounds, against the octave around it.
    """
    quiet = np.uint8(max(spectra.reference - QUIET_DB * STEPS_PER_DB, 0))
    sounding = (np.maximum(spectra.long[::4], quiet) - quiet).mean(axis=0)
    pitch, onset_s, offset_s, velocity = (
        notes[name].to_numpy() for name in ("pitch", "onset_s", "offset_s", "velocity")
    )
    strength = np.sqrt(velocity) * (np.minimum(offset_s - onset_s, FADED_S) + ATTACK_S)
    expected = np.zeros(N_ROWS)
    for harmonic, share in HARMONICS:
        row = pitch - LOWEST_ROW + harmonic
        expected += share * np.bincount(row[row < N_ROWS], strength[row < N_ROWS], N_ROWS)
    expected = np.log(expected + SILENT * expected.max())
    # The valid part of the mean over an octave is what all keys have on both sides.
    octave = np.full(OCTAVE, 1.0 / OCTAVE)
    sounding, expected = (
        each[FARTHEST:-FARTHEST] - np.convolve(each, octave, "valid")
        for each in (sounding, expected)
    )
    inner = np.arange(FARTHEST, len(expected) - FARTHEST)
    keys = range(-FARTHEST, FARTHEST + 1)
    fits = {key: np.corrcoef(sounding[inner + key], expected[inner])[0, 1] for key in keys}
    return sorted(keys, key=fits.__getitem__, reverse=True)
