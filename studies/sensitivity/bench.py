"""One recording under every reading: timing errors drawn anew, then placed by each method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from pianoalign_lib.common.config import HYBRID_VARIANT, CorpusPaths, topic, variant_config
from pianoalign_lib.common.errors import ConfigError
from pianoalign_lib.corpora.timing_errors import (
    SHORTEST_S,
    conditions,
    generator,
    loose_notes,
    shifted,
)
from pianoalign_lib.crnn.checkpoints import load_checkpoint
from pianoalign_lib.crnn.decoding import DetectedOnsets, detect_onsets, give_onsets, match_notes
from pianoalign_lib.crnn.features import compute_features
from pianoalign_lib.crnn.inference import RecordingEncoder
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.methods.dtw import audio_features, map_notes, note_features, warping_path
from pianoalign_lib.methods.placing import HYBRID

from .readings import Reading

CHORD_S = 0.03  # notes that start within this much of a chord's first one belong to it
KNOT_S = 4.0  # between the knots of the smooth curve: the tempo then errs by a few percent
GRID_S = 0.01  # the paper's frame


class Placed(NamedTuple):
    """Where a method puts the notes of a table, in its row order [shapes (n_notes,)]."""

    onset_s: np.ndarray
    placed: np.ndarray
    detected: DetectedOnsets | None = None  # what its network found, before any went to a note


def prepare(
    audio: np.ndarray,
    notes: pd.DataFrame,
    recording: str,
    paths: CorpusPaths,
    params: dict[str, Any],
) -> Callable[[str, Reading], Placed]:
    """Return a function that places the notes by a method under a reading.

    What readings share is computed once. Takes mono audio of 16 kHz, the true note table, the
    name of the recording, the corpus whose checkpoints are used, and all of ``params.yaml``.
    """
    loose = cache(lambda errors: loosen(notes, errors, recording, params))
    features = cache(lambda rate, clock: audio_features(audio, rate=rate, true_clock=clock))

    @cache
    def warped(errors: str, rate: int, true_clock: bool, onsets: bool) -> pd.DataFrame:
        sound = features(rate, true_clock)
        score = note_features(loose(errors), rate=sound.rate)
        if not onsets:  # costs of zero leave the chroma to decide
            sound, score = (replace(x, dlnco=np.zeros_like(x.dlnco)) for x in (sound, score))
        return map_notes(warping_path(sound, score), loose(errors))

    def given(method: str, errors: str, *dtw: Any) -> pd.DataFrame:
        return warped(errors, *dtw) if method in ("dtw", HYBRID) else loose(errors)

    @cache
    def network(method: str) -> tuple[RecordingEncoder, int, float]:
        name = HYBRID_VARIANT if method == HYBRID else method
        variant = variant_config(params, name)
        model, info = load_checkpoint(paths.checkpoints / f"{name}.safetensors", expected=variant)
        spectrum = compute_features(audio, variant.representation, variant.fps)
        return RecordingEncoder(model, spectrum, variant.fps), variant.fps, info.threshold

    posterior = cache(lambda method, *how: network(method)[0].posterior(given(method, *how)))

    def place(method: str, reading: Reading) -> Placed:
        how = (reading.errors, reading.dtw_rate, reading.dtw_true_clock, reading.dtw_onsets)
        table = given(method, *how)
        if method in ("none", "dtw"):
            return Placed(table["onset_s"].to_numpy(), np.ones(len(table), bool))
        _, fps, chosen = network(method)
        threshold = chosen if reading.threshold is None else reading.threshold
        detected = detect_onsets(posterior(method, *how), fps, threshold, reading.dip_depth)
        reach_ms = reading.max_shift_ms or params["decoding"]["max_shift_ms"]
        # `match_notes` adds up what lost notes cost: its largest reach must be a number.
        reach_s = min(reach_ms / 1000.0, len(audio) / SAMPLE_RATE)
        onset_s, _, placed = give_onsets(table, detected, reach_s, MATCHINGS[reading.matching])
        return Placed(onset_s, placed, detected)

    return place


def loosen(notes: pd.DataFrame, kind: str, recording: str, params: dict[str, Any]) -> pd.DataFrame:
    """Return `notes` with timing errors of one kind.

    All move a note by at most the size of the condition, ±100 ms, and come from a generator of
    their own, seeded by recording and kind; ``independent`` are the pipeline's, to the last bit.

    Raises
    ------
    ConfigError
        If the kind is unknown, or the condition has errors other than per note.
    """
    name = topic(params, "sensitivity")["condition"]
    condition = conditions(params)[name]
    if condition.tempo_percent or condition.drift_percent or condition.offset_s:
        raise ConfigError(f"params.yaml: sensitivity.condition '{name}': only note_ms is meant")
    ours = loose_notes(notes, name, recording, params)
    if kind == "independent":
        return ours
    rng = generator(params["perturbation_seed"], recording, kind)
    size_s = condition.note_ms / 1000.0
    if kind == "offsets":  # the pipeline's onsets, but offsets with errors of their own
        offset_s = notes["offset_s"] + rng.uniform(-size_s, size_s, len(notes))
        return ours.assign(offset_s=np.maximum(offset_s, ours["onset_s"] + SHORTEST_S))
    onset_s, ours_s = (table["onset_s"].to_numpy() for table in (notes, ours))
    return shifted(notes, _shift_s(kind, onset_s, ours_s, size_s, rng))


def _shift_s(
    kind: str, onset_s: np.ndarray, ours_s: np.ndarray, size_s: float, rng: np.random.Generator
) -> np.ndarray:
    """Return by how much each note is moved; `ours_s` are the pipeline's loose onsets."""
    if kind == "again":
        return rng.uniform(-size_s, size_s, len(onset_s))
    if kind == "chord":
        chord = np.zeros(len(onset_s), int)
        count, first_s = -1, -np.inf
        for row in np.argsort(onset_s, kind="stable"):
            if onset_s[row] > first_s + CHORD_S:
                count, first_s = count + 1, onset_s[row]
            chord[row] = count
        return rng.uniform(-size_s, size_s, count + 1)[chord]
    if kind == "gaussian":
        return np.clip(rng.normal(0.0, size_s / 2, len(onset_s)), -size_s, size_s)
    if kind == "ordered":
        # The k-th note gets the k-th of the moved onsets. If no note was moved by more than
        # `size_s`, neither is any after sorting.
        rank = np.argsort(np.argsort(onset_s, kind="stable"), kind="stable")
        return np.sort(ours_s)[rank] - onset_s
    if kind == "smooth":
        knots_s = np.arange(0.0, onset_s.max() + 2 * KNOT_S, KNOT_S)
        # Monotone between its knots (Fritsch & Carlson), so never beyond them.
        return PchipInterpolator(knots_s, rng.uniform(-size_s, size_s, len(knots_s)))(onset_s)
    if kind == "grid":
        steps = int(size_s / GRID_S + 1e-9)
        return GRID_S * rng.integers(-steps, steps, len(onset_s), endpoint=True)
    raise ConfigError(f"unknown kind of errors '{kind}'")


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


# From input onsets, detected ones and the reach to the onset that each note takes, -1 for none.
MATCHINGS: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "in_order": match_notes,
    "count": _count,
    "greedy": _greedy,
    "nearest": _nearest,
}
