"""From spectra and loose notes to onsets: a course if needed, the network, joint decoding twice.

The notes that the first decoding is sure of tell by how much notes tend to be off, and where; the
second decoding knows that. If each note is off by an error of its own, it changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ..common.errors import InputError
from ..io.placement import ALIGNED, NOT_HEARD, UNCERTAIN, Placement
from .confidence import judged
from .courses import Chosen, choose_course
from .hearing import SURE, Hearing
from .passages import place_by_passage
from .runner import Runner, load_runner
from .spectra import Spectra

CLOSE_SHARE = 0.96  # of the probed notes heard where expected: no course is looked for
COURSE_GAIN = 0.03  # by which a course must raise that share to be used
# Above this share, a course with jumps may take away only notes that are not heard where they are:
# where a recording has the same music again and again, a path may wander from one to another.
MOST_SHARE, AWAY_S = 0.75, 0.5
AMBIGUOUS = "the recording is of a passage that occurs twice: all notes may be of the other one"
REPEATED = "the recording has these notes more than once: they are at the time that fits best"
ANOTHER_PIECE_SHARE = 0.2  # fewer notes heard than this (wrong pairs: up to 0.05): another piece


def locate(
    spectra: Spectra,
    notes: pd.DataFrame,
    runner: Runner | None = None,
    *,
    joint: bool = True,
    tendency: bool = True,
    judge: bool = True,
) -> Placement:
    """Find the onset of each note.

    The confidence is the calibrated chance that the onset is right within 10 ms, or that a note
    which is not heard was not played. An uncertain note is at the likeliest place, which is right
    more often than where the notes around it would put it; one that is not heard is where these put
    it. The structure is told where the notes are not close to the recording as they are.

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
    judge
        False: the confidence is what the network says of each note alone, to calibrate it.

    Raises
    ------
    InputError
        If there are no notes, or the recording is of another piece.
    CheckpointError
        If the network's file is missing.
    """
    if notes.empty:
        raise InputError("no notes on the 88 keys of a piano; give a MIDI file with notes")
    hearing = Hearing(spectra, spectra.reference, runner or load_runner(), joint, tendency)
    onset_s = notes["onset_s"].to_numpy(np.float64)
    order = np.lexsort((notes["pitch"], onset_s))
    result = _located(hearing, notes.iloc[order])
    if judge:
        pitch, velocity = (notes[name].to_numpy(np.float64) for name in ("pitch", "velocity"))
        result = judged(result, pitch[order], velocity[order])
    heard = np.mean(result.heard)
    if heard < ANOTHER_PIECE_SHARE:
        raise InputError(
            f"only {100 * heard:.0f} % of the MIDI's notes are heard in the recording: it seems to "
            "be of another piece, or of another part of it; check that the two belong together"
        )
    return result.take(np.argsort(order))


def _located(hearing: Hearing, notes: pd.DataFrame) -> Placement:
    """Find notes, sorted by onset, where they are or along the best course through them."""
    onset_s, velocity = (notes[name].to_numpy(np.float64) for name in ("onset_s", "velocity"))
    pitch = notes["pitch"].to_numpy(np.int64)
    heard = hearing.share(onset_s, pitch, velocity)
    chosen = None
    if heard < CLOSE_SHARE:
        chosen = choose_course(hearing, notes, heard + COURSE_GAIN)
        if chosen and heard > MOST_SHARE and len(chosen.course.stretches) > 1:
            stays = np.abs(chosen.course.expected(onset_s)[0] - onset_s) < AWAY_S
            chosen = chosen if stays.mean() > heard - COURSE_GAIN else None
    if chosen is None:
        return hearing.placement(hearing.find(onset_s, pitch, velocity), onset_s)
    rows = chosen.rows
    found = place_by_passage(
        hearing, chosen.events, onset_s[rows], pitch[rows], velocity[rows], chosen.share
    )
    doubtful = chosen.course.beyond(onset_s[rows]) | chosen.is_ambiguous
    status = np.where(doubtful & (found.status == ALIGNED), UNCERTAIN, found.status)
    found = _with_rest(onset_s, chosen, replace(found, status=status))
    told = ((AMBIGUOUS, chosen.is_ambiguous), (REPEATED, chosen.is_repeated))
    return replace(found, remarks=tuple(text for text, holds in told if holds))


def _with_rest(onset_s: np.ndarray, chosen: Chosen, found: Placement) -> Placement:
    """Return what was found of all notes; those that are not played lie between others."""
    rows = chosen.rows
    confidence = np.full(len(onset_s), 1.0 - SURE)
    status = np.full(len(onset_s), NOT_HEARD, dtype=object)
    confidence[rows], status[rows] = found.confidence, found.status
    order = np.argsort(rows)
    time_s = np.interp(onset_s, onset_s[rows][order], found.onset_s[order])
    time_s[rows] = found.onset_s
    return Placement(time_s, confidence, status, structure=chosen.course.structure())
