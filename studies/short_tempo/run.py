"""Place the notes of short excerpts at wrong tempos by every method, and score them."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import HYBRID_VARIANT, CorpusPaths, digest, topic
from pianoalign_lib.common.errors import CorpusError, InputError
from pianoalign_lib.common.files import PACKAGE, atomic_path, sha256_file
from pianoalign_lib.common.progress import side_by_side
from pianoalign_lib.corpora.recordings import Recording, load_recording, read_index
from pianoalign_lib.corpora.timing_errors import generator
from pianoalign_lib.crnn.inference import use_one_thread
from pianoalign_lib.io.placement import Aligner, Placement
from pianoalign_lib.methods.placing import HYBRID, prepare
from pianoalign_lib.scoring.scores import write_scores
from studies.claims.statistics import of_performances

from .excerpts import at_tempo, cut, draw_starts

FILE = "short_tempo.csv"
BINS = 5  # of the time since an excerpt's first onset
KEYS = ["length_s", "tempo_percent", "method"]


def run_short_tempo(paths: CorpusPaths, params: dict[str, Any], jobs: int = 1) -> Path:
    """Score the methods of topic ``short_tempo`` and write ``short_tempo.csv``.

    What the methods say of a recording is kept below ``data/<corpus>/short_tempo`` as soon as it is
    known, so a stopped run goes on where it was; a change of code, parameters or checkpoints starts
    afresh.

    Raises
    ------
    CorpusError, CheckpointError
        If the recordings or a checkpoint are missing or corrupt.
    """
    settings, folder = topic(params, "short_tempo"), paths.split("eval")
    wanted = settings["test_set"]
    found = [item for item in read_index(folder, split="test") if item.test_set == wanted]
    if not found:
        raise CorpusError(
            f"{folder}: no recordings of test set '{wanted}'; "
            "correct short_tempo.test_set in params.yaml"
        )
    code = [PACKAGE / room for room in ("crnn", "localizer", "methods")]
    files = sorted(file for room in code for file in room.rglob("*.py"))
    files += [Path(__file__), Path(__file__).with_name("excerpts.py")]
    files += sorted((PACKAGE / "localizer").rglob("*.onnx"))
    files.append(paths.checkpoints / f"{HYBRID_VARIANT}.safetensors")
    kept = [settings, params["crnn"], params["decoding"], *map(sha256_file, files)]
    cache = paths.data / "short_tempo" / digest(kept)
    place_all = partial(_place_all, paths, params, cache)
    notes = pd.concat(side_by_side(place_all, found, jobs, label="short excerpts"))
    if notes.empty:
        raise CorpusError(f"{folder}: no recording of '{wanted}' is long enough for an excerpt")
    frame = summarise(notes, **topic(params, "evaluation")["bootstrap"])
    frame.insert(0, "test_set", wanted)
    write_scores(paths.results / FILE, frame)
    for old in cache.parent.iterdir():
        if old != cache:
            shutil.rmtree(old, ignore_errors=True)
    return paths.results / FILE


def _place_all(
    paths: CorpusPaths, params: dict[str, Any], cache: Path, recording: Recording
) -> pd.DataFrame:
    """Return one row per excerpt, tempo, method and note of a recording, from disk if there."""
    path = cache / f"{recording.recording}-{recording.sha256_audio[:12]}.parquet"
    if path.is_file():
        return pd.read_parquet(path)  # written whole or not at all
    use_one_thread()
    settings = topic(params, "short_tempo")
    audio, notes = load_recording(paths.split("eval"), recording)
    chosen = {"margin_s": settings["margin_s"], "least_notes": settings["least_notes"]}
    frames = []
    for length_s, count in zip(settings["lengths_s"], settings["excerpts"], strict=True):
        rng = generator(settings["seed"], recording.recording, str(length_s))
        onset_s = notes["onset_s"].to_numpy()
        starts = draw_starts(onset_s, recording.duration_s, length_s, count, rng, **chosen)
        for start_s in starts:
            sound, true = cut(audio, notes, start_s, length_s, settings["margin_s"])
            placed = place_excerpt(sound, true, paths, params)
            frames.append(placed.assign(length_s=length_s, start_s=start_s))
    if not frames:
        return pd.DataFrame()
    frame = pd.concat(frames, ignore_index=True)
    frame = frame.assign(recording=recording.recording, performance=recording.performance)
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)
    return frame


def place_excerpt(
    audio: np.ndarray, notes: pd.DataFrame, paths: CorpusPaths, params: dict[str, Any]
) -> pd.DataFrame:
    """Return where every method puts the notes of an excerpt at every tempo.

    Columns: tempo_percent, method, since_s (true onset since the first), error_s (signed) and
    placed. Where a method refuses the excerpt, its notes stay where they are and count as lost.
    """
    settings, reader = topic(params, "short_tempo"), HYBRID_VARIANT
    names = {reader if name == HYBRID else name for name in settings["methods"]}
    aligners = {name: _prepared(name, audio, paths, params) for name in sorted(names)}
    true_s = notes["onset_s"].to_numpy()
    frames = []
    for percent in settings["tempo_percent"]:
        given, warped = at_tempo(notes, percent), None
        for method in sorted(settings["methods"], key=(HYBRID).__eq__):  # the hybrid reads DTW
            table = given
            if method == HYBRID and warped is not None:
                table = given.assign(onset_s=warped.onset_s, offset_s=warped.ends_s(given))
            placement = _placed(aligners[reader if method == HYBRID else method], table)
            warped = placement if method == "dtw" else warped
            onset_s = table["onset_s"] if placement is None else placement.onset_s
            heard = np.zeros(len(notes), bool) if placement is None else placement.heard
            frames.append(
                pd.DataFrame(
                    {
                        "tempo_percent": percent,
                        "method": method,
                        "since_s": true_s - true_s.min(),
                        "error_s": np.asarray(onset_s) - true_s,
                        "placed": heard,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _prepared(
    name: str, audio: np.ndarray, paths: CorpusPaths, params: dict[str, Any]
) -> Aligner | None:
    try:
        return prepare(name, audio, paths, params)
    except InputError:  # too soft for DTW
        return None


def _placed(aligner: Aligner | None, notes: pd.DataFrame) -> Placement | None:
    try:
        return None if aligner is None else aligner(notes)
    except InputError:  # DTW finds no path
        return None


def summarise(notes: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
    """Return one row per excerpt length, tempo and method, and more by the time since the start.

    Columns: those; since_s and until_s (0 and the length: whole excerpts); n_excerpts,
    n_performances, n_notes; mean_abs_error_s with its standard error over performances
    (mean_abs_error_se, NaN for a single one), median_abs_error_s, lost_share.
    """
    rows = []
    for values, part in notes.groupby(KEYS, sort=True):
        key = dict(zip(KEYS, values, strict=True))
        length_s = float(part["length_s"].iloc[0])
        edges = np.linspace(0.0, length_s, BINS + 1)
        spans = [(0.0, length_s), *zip(edges[:-1], edges[1:], strict=True)]
        for since_s, until_s in spans:
            inside = part[(part["since_s"] >= since_s) & (part["since_s"] < until_s)]
            if len(inside):
                span = {"since_s": since_s, "until_s": until_s}
                rows.append(key | span | _scores(inside, samples, seed))
    return pd.DataFrame(rows)


def _scores(notes: pd.DataFrame, samples: int, seed: int) -> dict[str, float]:
    size_s = notes["error_s"].abs()
    by = size_s.groupby(notes["performance"])
    sums, counts = by.sum().to_numpy(), by.size().to_numpy()
    error = np.nan
    if len(counts) > 1:
        error = of_performances(sums[:, None], counts, _first, samples, seed).error
    return {
        "n_excerpts": len(notes[["recording", "start_s"]].drop_duplicates()),
        "n_performances": len(counts),
        "n_notes": len(notes),
        "mean_abs_error_s": float(size_s.mean()),
        "mean_abs_error_se": error,
        "median_abs_error_s": float(size_s.median()),
        "lost_share": float(1 - notes["placed"].mean()),
    }


def _first(means: np.ndarray) -> np.ndarray:
    return means[:, 0]
