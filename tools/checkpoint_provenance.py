"""Which code made each shipped checkpoint, and what it does with the example of the README.

``checkpoints/provenance.csv`` has one row per checkpoint:

- ``sha256`` of the file;
- ``commit`` and ``date``: what brought this very file into the repository, beside its code;
- ``settings``: of the paper's networks, digest of the variant, its training and its recordings, as
  the file itself says; of the localizers, digest of the topic ``localizer`` in that commit's
  ``params.yaml``;
- ``within_10_ms``, ``mean_error_s``, ``mean_confidence`` on ``examples/recording.flac``, its notes
  moved by up to ±100 ms each.

``python -m tools.checkpoint_provenance`` writes it, in a clone with its history, after a release;
``tests/test_checkpoints.py`` compares.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from pianoalign_lib.common.config import corpus_paths, digest, load_params, project_root
from pianoalign_lib.common.files import sha256_file, write_text
from pianoalign_lib.corpora.timing_errors import Condition, generator, perturb
from pianoalign_lib.crnn.checkpoints import load_checkpoint
from pianoalign_lib.io.audio import load_audio
from pianoalign_lib.localizer.runner import WEIGHTS
from pianoalign_lib.methods.placing import prepare, prepare_localizer

TARGET = "checkpoints/provenance.csv"


def shipped(root: Path) -> list[Path]:
    """Return the checkpoints in the repository."""
    found = sorted((root / "checkpoints").glob("*/*.safetensors"))
    return [
        *sorted(WEIGHTS.glob("*.onnx")),
        *sorted((root / "checkpoints").glob("*/*.onnx")),
        *found,
    ]


def settings(root: Path, path: Path, commit: str) -> str:
    """Return the digest of what a checkpoint was trained with."""
    if path.suffix == ".onnx":
        return digest(yaml.safe_load(_git(root, "show", f"{commit}:params.yaml"))["localizer"])
    _, info = load_checkpoint(path)
    return digest([info.variant, info.training, info.corpus_sha256])


def scores(root: Path, path: Path) -> dict[str, float]:
    """Return what a checkpoint's method does with the example."""
    corpus, method = path.parent.name, path.stem
    notes = pd.read_csv(root / "examples" / "true_notes.csv")
    loose = perturb(notes, Condition("note100", note_ms=100), generator(0, "example"))
    audio = load_audio(root / "examples" / "recording.flac")
    if path.suffix == ".onnx":
        place = prepare_localizer(audio, method, path.parent)
    else:
        place = prepare(method, audio, corpus_paths(corpus, root), load_params(root, corpus))
    placement = place(loose)
    error_s = np.abs(placement.onset_s - notes["onset_s"].to_numpy())
    return {
        "within_10_ms": float(np.mean(error_s <= 0.010)),
        "mean_error_s": float(error_s.mean()),
        "mean_confidence": float(np.nanmean(placement.confidence)),
    }


def _brought_by(root: Path, path: Path) -> tuple[str, str]:
    """Return the commit that brought the very contents of a file, and its date."""
    blob = _git(root, "hash-object", str(path))
    log = _git(root, "log", "--reverse", "--format=%H %as", f"--find-object={blob}")
    commit, date = log.splitlines()[0].split()
    return commit, date


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def main() -> None:
    root = project_root()
    rows: list[dict[str, Any]] = []
    for path in shipped(root):
        commit, date = _brought_by(root, path)
        row = {
            "checkpoint": path.relative_to(root).as_posix(),
            "sha256": sha256_file(path),
            "commit": commit,
            "date": date,
            "settings": settings(root, path, commit),
        }
        rows.append(row | scores(root, path))
    table = pd.DataFrame(rows).to_csv(index=False, float_format="%.6f", lineterminator="\n")
    write_text(root / TARGET, table)


if __name__ == "__main__":
    main()
