"""The methods of table 9: the aligner as users call it, and the peers that can do it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pretty_midi

from pianoalign_lib.alignment.aligner import align
from pianoalign_lib.common.config import HYBRID_VARIANT, CorpusPaths
from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.placement import ALIGNED, Placement
from pianoalign_lib.localizer.locate import locate
from pianoalign_lib.localizer.spectra import compute_spectra
from pianoalign_lib.methods.dtw import audio_features, map_notes, note_features, warping_path
from pianoalign_lib.methods.placing import prepare

from .cases import SAMPLE_RATE, Case

TICKS = 9_600  # per second: MIDI times are rounded to a tenth of a millisecond
REFUSED = "refused"
_OURS = ("alignment", "localizer", "io")
ROOMS_OF = {  # whose code a method's answers depend on
    "exact": _OURS,
    "localizer": _OURS,
    "dtw": ("methods",),
    "dtw_localizer": ("methods", *_OURS),
    "hybrid": ("methods", "crnn"),
}


def place(
    method: str, given: Case, paths: CorpusPaths, params: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return onset and status of each note; a refusal leaves no onset.

    ``localizer`` is the released aligner, from MIDI file to result; ``exact`` is it, too, on a case
    that the caller has made exact. ``dtw`` (Sync Toolbox) calls every note aligned;
    ``dtw_localizer`` and ``hybrid`` place the notes that it returns.
    """
    try:
        if method in ("exact", "localizer"):
            return _align(given)
        notes = _warped(given)
        if method == "dtw":
            return notes["onset_s"].to_numpy(), np.full(len(notes), ALIGNED, dtype=object)
        if method == "dtw_localizer":
            found: Placement = locate(compute_spectra(given.audio, SAMPLE_RATE), notes)
        else:
            found = prepare(HYBRID_VARIANT, given.audio, paths, params)(notes)
        return found.onset_s, found.status
    except InputError:
        n = len(given.notes)
        return np.full(n, np.nan), np.full(n, REFUSED, dtype=object)


@lru_cache(maxsize=1)  # one method after the other asks for the same
def _warped(given: Case) -> pd.DataFrame:
    path = warping_path(audio_features(given.audio), note_features(given.notes))
    return map_notes(path, given.notes)


def _align(given: Case) -> tuple[np.ndarray, np.ndarray]:
    midi, rows = midi_file(given.notes)
    result = align(given.audio, midi, sample_rate=SAMPLE_RATE).notes
    onset_s, status = np.empty(len(rows)), np.empty(len(rows), dtype=object)
    onset_s[rows], status[rows] = result["onset_s"], result["status"]
    return onset_s, status


def midi_file(notes: pd.DataFrame) -> tuple[pretty_midi.PrettyMIDI, np.ndarray]:
    """Return notes as MIDI, and which row of `notes` each note of the file is, in reading order."""
    midi = pretty_midi.PrettyMIDI(resolution=TICKS // 2)
    track = notes["track"].to_numpy() if "track" in notes else np.zeros(len(notes), int)
    start, end = (np.rint(notes[name].to_numpy() * TICKS) for name in ("onset_s", "offset_s"))
    again = pd.Series(start).groupby([notes["pitch"].to_numpy(), track]).shift(-1)
    end = np.maximum(np.fmin(end, again.to_numpy()), start + 1)
    pitch, velocity = notes["pitch"].to_numpy(), notes["velocity"].to_numpy()
    for number in np.unique(track):
        hand = pretty_midi.Instrument(program=0)
        hand.notes = [
            pretty_midi.Note(
                int(velocity[row]), int(pitch[row]), start[row] / TICKS, end[row] / TICKS
            )
            for row in np.flatnonzero(track == number)
        ]
        midi.instruments.append(hand)
    return midi, np.lexsort((track, pitch, start))
