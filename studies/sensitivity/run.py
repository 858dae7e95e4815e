"""How far DTW, the networks and both in turn move under other readings of the paper.

Nothing is trained: the networks are those of the checkpoints, trained with our own timing errors.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mir_eval.util import match_events

from pianoalign_lib.common.config import CorpusPaths, digest, topic
from pianoalign_lib.common.errors import ConfigError, CorpusError
from pianoalign_lib.common.files import PACKAGE, atomic_path, sha256_file
from pianoalign_lib.common.progress import side_by_side
from pianoalign_lib.corpora.recordings import Recording, load_recording, read_index
from pianoalign_lib.crnn.inference import use_one_thread
from pianoalign_lib.scoring import bootstrap
from pianoalign_lib.scoring.metrics import EPSILON_S, count_hits
from pianoalign_lib.scoring.scores import write_scores

from .bench import Placed, prepare
from .readings import READINGS, TOLERANCES_MS, Reading

# The code that can change a tally: of the library, and this study's own.
CODE = [
    PACKAGE / "corpora" / "timing_errors.py",
    PACKAGE / "scoring" / "metrics.py",
    *(PACKAGE / "crnn").glob("*.py"),
    *(PACKAGE / "methods").glob("*.py"),
    *Path(__file__).parent.glob("*.py"),
]
# From matched, true and predicted onsets to hits and what they are a share of.
SHARES: dict[str, Callable[[int, int, int], tuple[int, int]]] = {
    "rematched": lambda right, true, found: (right, true),
    "recall": lambda right, true, found: (right, true),
    "precision": lambda right, true, found: (right, found),
    "f1": lambda right, true, found: (2 * right, true + found),
    "jaccard": lambda right, true, found: (right, true + found - right),
}


def run_sensitivity(
    paths: CorpusPaths,
    params: dict[str, Any],
    jobs: int = 2,
    readings: Sequence[Reading] = READINGS,
) -> Path:
    """Score every reading on test recordings and write ``sensitivity.csv``.

    What a recording says is kept below ``data/<corpus>/sensitivity`` as soon as it is known, so a
    stopped run goes on where it was; a change of code, parameters or checkpoints starts afresh.

    Topic ``sensitivity`` of `params` names the test set, the condition and how many recordings to
    take, evenly spaced over their names; `jobs` are processes side by side, of one thread each.

    Raises
    ------
    ConfigError, CorpusError, CheckpointError
        If the parameters are wrong, or the recordings or a checkpoint missing or corrupt.
    """
    settings = topic(params, "sensitivity")
    test_set, folder = settings["test_set"], paths.split("eval")
    found = [item for item in read_index(folder, split="test") if item.test_set == test_set]
    if not found:
        raise CorpusError(
            f"{folder}: no recordings of test set '{test_set}'; "
            "correct sensitivity.test_set in params.yaml"
        )
    found.sort(key=lambda item: item.recording)
    places = np.linspace(0, len(found) - 1, min(settings["recordings"], len(found)))
    chosen = [found[place] for place in places.round().astype(int)]
    files = sorted([*paths.checkpoints.glob("*"), *CODE])
    cache = paths.data / "sensitivity" / digest([readings, params, *map(sha256_file, files)])
    try_all = partial(_try_all, paths, params, readings, cache)
    tallies = pd.concat(side_by_side(try_all, chosen, jobs, label="sensitivity"))
    frame = summarise(tallies, readings, **topic(params, "evaluation")["bootstrap"])
    frame.insert(0, "test_set", test_set)
    frame.insert(1, "condition", settings["condition"])
    write_scores(paths.results / "sensitivity.csv", frame)
    for old in cache.parent.iterdir():
        if old != cache:
            shutil.rmtree(old, ignore_errors=True)
    return paths.results / "sensitivity.csv"


def _try_all(
    paths: CorpusPaths,
    params: dict[str, Any],
    readings: Sequence[Reading],
    cache: Path,
    recording: Recording,
) -> pd.DataFrame:
    """Return the tallies of one recording, one row per reading and method, from disk if there."""
    path = cache / f"{recording.recording}-{recording.sha256_audio[:12]}.parquet"
    if path.is_file():
        return pd.read_parquet(path)  # written whole or not at all
    use_one_thread()
    audio, notes = load_recording(paths.split("eval"), recording)
    place = prepare(audio, notes, recording.recording, paths, params)
    frame = pd.DataFrame(
        [
            {"reading": number, "method": method} | tally(reading, notes, place(method, reading))
            for number, reading in enumerate(readings)
            for method in reading.methods
        ]
    )
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)
    return frame


def tally(reading: Reading, notes: pd.DataFrame, found: Placed) -> dict[str, Any]:
    """Return what one recording says of one method under one reading.

    `notes` is the true note table, in the row order of `found`. The keys: n_notes; lost; hits and
    counted, for each tolerance (its bound included) the hits and what they are a share of, both
    integers, so that recordings can be pooled and drawn anew; errors_s, one per note, infinite for
    lost notes that are wrong, none at all if notes are matched anew.

    Raises
    ------
    ConfigError
        If extracted onsets are to be scored of a method that extracts none.
    """
    errors_s = np.abs(found.onset_s - notes["onset_s"].to_numpy())
    if reading.lost == "wrong":
        errors_s = np.where(found.placed, errors_s, np.inf)
    elif reading.lost == "left_out":
        errors_s = errors_s[found.placed]
    counts = [(hits, len(errors_s)) for hits in count_hits(errors_s, TOLERANCES_MS)]
    if reading.scoring != "identity":
        counts = [_matched(reading.scoring, notes, found, ms / 1000) for ms in TOLERANCES_MS]
        errors_s = errors_s[:0]
    hits, counted = zip(*counts, strict=True)
    sizes = {"n_notes": len(notes), "lost": np.count_nonzero(~found.placed)}
    return sizes | {"hits": hits, "counted": counted, "errors_s": errors_s}


def _matched(
    scoring: str, notes: pd.DataFrame, found: Placed, tolerance_s: float
) -> tuple[int, int]:
    """Match notes anew, by pitch and onset."""
    pitch, onset_s = notes["pitch"].to_numpy(), found.onset_s
    if scoring != "rematched":
        if found.detected is None:
            raise ConfigError(f"scoring '{scoring}' needs a network, which extracts onsets")
        pitch, onset_s = found.detected.pitch, found.detected.onset_s
    right = sum(
        len(match_events(true_s.to_numpy(), onset_s[pitch == p], tolerance_s + EPSILON_S))
        for p, true_s in notes.groupby("pitch")["onset_s"]
    )
    return SHARES[scoring](right, len(notes), len(onset_s))


def summarise(
    tallies: pd.DataFrame, readings: Sequence[Reading], samples: int, seed: int
) -> pd.DataFrame:
    """Pool the tallies of recordings, always in the same order: one row per reading and method.

    Returns
    -------
    DataFrame
        question, reading, label, method, is_ours, n_recordings, n_notes, acc_{T}ms (pooled share),
        acc_10ms_lo and acc_10ms_hi (95 % interval), median_abs_error_s (NaN if single notes have
        no error) and lost_share.
    """
    rows = []
    for number, method in dict.fromkeys(zip(tallies["reading"], tallies["method"], strict=True)):
        reading = readings[number]
        parts = tallies[(tallies["reading"] == number) & (tallies["method"] == method)]
        hits, counted = (np.stack(parts[name].to_list()) for name in ("hits", "counted"))
        shares = hits.sum(axis=0) / np.maximum(counted.sum(axis=0), 1)
        lo, hi = bootstrap.interval(hits[:, 1], counted[:, 1], samples, seed)  # 10 ms
        errors_s = np.concatenate(parts["errors_s"].to_list())
        rows.append(
            {
                "question": reading.question,
                "reading": reading.key,
                "label": reading.label,
                "method": method,
                "is_ours": reading.is_ours,
                "n_recordings": len(parts),
                "n_notes": parts["n_notes"].sum(),
                **{f"acc_{ms}ms": share for ms, share in zip(TOLERANCES_MS, shares, strict=True)},
                "acc_10ms_lo": lo,
                "acc_10ms_hi": hi,
                "median_abs_error_s": np.median(errors_s) if len(errors_s) else np.nan,
                "lost_share": parts["lost"].sum() / parts["n_notes"].sum(),
            }
        )
    return pd.DataFrame(rows)
