"""Dynamic time warping by librosa, against a synthesis of the MIDI.

The recipe of librosa's tutorial on music synchronization and of pretty_midi's ``align_midi``: the
MIDI is played by a SoundFont (TimGM6mb, which comes with pretty_midi), both signals become
log-CQTs of 50 frames per second, and DTW with the cosine distance warps one on the other. Its
memory is quadratic in the length, 70 MiB for a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from pianoalign_lib.corpora.pianos import SoundFontPiano
from pianoalign_lib.crnn.features import compute_features
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.placement import Placement, placed
from pianoalign_lib.methods.dtw import map_onsets

FPS = 50
TAIL_S = 0.5  # after the last note
SILENCE = 0.01  # added to all levels (0 to 1), so that silence resembles silence


def start() -> None:
    """Import librosa, have it compile what it compiles, and load the SoundFont."""
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    note = {"pitch": [69], "velocity": [64], "onset_s": [0.0], "offset_s": [1.0]}
    warping_path(recording_features(tone), pd.DataFrame(note))


def prepare(audio: np.ndarray) -> Callable[[pd.DataFrame], Placement]:
    """Return a function that warps notes to a recording (mono, 16 kHz)."""
    recording = recording_features(audio)

    def align(notes: pd.DataFrame) -> Placement:
        path = warping_path(recording, notes)
        return placed(map_onsets(path, notes["onset_s"].to_numpy()))

    return align


def recording_features(audio: np.ndarray) -> np.ndarray:
    """Return the log-CQT of a recording [shape=(88, n_frames)]."""
    return compute_features(audio, "log_cqt", FPS).T + SILENCE


def warping_path(recording: np.ndarray, notes: pd.DataFrame) -> np.ndarray:
    """Warp notes to a recording.

    Parameters
    ----------
    recording : np.ndarray [shape=(88, n_frames)]
        From `recording_features`.
    notes
        Note table.

    Returns
    -------
    np.ndarray [shape=(2, N)]
        Seconds in the recording, ascending, and in the notes, strictly ascending.
    """
    from librosa.sequence import dtw

    sound = _synthesizer().render(notes, float(notes["offset_s"].max()) + TAIL_S)
    _, steps = dtw(recording_features(sound), recording, metric="cosine")
    frame, recording_frame = steps.T
    # Where a frame of the notes lasts over several of the recording: their mean.
    mean = np.bincount(frame, recording_frame) / np.bincount(frame)
    return np.stack([mean, np.arange(len(mean))]) / FPS


@cache
def _synthesizer() -> SoundFontPiano:
    return SoundFontPiano(Path(str(files("pretty_midi"))) / "TimGM6mb.sf2")
