"""Corrections by hand: a note put right becomes an anchor, and the rest is aligned around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from ..common.errors import InputError
from ..io.midi_score import MidiScore
from ..io.placement import ALIGNED, NOT_HEARD, Placement
from ..localizer.confidence import judged
from ..localizer.locate import locate
from ..localizer.spectra import BANDS_FPS, LONG_FPS, SHORT_FPS, Spectra
from .keys import struck_keys

AROUND_S = 0.3  # of the recording beyond an anchor, to hear the notes beside it
CHORD_S = 0.05  # by which notes of an anchor's chord may be on its other side
AS_SURE = 0.02  # share of the notes


def placed_around(
    score: MidiScore, onset_s: np.ndarray, spectra: Spectra, anchors: Mapping[int, float]
) -> Placement:
    """Place the piano notes of a file again, some where they are known to be.

    The pair is cut at the anchors, and each part is aligned by itself: first where the notes are,
    moved as its anchors are, and if fewer notes are sure there, from the file's own times.

    Parameters
    ----------
    score
        The file.
    onset_s : np.ndarray [shape=(n_notes,)]
        Where its notes are in the recording so far, in seconds.
    spectra
        Of the recording.
    anchors
        Onsets in the recording, in seconds, by note.

    Raises
    ------
    InputError
        If there is no such note, an onset is outside of the recording, or the anchors are in
        another order than their notes.
    """
    keys, copies = struck_keys(score)
    given = _given(score, spectra.duration_s, anchors, copies)
    before_s = np.empty(copies.max() + 1)
    before_s[copies] = onset_s[score.piano_rows()]
    placed = _placed(spectra, keys, given, before_s)
    for key, time_s in given.items():
        placed.onset_s[key], placed.confidence[key], placed.status[key] = time_s, 1.0, ALIGNED
    return placed.take(copies)


def _given(
    score: MidiScore, duration_s: float, anchors: Mapping[int, float], copies: np.ndarray
) -> dict[int, float]:
    """Return the anchors by key."""
    piano = {int(row): copies[place] for place, row in enumerate(score.piano_rows())}
    for row, time_s in anchors.items():
        if row not in piano:
            raise InputError(f"note {row}: no note on the 88 keys that could be an anchor")
        if not 0.0 <= time_s <= duration_s:
            raise InputError(
                f"note {row}: {time_s:.2f} s is outside of the recording, which lasts "
                f"{duration_s:.2f} s"
            )
    return {int(piano[row]): float(time_s) for row, time_s in anchors.items()}


def _placed(
    spectra: Spectra, keys: pd.DataFrame, given: Mapping[int, float], before_s: np.ndarray
) -> Placement:
    """Place the keys part by part; a part begins with the notes that begin when its anchor does."""
    midi_s = keys["onset_s"].to_numpy()
    at_s, first = np.unique(midi_s[list(given)], return_index=True)
    anchor_s = np.array(list(given.values()))[first]
    if np.any(np.diff(anchor_s) <= 0):
        raise InputError("these corrections put notes in another order than the MIDI file has")
    moved_s = np.array([given[key] - before_s[key] for key in np.array(list(given))[first]])
    guess_s = before_s + np.interp(midi_s, at_s, moved_s)
    onset_s, confidence = guess_s.copy(), np.zeros(len(keys))
    status = np.full(len(keys), NOT_HEARD, dtype=object)
    part = np.searchsorted(at_s, midi_s, side="right")
    edges_s = np.concatenate([[-np.inf], anchor_s, [np.inf]])
    for number in np.unique(part):
        rows = np.flatnonzero(part == number)
        low_s, high_s = edges_s[number], edges_s[number + 1]
        begin_s = max(round(low_s - AROUND_S, 2), 0.0)
        heard = _cut(spectra, begin_s, min(high_s + AROUND_S, spectra.duration_s))
        found = _best(heard, keys.iloc[rows], guess_s[rows] - begin_s)
        if found is not None:
            onset_s[rows] = np.clip(found.onset_s + begin_s, low_s - CHORD_S, high_s + CHORD_S)
            confidence[rows], status[rows] = found.confidence, found.status
    pitch, velocity = (keys[name].to_numpy(np.float64) for name in ("pitch", "velocity"))
    return judged(Placement(onset_s, confidence, status), pitch, velocity)


def _best(spectra: Spectra, keys: pd.DataFrame, guess_s: np.ndarray) -> Placement | None:
    """Return what is found from a guess, or from the file's own times; None if nothing is."""
    length_s = keys["offset_s"] - keys["onset_s"]
    guessed = keys.assign(onset_s=guess_s, offset_s=guess_s + length_s)
    own = keys.assign(onset_s=keys["onset_s"] - keys["onset_s"].min() + guess_s.min())
    best, most = None, -1.0
    for notes in (guessed, own):
        try:
            found = locate(spectra, notes, judge=False)
        except InputError:  # too little is heard
            continue
        sure = float(np.mean(found.status == ALIGNED))
        if sure > most + AS_SURE:
            best, most = found, sure
        if most >= 1.0 - AS_SURE:
            break
    return best


def _cut(spectra: Spectra, begin_s: float, end_s: float) -> Spectra:
    """Return an excerpt of whole frames of the slowest spectrogram."""
    first = round(begin_s * LONG_FPS)
    last = min(round(end_s * LONG_FPS), len(spectra.long))
    parts = {
        name: getattr(spectra, name)[first * fps // LONG_FPS : last * fps // LONG_FPS]
        for name, fps in (("long", LONG_FPS), ("short", SHORT_FPS), ("bands", BANDS_FPS))
    }
    return replace(spectra, **parts, duration_s=(last - first) / LONG_FPS)
