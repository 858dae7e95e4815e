"""parangonar 3.4.0 (Peter): audio-to-score alignment by a dynamic program over score onsets.

``AudioToScoreMatcher`` with its own settings. It aligns the onsets of a score, at which notes stand
together; a MIDI's onsets that lie within 40 ms are therefore taken as one, and its seconds as beats
of a tempo of 120.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pandas as pd

from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.placement import Placement, placed

GROUP_S = 0.04
BEATS_PER_S = 2.0  # the tempo of a MIDI file that names none


def start() -> None:
    """Import the tool and have it compile."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32)
    notes = pd.DataFrame({"pitch": [60, 64, 67], "onset_s": [0.5, 1.0, 1.5]})
    prepare(noise)(notes)


def prepare(audio: np.ndarray) -> Callable[[pd.DataFrame], Placement]:
    """Return a function that aligns notes to a recording (mono, 16 kHz)."""
    from joblib import parallel_config
    from parangonar import AudioToScoreMatcher
    from parangonar.match import audio_matchers

    # The matcher computes the same features of the recording at every call: once is enough.
    kept: list[tuple] = []
    compute = audio_matchers._compute_audio_features

    def features(**settings) -> tuple:
        if not kept:
            with parallel_config(backend="sequential"):
                kept.append(compute(**settings))
        return kept[0]

    def match(score: np.ndarray) -> list[dict]:
        with patch.object(audio_matchers, "_compute_audio_features", features):
            return AudioToScoreMatcher()(audio, score, sample_rate=SAMPLE_RATE)

    match(_score(np.array([0.0, 1.0]), np.array([60, 60])))

    def align(notes: pd.DataFrame) -> Placement:
        group, group_s = group_onsets(notes["onset_s"].to_numpy())
        matches = match(_score(group_s[group], notes["pitch"].to_numpy()))
        onset_s = np.empty(len(notes))
        rows = [int(match["score_id"]) for match in matches]
        onset_s[rows] = [match["performance_time"] for match in matches]
        return placed(onset_s)

    return align


def _score(onset_s: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Return notes as a score in the form that parangonar takes."""
    score = np.zeros(len(onset_s), [("onset_beat", "f8"), ("pitch", "i8"), ("id", "U16")])
    score["onset_beat"] = onset_s * BEATS_PER_S
    score["pitch"] = pitch
    score["id"] = np.arange(len(onset_s)).astype(str)
    return score


def group_onsets(onset_s: np.ndarray, width_s: float = GROUP_S) -> tuple[np.ndarray, np.ndarray]:
    """Gather onsets: a group begins with the first onset that no earlier group reaches.

    Returns
    -------
    group : np.ndarray [shape=(n,), dtype=int64]
        Of each onset.
    group_s : np.ndarray [shape=(n_groups,)]
        Mean onset of each group, ascending.
    """
    order = np.argsort(onset_s, kind="stable")
    ascending_s = onset_s[order]
    label = np.empty(len(onset_s), np.int64)
    first = n_groups = 0
    while first < len(ascending_s):
        end = int(np.searchsorted(ascending_s, ascending_s[first] + width_s, side="right"))
        label[first:end] = n_groups
        first, n_groups = end, n_groups + 1
    group = np.empty_like(label)
    group[order] = label
    return group, np.bincount(group, onset_s) / np.bincount(group)
