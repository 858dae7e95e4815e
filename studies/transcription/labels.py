"""The labels to train on: a loose MIDI file of each training recording, as each method leaves it.

The networks of the paper that were trained on MAPS have heard these recordings with true labels, so
that those of the other corpus are used (``crnn_of_demo``). The localizer's weights have heard them,
too, and there are none that have not: its labels are an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import (
    HYBRID_VARIANT,
    CorpusPaths,
    corpus_paths,
    digest,
    topic,
)
from pianoalign_lib.common.errors import CheckpointError, CorpusError, InputError
from pianoalign_lib.common.files import PACKAGE, atomic_path, sha256_file
from pianoalign_lib.common.progress import side_by_side
from pianoalign_lib.corpora.recordings import Recording, load_recording, read_index
from pianoalign_lib.corpora.timing_errors import generator, loose_notes
from pianoalign_lib.crnn.inference import use_one_thread
from pianoalign_lib.io.placement import Aligner, Placement, placed
from pianoalign_lib.localizer.runner import WEIGHTS
from pianoalign_lib.methods.placing import HYBRID, prepare
from pianoalign_lib.scoring.metrics import count_hits
from pianoalign_lib.scoring.scores import write_scores

from .flaws import with_flaws
from .plan import QUALITY, TOPIC, Labels, planned, working_folder

DTW = "dtw"
Prepare = Callable[[str], Aligner]


def make_labels(paths: CorpusPaths, params: dict[str, Any], jobs: int = 1) -> Path:
    """Place the notes of all training recordings, and write how right the labels are.

    One Parquet file per recording, kept as soon as it is made: a stopped run goes on where it was.

    Returns
    -------
    Path
        ``transcription_labels.csv``: of each kind of labels the number of notes and of true ones,
        the share of wrong notes, and the share within each tolerance of their true onset.

    Raises
    ------
    CorpusError, CheckpointError
        If recordings or a checkpoint are missing or corrupt.
    """
    recordings = read_index(paths.split("train"), split="train")
    make = partial(_make_once, paths, params, label_folder(paths, params))
    tables = side_by_side(make, recordings, jobs, label="labels")
    true = sum(recording.n_notes for recording in recordings)
    tolerances_ms = topic(params, TOPIC)["tolerances_ms"]
    path = paths.results / QUALITY
    write_scores(path, quality(pd.concat(tables), planned(params), true, tolerances_ms))
    return path


def label_folder(paths: CorpusPaths, params: dict[str, Any]) -> Path:
    """Return the folder of the labels as settings, weights and code of the methods make them."""
    settings = topic(params, TOPIC)
    code = [file for room in ("localizer", "methods") for file in (PACKAGE / room).rglob("*.py")]
    code += [
        PACKAGE / "crnn" / f"{name}.py" for name in ("decoding", "features", "inference", "network")
    ]
    code += [Path(__file__), Path(__file__).with_name("flaws.py")]
    weights = [WEIGHTS / "localizer.onnx", *_checkpoints(paths, settings)]
    made_by = [settings[key] for key in ("timing", "methods", "flaws")]
    made_by += [params[key] for key in ("conditions", "perturbation_seed", "crnn", "decoding")]
    key = digest([*made_by, *map(sha256_file, sorted(code)), *map(sha256_file, weights)])
    return working_folder(paths) / "labels" / key


def read_labels(
    paths: CorpusPaths, params: dict[str, Any], recordings: list[Recording], kind: Labels
) -> list[pd.DataFrame]:
    """Return the note tables of one kind of labels, in the order of the recordings.

    Raises
    ------
    CorpusError
        If they have not been made, or are corrupt.
    """
    folder, tables = label_folder(paths, params), []
    for recording in recordings:
        path = _label_path(folder, recording)
        try:
            table = pd.read_parquet(path, filters=[("labels", "==", kind.name)])
        except (OSError, ValueError) as error:
            raise CorpusError(
                f"{path}: missing or corrupt; run 'python -m studies.transcription labels'"
            ) from error
        tables.append(table.reset_index(drop=True))
    return tables


def _make_once(
    paths: CorpusPaths, params: dict[str, Any], folder: Path, recording: Recording
) -> pd.DataFrame:
    path = _label_path(folder, recording)
    if path.is_file():
        return pd.read_parquet(path)  # written whole or not at all
    use_one_thread()
    audio, notes = load_recording(paths.split("train"), recording)
    aligners: dict[str, Aligner] = {}

    def prepared(method: str) -> Aligner:
        if method not in aligners:
            aligners[method] = _prepared(method, audio, paths, params)
        return aligners[method]

    table = labels_of(recording.recording, notes, prepared, params)
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)
    return table


def labels_of(
    recording: str, notes: pd.DataFrame, prepared: Prepare, params: dict[str, Any]
) -> pd.DataFrame:
    """Return all kinds of labels of a recording, one below the other.

    Parameters
    ----------
    recording
        Its name, which decides its errors.
    notes
        The true note table.
    prepared
        From the name of a method to what places notes of this recording.
    params
        All of ``params.yaml``.

    Returns
    -------
    pd.DataFrame
        Columns: labels (:attr:`.plan.Labels.name`), pitch, onset_s, offset_s, onset_true_s (NaN for
        a wrong note).
    """
    flaws = topic(params, TOPIC)["flaws"]
    true = notes.assign(onset_true_s=notes["onset_s"])
    tables = {False: true, True: with_flaws(true, flaws, generator(flaws["seed"], recording))}
    parts = []
    for kind in planned(params):
        loose = loose_notes(tables[kind.flawed], kind.timing, recording, params)
        placement, given = _place(kind.method, loose, prepared)
        label = given.assign(
            labels=kind.name, onset_s=placement.onset_s, offset_s=placement.ends_s(given)
        )
        # A method may say which notes are not there: a user drops them (not all, if it refuses
        # the file). Where all notes are known to be there, they stay.
        if kind.flawed and placement.heard.any():
            label = label[placement.heard]
        parts.append(label[["labels", "pitch", "onset_s", "offset_s", "onset_true_s"]])
    return pd.concat(parts, ignore_index=True)


def quality(
    labels: pd.DataFrame, kinds: list[Labels], n_true: int, tolerances_ms: list[float]
) -> pd.DataFrame:
    """Return a row per kind of labels: how many notes, and the share that is right."""
    rows: list[dict[str, Any]] = []
    for kind in kinds:
        own = labels[labels["labels"] == kind.name]
        error_s = (own["onset_s"] - own["onset_true_s"]).to_numpy()
        hits = count_hits(error_s, tolerances_ms)  # the error of a wrong note is NaN: never within
        shares = {
            f"acc_{ms:g}ms": hit / len(own) for ms, hit in zip(tolerances_ms, hits, strict=True)
        }
        wrong = float(own["onset_true_s"].isna().mean())
        rows.append(
            {"labels": kind.name, "n_notes": len(own), "n_true": n_true, "wrong_share": wrong}
            | shares
        )
    return pd.DataFrame(rows)


def _place(method: str, loose: pd.DataFrame, prepared: Prepare) -> tuple[Placement, pd.DataFrame]:
    """Return where a method puts the notes, and the table that it was given last."""
    family, _, trained_on = method.partition("_of_")
    if family != HYBRID:
        return _placed(prepared(method), loose), loose
    warped = _placed(prepared(DTW), loose)
    given = loose.assign(onset_s=warped.onset_s, offset_s=warped.ends_s(loose))
    return _placed(prepared(f"{HYBRID_VARIANT}_of_{trained_on}"), given), given


def _placed(aligner: Aligner, notes: pd.DataFrame) -> Placement:
    try:
        return aligner(notes)
    except InputError:  # DTW finds no path: a user has the file as it was
        return placed(notes["onset_s"].to_numpy(), np.zeros(len(notes), bool))


def _prepared(
    method: str, audio: np.ndarray, paths: CorpusPaths, params: dict[str, Any]
) -> Aligner:
    try:
        return prepare(method, audio, paths, params)
    except InputError as error:  # too soft for DTW
        refusal = error

        def refuse(notes: pd.DataFrame) -> Placement:
            raise refusal

        return refuse


def _checkpoints(paths: CorpusPaths, settings: dict[str, Any]) -> list[Path]:
    """Return the paper's networks behind the methods."""
    corpora = {method.partition("_of_")[2] for method in settings["methods"]} - {""}
    folders = [corpus_paths(name, paths.root).checkpoints for name in sorted(corpora)]
    files = [folder / f"{HYBRID_VARIANT}.safetensors" for folder in folders]
    for file in files:
        if not file.is_file():
            raise CheckpointError(f"{file}: not found; restore it from git")
    return files


def _label_path(folder: Path, recording: Recording) -> Path:
    return folder / f"{recording.recording}-{recording.sha256_audio[:12]}.parquet"
