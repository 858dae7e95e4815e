"""Tools run on excerpts: where each places the notes, and, of fewer excerpts, what that costs.

What was found on an excerpt is kept in ``data/<corpus>/field/parts``, so that a run that was
stopped goes on where it was. From there, :mod:`.predictions` takes the notes, and
:mod:`.measured` the costs.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pianoalign_lib.common.config import HYBRID_VARIANT, CorpusPaths, digest
from pianoalign_lib.common.errors import CheckpointError
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.common.progress import progress
from pianoalign_lib.corpora.performances import DRY
from pianoalign_lib.io.audio import SAMPLE_RATE

from .excerpts import Excerpt, field_excerpts, measured_excerpts
from .measure import Task, measure, one_thread, stored_key
from .project import LOCALIZERS
from .registry import tool, versions
from .table import CONDITIONS, MAIN

log = logging.getLogger(__name__)


def field_folder(paths: CorpusPaths) -> Path:
    """Return the folder of what was found on a corpus."""
    return paths.data / "field"


def run_field(
    paths: CorpusPaths,
    params: dict[str, Any],
    method: str,
    *,
    costs: bool = False,
    test_sets: Collection[str] | None = None,
    jobs: int = 1,
) -> dict[str, Any]:
    """Run a tool on the excerpts of a corpus.

    Parameters
    ----------
    paths
        The corpus's folders; the ``eval`` part must have been rendered.
    params
        All of ``params.yaml``.
    method
        One of :data:`~benchmarks.field.registry.TOOLS`; the tool it comes ``after`` first.
    costs
        On the fewer excerpts, under all timing errors, for what it costs.
    test_sets
        Those to run on; by default all.
    jobs
        Processes side by side, each with one thread.

    Returns
    -------
    dict
        ``versions`` and ``weights`` of the tool, or ``not_run``: why it could not be run.

    Raises
    ------
    ConfigError
        If the tool is unknown.
    CorpusError
        If a recording is missing, or the results of the tool before.
    CheckpointError
        If the weights of one of the project's own methods are missing.
    """
    if reason := tool(method).not_run.get(paths.corpus):
        return {"not_run": reason}
    try:
        installed = versions(method)
    except importlib.metadata.PackageNotFoundError as error:
        return _not_run(method, f"{error.name} is not installed")
    one_thread()
    tasks = field_tasks(paths, params, method, installed, costs)
    wanted = [task for task in tasks if not test_sets or task.excerpt.test_set in test_sets]
    todo = [task for task in wanted if stored_key(task.path) != task.key]
    try:
        # Fresh processes, which a tool's memory and start are measured in.
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            done = pool.map(partial(measure, paths, params), todo)
            for _ in progress(done, total=len(todo), label=f"field {method}"):
                pass
    except ImportError as error:
        return _not_run(method, f"it cannot be imported ({error})")
    return {"versions": installed, "weights": _weights(method, paths)}


def field_tasks(
    paths: CorpusPaths,
    params: dict[str, Any],
    method: str,
    installed: dict[str, str],
    costs: bool = False,
) -> list[Task]:
    """Return what there is to do for a tool, one task for each excerpt."""
    excerpts = measured_excerpts(paths) if costs else field_excerpts(paths)
    if tool(method).rate != SAMPLE_RATE:  # rooms are simulated at that rate
        excerpts = [each for each in excerpts if each.source.room == DRY]
    conditions = CONDITIONS if costs else (MAIN,)
    parts = field_folder(paths) / ("measured" if costs else "parts")
    return [_task(paths, params, method, each, installed, conditions, parts) for each in excerpts]


def _task(
    paths: CorpusPaths,
    params: dict[str, Any],
    method: str,
    excerpt: Excerpt,
    installed: dict[str, str],
    conditions: tuple[str, ...],
    parts: Path,
) -> Task:
    name = f"{excerpt.recording}.parquet"
    what = [excerpt.source.sha256_audio, excerpt.length_s, installed]
    how = [params["perturbation_seed"], params["conditions"], conditions, _weights(method, paths)]
    after, listener = tool(method).after, tool(method).heard_by or method
    known = versions(listener) if tool(method).heard_by else installed
    before = parts / after / name if after else None
    return Task(
        method=method,
        excerpt=excerpt,
        path=parts / method / name,
        key=digest([*what, *how, stored_key(before) if before else ""]),
        heard_path=field_folder(paths) / "heard" / listener / name,
        heard_key=digest([*what[:2], known]),
        before_path=before,
        conditions=conditions,
        rate=tool(method).rate,
    )


def _weights(method: str, paths: CorpusPaths) -> str:
    """Return the hash of the project's weights behind a method."""
    path = paths.checkpoints / f"{HYBRID_VARIANT}.safetensors"
    if method in LOCALIZERS:
        from pianoalign_lib.localizer.runner import WEIGHTS

        path = WEIGHTS / f"{method}.onnx"
    elif method not in ("crnn", "hybrid"):
        return ""
    if not path.is_file():
        raise CheckpointError(f"{path}: not found; restore it from git or train it")
    return sha256_file(path)


def _not_run(method: str, reason: str) -> dict[str, Any]:
    log.warning("%s is not run: %s; install the peers ('make peers')", method, reason)
    return {"not_run": reason}
