"""A recording of the same music in another key than the MIDI file, or tuned semitones away.

Other keys are looked for only where few notes are found in the MIDI file's own, and tried in the
order in which the coarse stage's path fits them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd

from ..common.errors import InputError
from ..io.placement import ALIGNED, Placement
from . import locate as localizer
from .coarse import DEAR_JUMPS, likely_paces
from .following import follow
from .rolls import HOP, recording_rolls, score_rolls
from .spectra import LONG_FPS, N_ROWS, Spectra

KEYS = range(-6, 7)  # semitones that the recording may be above the MIDI file
MOST_TRIED = 2  # keys; in 111 of 111 cases of table 9 the right one was the first
SURE_SHARE = 0.5  # of the notes, aligned: no other key is looked for
TAKEN_SHARE = 0.15  # of the notes, aligned in another key; wrong pairs in any: up to 0.04
FRAME_S, MOST_FRAMES = 0.24, 3000  # of the paths
CLEAR_SHARE = 0.8  # no further key is tried; an octave away, notes are heard, too


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
        gains = _gains(spectra, notes)
        keys = sorted(KEYS, key=lambda key: -gains[key])
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


def _gains(spectra: Spectra, notes: pd.DataFrame) -> dict[int, float]:
    """Return by key how well a path at a slow rate fits."""
    notes = notes.sort_values("onset_s", kind="stable")
    start_s, end_s = notes["onset_s"].iloc[[0, -1]]
    best = dict.fromkeys(KEYS, -np.inf)
    for pace in likely_paces(spectra, notes):
        longest_s = max(spectra.duration_s, (end_s - start_s) * pace)
        frames = HOP * int(np.ceil(max(FRAME_S, longest_s / MOST_FRAMES) * LONG_FPS / HOP))
        score = score_rolls(
            (notes["onset_s"].to_numpy() - start_s) * pace,
            (notes["offset_s"].to_numpy() - start_s) * pace,
            notes["pitch"].to_numpy(),
            notes["velocity"].to_numpy(),
            frames / LONG_FPS,
        )
        audio = recording_rolls(spectra.long, spectra.reference, frames)
        everywhere = np.zeros(len(audio.rise), np.int64)
        for key in KEYS:
            path = follow(
                audio.moved(key), score, everywhere, len(score.rise), frames / LONG_FPS, DEAR_JUMPS
            )
            best[key] = max(best[key], path.gain)
    return best
