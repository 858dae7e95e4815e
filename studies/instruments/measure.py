"""Every method on other instruments: the corpus ``strings``, real recordings, and the piano again.

What a method says of a corpus is kept in ``data/strings/predictions``; the scores go to
``results/demo/instruments.csv``, one row per corpus, test set, method, condition and calibration,
with the columns of :func:`pianoalign_lib.scoring.metrics.evaluate`. A method that cannot be run has
a row that says why, unless the file has its numbers: those are kept. So are those of a corpus that
is not here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.comparison import compare_scores
from pianoalign_lib.common.config import CorpusPaths, topic
from pianoalign_lib.common.errors import CorpusError, InputError
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.common.progress import side_by_side
from pianoalign_lib.corpora.recordings import (
    Recording,
    corpus_hash,
    load_recording,
    read_index,
)
from pianoalign_lib.corpora.sounding import note_latency
from pianoalign_lib.corpora.timing_errors import loose_notes
from pianoalign_lib.crnn.inference import use_one_thread
from pianoalign_lib.io.placement import NOT_HEARD, Aligner, Placement, placed
from pianoalign_lib.localizer.runner import WEIGHTS
from pianoalign_lib.methods.placing import prepare, prepare_localizer
from pianoalign_lib.methods.predict import prediction_rows
from pianoalign_lib.scoring.metrics import evaluate, evaluate_all
from pianoalign_lib.scoring.scores import write_scores

from .names import ALL, ALONE, CONDITIONS, CORPORA, CORPUS, FILE, METHODS, PIANO, TOLERANCES_MS

log = logging.getLogger(__name__)
AFTER = {"hybrid": "dtw", "basic_pitch": "cqt_dtw"}  # what warps the notes before
KEYS = ["corpus", "method"]
COSTED = ["test_set", "condition", "calibrated"]


def run_instruments(
    root: Path,
    params: dict[str, Any],
    corpora: Sequence[str],
    methods: Sequence[str] = METHODS,
    jobs: int = 1,
) -> pd.DataFrame:
    """Measure methods on corpora, and put their rows in place of earlier ones.

    Raises
    ------
    CorpusError
        If a corpus has not been rendered or imported; nothing is written then.
    """
    path = CorpusPaths(root, PIANO).results / FILE
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=KEYS)
    bootstrap = topic(params, "evaluation")["bootstrap"]
    plan = {
        corpus: [
            item
            for item in read_index(CorpusPaths(root, corpus).split("eval"), split="test")
            if corpus != PIANO or item.test_set == "test"
        ]
        for corpus in corpora
    }
    for corpus, recordings in plan.items():
        for method in (name for name in CORPORA[corpus] if name in methods):
            mine = (table["corpus"] == corpus) & (table["method"] == method)
            if reason := not_run(root, method):
                log.warning("%s: not run: %s", method, reason)
                if not mine.any():
                    row = {"corpus": corpus, "method": method, "not_run": reason}
                    table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
                continue
            work = partial(place_all, root, params, corpus, method)
            parts = side_by_side(work, recordings, jobs, label=f"{method} on {corpus}")
            frame = pd.concat(parts, ignore_index=True)
            kept = CorpusPaths(root, CORPUS).predictions / corpus / f"{method}.parquet"
            with atomic_path(kept) as temporary:
                frame.to_parquet(temporary, index=False)
            if corpus == CORPUS:
                frame = pd.concat([frame, frame.assign(test_set=ALL)], ignore_index=True)
            rows = evaluate(frame, TOLERANCES_MS, bootstrap["samples"], bootstrap["seed"])
            if corpus == PIANO and method in ALONE:
                before = kept.with_name(f"{ALONE[method]}.parquet")
                rows = rows.merge(piano_cost(frame, before, bootstrap), on=COSTED)
            if method == "none":
                rows = rows.merge(sound_after_label(frame), on="test_set")
                rows = rows.assign(recordings_sha256=corpus_hash(recordings))
            table = pd.concat([table[~mine], rows.assign(corpus=corpus)], ignore_index=True)
    table = _ordered(table)
    write_scores(path, table)
    return table


def not_run(root: Path, method: str) -> str:
    """Return why a method cannot be run here; empty if it can."""
    if method == "basic_pitch" and find_spec("basic_pitch") is None:
        return "basic-pitch is not installed ('make peers')"
    weights = {
        "crnn_joint": root / "checkpoints" / "joint" / "crnn.safetensors",
        "localizer_joint": WEIGHTS / "localizer_joint.onnx",
    }
    if method in weights and not weights[method].is_file():
        return "not trained: python -m training.joint"
    return ""


def prepared(
    root: Path, params: dict[str, Any], method: str, audio: np.ndarray
) -> tuple[Aligner | None, Aligner]:
    """Return what warps the notes before a method, if anything does, and the method itself."""
    before = AFTER.get(method)
    warp = None if before is None else _aligner(root, params, before, audio)
    own = "crnn" if method == "hybrid" else method
    return warp, _aligner(root, params, own, audio)


def _aligner(root: Path, params: dict[str, Any], method: str, audio: np.ndarray) -> Aligner:
    if method == "cqt_dtw":
        from benchmarks.field import cqt_dtw

        return cqt_dtw.prepare(audio)
    if method == "basic_pitch":
        from benchmarks.field import basic_pitch

        return basic_pitch.prepare(audio)
    if method == "localizer_joint":
        return prepare_localizer(audio, method)
    if method == "crnn_joint":
        return prepare("crnn_of_joint", audio, CorpusPaths(root, PIANO), params)
    return prepare(method, audio, CorpusPaths(root, PIANO), params)


def place_all(
    root: Path, params: dict[str, Any], corpus: str, method: str, recording: Recording
) -> pd.DataFrame:
    """Return one row per condition and note of a recording, as stored predictions have them."""
    use_one_thread()
    audio, notes = load_recording(CorpusPaths(root, corpus).split("eval"), recording)
    try:
        warp, align = prepared(root, params, method, audio)
    except InputError:  # too soft or too short for DTW
        warp, align = None, _left
    latency_s = note_latency(audio, notes)["latency_s"] if method == "none" else np.nan
    parts = []
    for condition in CONDITIONS:
        given = loose = loose_notes(notes, condition, recording.recording, params)
        try:
            if warp is not None:
                first = warp(loose)
                given = loose.assign(onset_s=first.onset_s, offset_s=first.ends_s(loose))
            found = align(given)
        except InputError:  # DTW finds no path
            found = _left(loose)
        rows = prediction_rows(recording, method, condition, notes, loose, given, found)
        parts.append(rows.assign(latency_s=latency_s))
    return pd.concat(parts, ignore_index=True)


def piano_cost(frame: pd.DataFrame, before: Path, bootstrap: dict[str, int]) -> pd.DataFrame:
    """Return how much less a method places within 10 ms than the one trained on the piano only.

    Parameters
    ----------
    frame
        What the method says.
    before
        File of what the other one says of the same recordings.

    Returns
    -------
    DataFrame
        test_set, condition, calibrated and cost_10ms with cost_10ms_lo and cost_10ms_hi, shares;
        the interval is paired.
    """
    if not before.is_file():
        raise CorpusError(f"{before}: not found; measure '{before.stem}' on {PIANO}, too")
    alone, both = before.stem, frame["method"].iloc[0]
    pair = pd.concat([pd.read_parquet(before), frame], ignore_index=True)
    _, each = evaluate_all(pair, TOLERANCES_MS, bootstrap["samples"], bootstrap["seed"])
    rows = []
    settings: dict[str, Any] = dict(bootstrap)
    for row in each[COSTED].drop_duplicates().to_dict("records"):
        settings |= {"test_set": row["test_set"], "calibrated": row["calibrated"]}
        found = compare_scores(each, alone, both, row["condition"], 10, **settings)
        cost = {"cost_10ms": found.difference, "cost_10ms_lo": found.lo, "cost_10ms_hi": found.hi}
        rows.append(row | cost)
    return pd.DataFrame(rows)


def sound_after_label(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how long after their labels isolated notes sound (:mod:`..corpora.sounding`).

    One row per test set: test_set, sound_median_s, sound_spread_s (between the quartiles) and
    n_sound, the notes that could be measured.
    """
    once = frame[frame["condition"] == CONDITIONS[0]].groupby("test_set")["latency_s"]
    quartiles = once.quantile(np.array([0.25, 0.5, 0.75])).unstack()
    spread_s = quartiles[0.75] - quartiles[0.25]
    columns = {"sound_median_s": quartiles[0.5], "sound_spread_s": spread_s}
    return pd.DataFrame(columns | {"n_sound": once.count()}).reset_index()


def _left(notes: pd.DataFrame) -> Placement:
    """Leave the notes where they are: they count as lost."""
    kept = placed(notes["onset_s"].to_numpy())
    return Placement(kept.onset_s, kept.confidence, np.full(len(notes), NOT_HEARD, object))


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in the order of corpora and methods, the columns in one that reads well."""
    for column in ("test_set", "condition", "calibrated", "not_run"):
        if column not in table:
            table[column] = np.nan
    rank = {name: place for place, name in enumerate((*CORPORA, *METHODS))}
    order = ["corpus", "test_set", "method", "condition", "calibrated"]
    by = [table[name].map(rank) if name in KEYS else table[name].astype(str) for name in order]
    rows = pd.concat(by, axis=1).sort_values(order, kind="stable").index
    first = [*order, "not_run"]
    columns = [*first, *(name for name in table if name not in first)]
    return table.loc[rows, columns].reset_index(drop=True)
