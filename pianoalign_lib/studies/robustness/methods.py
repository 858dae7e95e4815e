"""The methods of table 9, each given a case: the aligner as users call it, and its peers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pretty_midi

from ...common.config import HYBRID_VARIANT, CorpusPaths
from ...common.errors import InputError
from ...methods.dtw import DtwFeatures, audio_features, map_notes, note_features, warping_path
from .cases import SAMPLE_RATE, Case

TICKS = 4_800  # per beat of half a second: a tenth of a millisecond
REFUSED = "refused"
# Whose code a method's answers depend on.
_OURS = ("alignment", "localizer", "io")
ROOMS_OF = {
    "exact": _OURS,
    "localizer": _OURS,
    "dtw": ("methods",),
    "dtw_localizer": ("methods", *_OURS),
    "hybrid": ("methods", "crnn"),
}


class Placer:
    """A case, and what each method says of it; the costly parts are made once.

    Parameters
    ----------
    case
        What is aligned.
    original
        The placer of the recording it was made from: where the audio is the same, its features are.
    """

    def __init__(
        self, case: Case, paths: CorpusPaths, params: dict[str, Any], original: Placer | None = None
    ) -> None:
        self.case, self._paths, self._params = case, paths, params
        self._original = original

    def place(self, method: str) -> tuple[Case, np.ndarray, np.ndarray]:
        """Return the case that was given, and onset and status of each of its notes.

        ``exact`` is the localizer, given the notes that were played at their true times. A refusal
        leaves no onset.
        """
        given = self.case.exact() if method == "exact" else self.case
        try:
            if method in ("exact", "localizer"):
                return given, *_align(given)
            return given, *self._peer(method)
        except InputError:
            n = len(given.notes)
            return given, np.full(n, np.nan), np.full(n, REFUSED, dtype=object)

    def _peer(self, method: str) -> tuple[np.ndarray, np.ndarray]:
        warped = self._warped
        if method == "dtw":
            return warped["onset_s"].to_numpy(), np.full(len(warped), "aligned", dtype=object)
        if method == "dtw_localizer":
            from ...localizer.locate import locate
            from ...localizer.spectra import compute_spectra

            found = locate(compute_spectra(self.case.audio, SAMPLE_RATE), warped)
            return found.onset_s, found.status
        from ...methods.placing import prepare

        placed = prepare(HYBRID_VARIANT, self.case.audio, self._paths, self._params)(warped)
        return placed.onset_s, np.where(placed.placed, "aligned", "uncertain")

    @cached_property
    def _warped(self) -> pd.DataFrame:
        """Notes as Sync Toolbox places them."""
        path = warping_path(self._features, note_features(self.case.notes))
        return map_notes(path, self.case.notes)

    @cached_property
    def _features(self) -> DtwFeatures:
        if self._original is not None and self._original.case.audio is self.case.audio:
            return self._original._features
        return audio_features(self.case.audio)


def _align(given: Case) -> tuple[np.ndarray, np.ndarray]:
    """Return onset and status of each note, as a user's MIDI file is aligned."""
    from ...alignment.aligner import align

    midi, rows = midi_file(given.notes)
    result = align(given.audio, midi, sample_rate=SAMPLE_RATE).notes
    onset_s, status = np.empty(len(rows)), np.empty(len(rows), dtype=object)
    onset_s[rows], status[rows] = result["onset_s"], result["status"]
    return onset_s, status


def midi_file(notes: pd.DataFrame) -> tuple[pretty_midi.PrettyMIDI, np.ndarray]:
    """Return notes as MIDI, and which row of `notes` each note of the file is, in reading order."""
    midi = pretty_midi.PrettyMIDI(resolution=TICKS)
    track = notes["track"].to_numpy() if "track" in notes else np.zeros(len(notes), int)
    tick = np.rint(notes["onset_s"].to_numpy() * 2 * TICKS).astype(np.int64)
    next_tick = pd.Series(tick).groupby([notes["pitch"].to_numpy(), track]).shift(-1)
    end = np.rint(notes["offset_s"].to_numpy() * 2 * TICKS)
    end = np.maximum(np.fmin(end, next_tick.to_numpy()), tick + 1)
    for number in np.unique(track):
        hand = pretty_midi.Instrument(program=0)
        hand.notes = [
            pretty_midi.Note(int(velocity), int(pitch), start / 2 / TICKS, stop / 2 / TICKS)
            for velocity, pitch, start, stop in zip(
                notes["velocity"][track == number],
                notes["pitch"][track == number],
                tick[track == number],
                end[track == number],
                strict=True,
            )
        ]
        midi.instruments.append(hand)
    return midi, np.lexsort((track, notes["pitch"], tick))
