"""The coarse stage: which stretches of a MIDI file a recording plays, in which order, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .following import SLOW_S, Costs, Path, follow
from .repeats import slid
from .rolls import HOP, recording_rolls, score_rolls
from .spectra import LONG_FPS, Spectra
from .stretches import FASTEST, SLOWEST, Stretch

FINEST = 6  # spectral frames (10 ms) per frame of the path at its last rate
# Of the slowest rate, the only one that compares all with all; and so many more before a frame is
# longer than SLOW_S, from where on too much happens within it.
MOST_CELLS, MORE_CELLS = 2500 * 2500, 10_000 * 10_000
REFINEMENT = 5  # from rate to rate, at most
BAND_S, BAND_FRAMES = 3.0, 6  # to each side of the path before: seconds, and its own frames
SAME_S = 0.5  # a step of the path over more of the MIDI file than this is a jump
BEYOND_S = 1.5  # notes up to this far from a stretch are looked for where its pace puts them
SAME_PACE = 0.2  # natural logarithm of paces that need no search of their own
MOST_SEARCHES = 3
DEAR_JUMPS, CHEAP_JUMPS, NO_JUMPS = Costs(12.0), Costs(6.0), Costs(np.inf)
# Of a MIDI file that is a part of the recording, what else sounds like it is left out.
PART = Costs(np.inf, stay=0.2, frame=0.12)
EDGE_S = 0.1  # notes so little outside of a stretch are on it


@dataclass(frozen=True)
class Course:
    """How a recording goes through a MIDI file.

    Attributes
    ----------
    stretches : list[Stretch]
        In playing order; one if nothing is left out or repeated. None if nothing fits.
    last : bool
        Notes that are played more than once are expected the last time, not the first.
    """

    stretches: list[Stretch]
    last: bool = False

    def structure(self) -> tuple[tuple[float, float, float, float], ...]:
        """Return begin and end of each stretch, in the MIDI file and in the recording."""
        return tuple(
            (float(midi_s[0]), float(midi_s[-1]), float(audio_s[0]), float(audio_s[-1]))
            for midi_s, audio_s in ((part.midi_s, part.audio_s) for part in self.stretches)
        )

    def expected(self, onset_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where notes are to be expected, and in which stretch.

        Parameters
        ----------
        onset_s : np.ndarray [shape=(n_notes,)]
            Onsets in the MIDI file.

        Returns
        -------
        expected_s : np.ndarray [shape=(n_notes,)]
            At the first time that a note is played, or at the last.
        stretch : np.ndarray [shape=(n_notes,), dtype=int64]
            -1 for notes that no stretch holds.
        """
        expected_s = np.full(len(onset_s), np.nan)
        stretch = np.full(len(onset_s), -1)
        outside_s = np.full(len(onset_s), BEYOND_S)
        numbers = range(len(self.stretches))
        for number in reversed(numbers) if self.last else numbers:
            part = self.stretches[number]
            time_s = part(onset_s)
            beyond_s = np.maximum(
                part(part.midi_s[:1])[0] - time_s, time_s - part(part.midi_s[-1:])[0]
            ).clip(min=0.0)
            nearer = beyond_s < outside_s
            expected_s[nearer], stretch[nearer] = time_s[nearer], number
            outside_s[nearer] = beyond_s[nearer]
        return expected_s, stretch

    @property
    def audio_s(self) -> float:
        """How much of the recording is explained."""
        return sum(float(part.audio_s[-1] - part.audio_s[0]) for part in self.stretches)

    @property
    def midi_s(self) -> float:
        """How much of the MIDI file is played; what is played again counts again."""
        return sum(float(part.midi_s[-1] - part.midi_s[0]) for part in self.stretches)

    @property
    def pace(self) -> float:
        """Seconds of the recording per second of the MIDI file; 0 if there is nothing."""
        return self.audio_s / self.midi_s if self.midi_s else 0.0

    def beyond(self, onset_s: np.ndarray) -> np.ndarray:
        """Return which notes lie outside of all stretches, if only a little [dtype=bool]."""
        outside = np.ones(len(onset_s), bool)
        for part in self.stretches:
            outside &= (onset_s < part.midi_s[0] - EDGE_S) | (onset_s > part.midi_s[-1] + EDGE_S)
        return outside


def length_s(notes: pd.DataFrame) -> float:
    """Return the time from the first onset to the last."""
    return float(notes["onset_s"].max() - notes["onset_s"].min())


def likely_paces(spectra: Spectra, notes: pd.DataFrame) -> list[float]:
    """Return how many times slower than the MIDI file a recording may be, the likeliest first.

    As the two lengths say; as the MIDI file says, which fits where one is a part of the other; and
    half and twice the first.
    """
    guess = (spectra.duration_s + 0.5) / (length_s(notes) + 1.0)
    guess = min(max(guess, SLOWEST), FASTEST)
    paces = [guess]
    for pace in (1.0, guess / 2, guess * 2):
        far = all(abs(np.log(pace / other)) > SAME_PACE for other in paces)
        if far and SLOWEST <= pace <= FASTEST:
            paces.append(pace)
    return paces


