"""The field side by side: every tool on the same excerpts and notes, measured and stored.

``data/<corpus>/field/<method>.parquet`` holds one row per test set, recording, condition and note,
``<method>_cost.csv`` what it cost, ``<method>.json`` the versions or why the tool was not run. What
was measured on an excerpt is kept in ``parts``, so that a run that was stopped goes on where it
was.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from pianoalign_lib.common.config import HYBRID_VARIANT, CorpusPaths, digest
from pianoalign_lib.common.errors import CheckpointError
from pianoalign_lib.common.files import atomic_path, sha256_file, write_text
from pianoalign_lib.common.progress import progress
from pianoalign_lib.tables.tools import CONDITIONS

from .excerpts import Excerpt, field_excerpts
from .measure import Task, measure, one_thread, stored_key
from .registry import tool, versions

log = logging.getLogger(__name__)


def field_folder(paths: CorpusPaths) -> Path:
    """Return the folder of what was measured on a corpus."""
    return paths.data / "field"


def run_field(paths: CorpusPaths, params: dict[str, Any], method: str, jobs: int = 1) -> Path:
    """Measure a tool on all excerpts of a corpus.

    Parameters
    ----------
    paths
        The corpus's folders; the ``eval`` part must have been rendered.
    params
        All of ``params.yaml``.
    method
        One of :data:`~benchmarks.field.registry.TOOLS`; the tool it comes ``after`` first.
    jobs
        Processes side by side, each with one thread.

    Returns
    -------
    Path
        The JSON file with the tool's versions, or with the reason why it was not run.

    Raises
    ------
    ConfigError
        If the tool is unknown.
    CorpusError
        If a recording is missing, or the results of the tool before.
    CheckpointError
        If the weights of one of the project's own methods are missing.
    """
    tool(method)
    excerpts = field_excerpts(paths)
    folder = field_folder(paths)
    try:
        installed = versions(method)
    except importlib.metadata.PackageNotFoundError as error:
        return _not_run(folder, method, f"{error.name} is not installed")
    one_thread()
    tasks = [_task(paths, params, method, excerpt, installed) for excerpt in excerpts]
    todo = [task for task in tasks if stored_key(task.path) != task.key]
    try:
        # Fresh processes, which a tool's memory and start are measured in.
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            done = pool.map(partial(measure, paths, params), todo)
            for _ in progress(done, total=len(todo), label=f"field {method}"):
                pass
    except ImportError as error:
        return _not_run(folder, method, f"it cannot be imported ({error})")
    gather(folder, method, [(task.excerpt, task.path) for task in tasks])
    return _note(folder, method, {"versions": installed})


def _task(
    paths: CorpusPaths,
    params: dict[str, Any],
    method: str,
    excerpt: Excerpt,
    installed: dict[str, str],
) -> Task:
    folder, name = field_folder(paths), f"{excerpt.recording}.parquet"
    what = [excerpt.source.sha256_audio, excerpt.length_s, installed]
    how = [params["perturbation_seed"], params["conditions"], CONDITIONS, _weights(method, paths)]
    after = tool(method).after
    before = folder / "parts" / after / name if after else None
    return Task(
        method=method,
        excerpt=excerpt,
        path=folder / "parts" / method / name,
        key=digest([*what, *how, stored_key(before) if before else ""]),
        heard_path=folder / "heard" / method / name,
        heard_key=digest(what),
        before_path=before,
    )


def _weights(method: str, paths: CorpusPaths) -> str:
    """Return the hash of the project's weights behind a method."""
    path = paths.checkpoints / f"{HYBRID_VARIANT}.safetensors"
    if method == "localizer":
        from pianoalign_lib.localizer.runner import DEFAULT, WEIGHTS

        path = WEIGHTS / f"{DEFAULT}.onnx"
    elif method not in ("crnn", "hybrid"):
        return ""
    if not path.is_file():
        raise CheckpointError(f"{path}: not found; restore it from git or train it")
    return sha256_file(path)


def gather(folder: Path, method: str, parts: list[tuple[Excerpt, Path]]) -> None:
    """Write the rows and the costs of all excerpts into one file each."""
    frames, costs = [], []
    for excerpt, path in parts:
        frame = pd.read_parquet(path)
        whole = {
            name: frame.attrs[name]
            for name in ("duration_s", "start_cpu_s", "prepare_cpu_s", "peak_mib")
        }
        names = {"test_set": excerpt.test_set, "recording": excerpt.recording, "method": method}
        costs += [names | whole | cost for cost in frame.attrs["conditions"]]
        frame.attrs = {}
        frames.append(frame)
    with atomic_path(folder / f"{method}.parquet") as temporary:
        pd.concat(frames, ignore_index=True).to_parquet(temporary, index=False)
    with atomic_path(folder / f"{method}_cost.csv") as temporary:
        pd.DataFrame(costs).to_csv(temporary, index=False, lineterminator="\n")


def _not_run(folder: Path, method: str, reason: str) -> Path:
    log.warning("%s is not run: %s; install the peers ('make peers')", method, reason)
    return _note(folder, method, {"not_run": reason})


def _note(folder: Path, method: str, note: dict[str, Any]) -> Path:
    path = folder / f"{method}.json"
    write_text(path, json.dumps(note, indent=2, sort_keys=True) + "\n")
    return path
