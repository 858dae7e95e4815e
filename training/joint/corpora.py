"""Piano and other instruments as one corpus, and as the localizer's sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pianoalign_lib.common.config import CorpusPaths, topic
from pianoalign_lib.corpora.recordings import audio_path, notes_path, read_index, write_index
from studies.instruments.names import CORPUS, PIANO

JOINT = "joint"  # the corpus, its topic and its folder of checkpoints
VARIANT = "localizer_joint"
PARTS = {"train": "train", "eval": "validation"}  # folders, and the split that is taken of each


def join_corpora(root: Path) -> None:
    """Put the recordings of both corpora, but those of the tests, side by side into ``data/joint``.

    Raises
    ------
    CorpusError
        If a corpus has not been rendered.
    """
    for part, split in PARTS.items():
        target, rows = CorpusPaths(root, JOINT).split(part), []
        for corpus in (PIANO, CORPUS):
            folder = CorpusPaths(root, corpus).split(part)
            for row in read_index(folder, split=split):
                for path_of in (audio_path, notes_path):
                    link = path_of(target, row.recording)
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.unlink(missing_ok=True)
                    link.symlink_to(path_of(folder, row.recording).resolve())
                rows.append(row)
        write_index(target, rows)


def joint_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return all parameters, with what topic ``joint`` says of the localizer laid over its topic.

    It has recordings of its own list only; the validation recordings of `strings` count, too.
    """
    settings, own = topic(params, "localizer"), topic(params, JOINT)["localizer"]
    kept_aside = settings["validation"]
    merged = {
        "copies": own["copies"],
        "share": own["share"],
        "validation": kept_aside | {"corpora": [*kept_aside["corpora"], CORPUS]},
        "variants": {VARIANT: own["variant"]},
    }
    return params | {"localizer": settings | merged}
