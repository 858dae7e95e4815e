"""One recording on which every reading is tried; what readings share is computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ...common.config import HYBRID_VARIANT, CorpusPaths, VariantConfig, variant_config
from ...common.errors import ConfigError
from ...crnn.checkpoints import load_checkpoint
from ...crnn.decoding import DetectedOnsets, detect_onsets, place_notes
from ...crnn.features import compute_features
from ...crnn.inference import RecordingEncoder
from ...methods.dtw import map_notes
from ...methods.predict import HYBRID
from .dtw import DtwBench
from .errors import loosen
from .readings import Reading


@dataclass(frozen=True)
class Placed:
    """Where a method puts the notes of a table, in its row order [shapes (n_notes,)].

    `detected` are the onsets its network found, before any was given to a note; None without one.
    """

    onset_s: np.ndarray
    placed: np.ndarray
    detected: DetectedOnsets | None = None


class Bench:
    """A recording and the methods.

    Parameters
    ----------
    audio : np.ndarray [shape=(n_samples,)]
        Mono, 16 kHz.
    notes
        Its true note table.
    recording
        Its name.
    paths, params
        The corpus whose checkpoints are used, and all of ``params.yaml``.
    """

    def __init__(
        self,
        audio: np.ndarray,
        notes: pd.DataFrame,
        recording: str,
        paths: CorpusPaths,
        params: dict[str, Any],
    ) -> None:
        self._audio, self._notes, self._recording = audio, notes, recording
        self._paths, self._params = paths, params
        self._dtw = DtwBench(audio)
        self._kept: dict[tuple, Any] = {}

    def place(self, method: str, reading: Reading) -> Placed:
        """Place the notes, given with the reading's errors, by a method under a reading.

        Parameters
        ----------
        method
            ``none``, ``dtw``, ``hybrid`` or a variant of ``params.yaml``.

        Raises
        ------
        CheckpointError, ConfigError, InputError
            If a checkpoint is missing, the reading asks for something unknown, or DTW finds no
            path.
        """
        placing = replace(
            reading, question="", key="", label="", methods=(), lost="kept", scoring="identity"
        )
        return self._once(("placed", method, placing), lambda: self._place(method, reading))

    def _place(self, method: str, reading: Reading) -> Placed:
        given = self._given(method, reading)
        if method in ("none", "dtw"):
            return Placed(given["onset_s"].to_numpy(), np.ones(len(given), bool))
        name = HYBRID_VARIANT if method == HYBRID else method
        variant, encoder, chosen = self._network(name)
        warped = (reading.dtw_rate, reading.dtw_true_clock, reading.dtw_onsets)
        key = ("posterior", name, reading.errors, warped if method == HYBRID else None)
        posterior = self._once(key, lambda: encoder.posterior(given))
        threshold = chosen if reading.threshold is None else reading.threshold
        detected = detect_onsets(posterior, variant.fps, threshold, reading.dip_depth)
        reach_ms = reading.max_shift_ms or self._params["decoding"]["max_shift_ms"]
        # `match_notes` adds up what lost notes cost: its largest reach must be a number.
        reach_s = min(reach_ms / 1000.0, len(posterior) / variant.fps)
        if reading.matching == "in_order":
            onset_s, _, placed = place_notes(
                given, posterior, variant.fps, threshold, reach_s, reading.dip_depth
            )
        else:
            onset_s, placed = match(reading.matching, given, detected, reach_s)
        return Placed(onset_s, placed, detected)

    def _given(self, method: str, reading: Reading) -> pd.DataFrame:
        """Return the notes that a method is given; for ``dtw`` those it returns."""
        loose = self._once(
            ("loose", reading.errors),
            lambda: loosen(self._notes, reading.errors, self._recording, self._params),
        )
        if method not in ("dtw", HYBRID):
            return loose
        settings = (reading.dtw_rate, reading.dtw_true_clock, reading.dtw_onsets)
        return self._once(
            ("warped", reading.errors, *settings),
            lambda: map_notes(self._dtw.path(loose, *settings), loose),
        )

    def _network(self, name: str) -> tuple[VariantConfig, RecordingEncoder, float]:
        variant = variant_config(self._params, name)
        kind = (variant.representation, variant.fps)
        features = self._once(("features", *kind), lambda: compute_features(self._audio, *kind))

        def load() -> tuple[VariantConfig, RecordingEncoder, float]:
            path = self._paths.checkpoints / f"{name}.safetensors"
            model, info = load_checkpoint(path, expected=variant)
            return variant, RecordingEncoder(model, features, variant.fps), info.threshold

        return self._once(("network", name), load)

    def _once(self, key: tuple, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def match(
    rule: str, notes: pd.DataFrame, detected: DetectedOnsets, reach_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give detected onsets to notes by one of :data:`MATCHINGS`, pitch by pitch.

    Returns
    -------
    onset_s, placed : np.ndarray [shape=(n_notes,)]
        In the row order of `notes`; the input onset where a note is lost.

    Raises
    ------
    ConfigError
        If the rule is unknown.
    """
    if rule not in MATCHINGS:
        raise ConfigError(f"unknown matching '{rule}'; use one of {', '.join(MATCHINGS)}")
    pitch = notes["pitch"].to_numpy()
    onset_s = notes["onset_s"].to_numpy(dtype=np.float64, copy=True)
    placed = np.zeros(len(notes), bool)
    in_order = np.lexsort((onset_s, pitch))
    for p in np.unique(pitch):
        rows = in_order[pitch[in_order] == p]
        found_s = detected.onset_s[detected.pitch == p]
        index = MATCHINGS[rule](onset_s[rows], found_s, reach_s)
        chosen = index >= 0
        onset_s[rows[chosen]] = found_s[index[chosen]]
        placed[rows[chosen]] = True
    return onset_s, placed


def _count(onset_s: np.ndarray, found_s: np.ndarray, reach_s: float) -> np.ndarray:
    """The n-th onset goes to the n-th note, however far; notes beyond the last onset are lost."""
    index = np.arange(len(onset_s))
    return np.where(index < len(found_s), index, -1)


def _nearest(onset_s: np.ndarray, found_s: np.ndarray, reach_s: float) -> np.ndarray:
    """Each note takes the onset nearest to it within reach, even one that another has taken."""
    if not len(found_s):
        return np.full(len(onset_s), -1)
    distance_s = np.abs(onset_s[:, None] - found_s[None, :])
    return np.where(distance_s.min(axis=1) <= reach_s, distance_s.argmin(axis=1), -1)


def _greedy(onset_s: np.ndarray, found_s: np.ndarray, reach_s: float) -> np.ndarray:
    """Each note in turn takes the nearest onset within reach behind that of the note before."""
    index, first = np.full(len(onset_s), -1), 0
    for note, time_s in enumerate(onset_s):
        distance_s = np.abs(found_s[first:] - time_s)
        if len(distance_s) and distance_s.min() <= reach_s:
            index[note] = first + distance_s.argmin()
            first = index[note] + 1
    return index


MATCHINGS: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "count": _count,
    "greedy": _greedy,
    "nearest": _nearest,
}
