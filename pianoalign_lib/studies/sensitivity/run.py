"""How far DTW, the networks and both in turn move under other readings of the paper.

The readings are declared in :mod:`.readings`. Nothing is trained: the
networks are those of the checkpoints, trained with our own timing errors.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...common.config import HYBRID_VARIANT, CorpusPaths, digest, topic
from ...common.errors import CheckpointError, CorpusError
from ...common.files import PACKAGE, atomic_path, sha256_file
from ...common.progress import progress
from ...corpora.recordings import Recording, load_recording, read_index
from .bench import Bench
from .readings import READINGS, Reading
from .scoring import Tally, summarise, tally

SENSITIVITY = "sensitivity.csv"


def run_sensitivity(
    paths: CorpusPaths,
    params: dict[str, Any],
    jobs: int = 2,
    readings: Sequence[Reading] = READINGS,
) -> Path:
    """Score every reading on test recordings and write ``sensitivity.csv``.

    What a recording says is kept below ``data/<corpus>/sensitivity`` as soon as it is known, so a
    stopped run goes on where it was; a change of code, parameters or checkpoints starts afresh.

    Parameters
    ----------
    paths
        The corpus's folders; the ``eval`` part must have been rendered.
    params
        All of ``params.yaml``; topic ``sensitivity`` names the test set, the condition and how many
        recordings to take (evenly spaced over their names).
    jobs
        Processes side by side, each with one thread.
    readings
        What to try.

    Returns
    -------
    Path
        The CSV file: test_set, condition and the columns of
        :func:`~.scoring.summarise`.

    Raises
    ------
    ConfigError
        If the parameters or a reading ask for something unknown.
    CorpusError, CheckpointError
        If the recordings or a checkpoint are missing or corrupt.
    """
    recordings = choose_recordings(paths, topic(params, "sensitivity"))
    cache = paths.data / "sensitivity" / _fingerprint(paths, params, readings)
    with ProcessPoolExecutor(jobs) as pool:
        run = partial(_try_all, paths, params, tuple(readings), cache)
        done = list(progress(pool.map(run, recordings), total=len(recordings), label="sensitivity"))
    bootstrap = topic(params, "evaluation")["bootstrap"]
    frame = summarise(
        [
            (reading, method, [_read_tally(part, reading, method) for part in done])
            for reading in readings
            for method in reading.methods
        ],
        bootstrap["samples"],
        bootstrap["seed"],
    )
    frame.insert(0, "test_set", params["sensitivity"]["test_set"])
    frame.insert(1, "condition", params["sensitivity"]["condition"])
    target = paths.results / SENSITIVITY
    with atomic_path(target) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")
    for old in cache.parent.iterdir():
        if old != cache:
            shutil.rmtree(old, ignore_errors=True)
    return target


def choose_recordings(paths: CorpusPaths, settings: dict[str, Any]) -> list[Recording]:
    """Return up to ``recordings`` recordings of the test set, evenly spaced over their names.

    Raises
    ------
    CorpusError
        If the test set has none.
    """
    found = [
        item
        for item in read_index(paths.split("eval"), split="test")
        if item.test_set == settings["test_set"]
    ]
    if not found:
        raise CorpusError(
            f"{paths.split('eval')}: no recordings of test set '{settings['test_set']}'; "
            "correct sensitivity.test_set in params.yaml"
        )
    found.sort(key=lambda item: item.recording)
    count = min(settings["recordings"], len(found))
    return [found[place] for place in np.linspace(0, len(found) - 1, count).round().astype(int)]


def _try_all(
    paths: CorpusPaths,
    params: dict[str, Any],
    readings: tuple[Reading, ...],
    cache: Path,
    recording: Recording,
) -> pd.DataFrame:
    """Return the tallies of one recording, one row per reading and method, from disk if there."""
    path = cache / f"{recording.recording}-{recording.sha256_audio[:12]}.parquet"
    if path.is_file():
        return pd.read_parquet(path)  # written whole or not at all
    import torch

    torch.set_num_threads(1)
    audio, notes = load_recording(paths.split("eval"), recording)
    bench = Bench(audio, notes, recording.recording, paths, params)
    frame = pd.DataFrame(
        [
            {"question": reading.question, "reading": reading.key, "method": method}
            | asdict(tally(reading, notes, bench.place(method, reading)))
            for reading in readings
            for method in reading.methods
        ]
    )
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)
    return frame


def _read_tally(frame: pd.DataFrame, reading: Reading, method: str) -> Tally:
    chosen = frame[
        (frame["question"] == reading.question)
        & (frame["reading"] == reading.key)
        & (frame["method"] == method)
    ]
    row = chosen.iloc[0]
    return Tally(*(row[name] for name in ("n_notes", "lost", "hits", "counted", "errors_s")))


def _fingerprint(paths: CorpusPaths, params: dict[str, Any], readings: Sequence[Reading]) -> str:
    """Return digits that change with anything that can change a tally, but for the audio."""
    methods = {HYBRID_VARIANT, *(method for reading in readings for method in reading.methods)}
    names = sorted(methods & set(topic(params, "variants")))
    checkpoints = [paths.checkpoints / f"{name}.safetensors" for name in names]
    missing = [str(path) for path in checkpoints if not path.is_file()]
    if missing:
        raise CheckpointError(f"{', '.join(missing)}: not found; restore from git or train")
    code = sorted(PACKAGE.rglob("*.py"))
    topics = ("sensitivity", "conditions", "perturbation_seed", "decoding", "crnn", "variants")
    return digest(
        [
            [asdict(reading) for reading in readings],
            [topic(params, name) for name in topics],
            [sha256_file(path) for path in [*checkpoints, *code]],
        ]
    )