def find_course(
    spectra: Spectra, notes: pd.DataFrame, pace: float = 1.0, costs: Costs = DEAR_JUMPS
) -> Course:
    """Follow a recording through a MIDI file, at rising frame rates.

    Only the slowest rate compares every frame with every frame; each faster one looks in a band
    around the path before (Salvador and Chan, FastDTW, 2007), so that time and memory grow with
    the length only.

    Parameters
    ----------
    spectra
        Of the recording.
    notes
        Note table, on the 88 keys, in any order; at least one note.
    pace
        How many times slower the recording is taken to be at first; what the path then says of it
        is followed.
    costs
        Of the path; a frame gains about a fifth where the music fits. If jumps cost infinitely
        much, there is one stretch, whatever the recording leaves out or repeats.
    """
    notes = notes.sort_values("onset_s", kind="stable")
    start_s = float(notes["onset_s"].iloc[0])
    arrays = tuple(
        notes[name].to_numpy(np.float64) - shift
        for name, shift in (("onset_s", start_s), ("offset_s", start_s), ("velocity", 0.0))
    )
    pitch = notes["pitch"].to_numpy(np.int64)
    n_cells = (spectra.duration_s * LONG_FPS / FINEST) ** 2
    steps = _steps(n_cells * max(1.0, 1.0 / pace))
    pace, path = _free_path(spectra, arrays, pitch, pace, steps[0], costs)
    for before, frames in zip(steps[:-1], steps[1:], strict=True):
        path = _banded_path(spectra, arrays, pitch, pace, path, before, frames, costs)
    frame_s = steps[-1] / LONG_FPS
    stretches = []
    for audio, score in path.pieces(max(3, round(SAME_S * pace / frame_s))):
        frame, when = np.unique(score, return_index=True)
        if len(frame) > 1:
            midi_s = start_s + (frame + 0.5) * frame_s / pace
            stretches.append(Stretch(midi_s, (audio[when] + 0.5) * frame_s))
    return Course(slid(stretches, arrays[0] + start_s, pitch))


def _steps(n_cells: float) -> list[int]:
    """Return the spectral frames per frame of the path, rate by rate."""
    slower = max(1.0, np.sqrt(n_cells / MOST_CELLS))
    slower = min(slower, max(SLOW_S * LONG_FPS / FINEST, np.sqrt(n_cells / MORE_CELLS)))
    steps = [int(np.ceil(FINEST * slower / HOP)) * HOP]
    while steps[-1] > FINEST:
        steps.append(max(FINEST, -(-steps[-1] // (REFINEMENT * HOP)) * HOP))
    return steps


def _score_at(arrays, pitch, pace: float, frame_s: float):
    onset_s, offset_s, velocity = arrays
    return score_rolls(onset_s * pace, offset_s * pace, pitch, velocity, frame_s)


def _free_path(
    spectra: Spectra, arrays, pitch, pace: float, frames: int, costs: Costs
) -> tuple[float, Path]:
    """Return the path with everything compared, and the pace that it was found at."""
    audio = recording_rolls(spectra.long, spectra.reference, frames)
    frame_s = frames / LONG_FPS
    for search in range(MOST_SEARCHES):
        score = _score_at(arrays, pitch, pace, frame_s)
        everywhere = np.zeros(len(audio.rise), np.int64)
        path = follow(audio, score, everywhere, len(score.rise), frame_s, costs)
        better = min(max(pace * _slope(path), SLOWEST), FASTEST)
        if abs(np.log(better / pace)) < SAME_PACE or search == MOST_SEARCHES - 1:
            break
        pace = better
    return pace, path


def _slope(path: Path) -> float:
    """Return the recording's frames per frame of the score along a path, jumps left out."""
    audio = score = 1
    for piece_audio, piece_score in path.pieces(3):
        audio += len(piece_audio) - 1
        score += piece_score[-1] - piece_score[0]
    return audio / score


def _banded_path(
    spectra: Spectra,
    arrays,
    pitch,
    pace: float,
    path: Path,
    before: int,
    frames: int,
    costs: Costs,
) -> Path:
    """Return the path at a faster rate, around a slower one."""
    audio = recording_rolls(spectra.long, spectra.reference, frames)
    frame_s = frames / LONG_FPS
    score = _score_at(arrays, pitch, pace, frame_s)
    ratio = before / frames
    reach = int(np.ceil(max(BAND_S / frame_s, BAND_FRAMES * ratio)))
    width = min(2 * reach + 1, len(score.rise))
    time = (np.arange(len(audio.rise)) + 0.5) / ratio
    # Where the path pauses, the band stays; before its beginning and after its end it goes on.
    place = path.score[np.searchsorted(path.audio, time.astype(np.int64), "right").clip(1) - 1]
    outside = time - time.clip(path.audio[0], path.audio[-1] + 1)
    centre = (place + 0.5 + outside) * ratio
    first = np.rint(centre - width / 2).astype(np.int64).clip(0, len(score.rise) - width)
    return follow(audio, score, first, width, frame_s, costs)
