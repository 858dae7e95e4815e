"""Bring MAPS's recordings into the form of every corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...common.config import CorpusPaths, topic
from ...io.audio import SAMPLE_RATE
from ..conversion import Task, convert_part
from ..sources import corpus_folder
from .folder import HOW_TO_GET, REAL, VARIABLE, find_sources, listed, split_name
from .labels import read_labels
from .split import split

RATES = {".flac": SAMPLE_RATE, ".wav": 44_100}
ROOMS = {"ENSTDkCl": "real, close microphones", "ENSTDkAm": "real, ambient microphones"}


def prepare_maps(
    paths: CorpusPaths,
    params: dict[str, Any],
    part: str,
    jobs: int = 2,
    *,
    folder: str | Path | None = None,
    allow_partial: bool = False,
) -> None:
    """Prepare one part of MAPS, going on where an earlier run was stopped.

    Parameters are those of every corpus (:mod:`pianoalign_lib.corpora`); the variable is
    ``PIANOALIGN_MAPS``.

    Raises
    ------
    CorpusError
        If there is no MAPS, or a recording of the part is missing or corrupt; the log has one line
        for each.
    """
    settings = topic(params, "maps")
    place = corpus_folder("MAPS", VARIABLE, HOW_TO_GET, folder, paths.sources)
    wanted = listed()["recording"].tolist() if settings["recordings"] == "listed" else None
    found, problems = find_sources(place, wanted)
    # What is missing takes part in the draw: the split does not depend on it.
    parts = split([*found, *problems], settings)
    mine = {name for name, (of, _) in parts.items() if (of == "train") == (part == "train")}
    tasks = []
    for name in sorted(mine & found.keys()):
        (audio, labels), (piece, piano) = found[name], split_name(name)
        task = Task(
            recording=name,
            split=parts[name][0],
            test_set=parts[name][1],
            performance=piece,
            piano=piano,
            room=ROOMS.get(piano, "software"),
            audio=audio,
            labels=labels,
            rates=(RATES[audio.suffix.lower()],),
            excerpt_s=None if piano in REAL else settings["excerpt_s"],
        )
        tasks.append(task)
    lines = [line for name, line in problems.items() if name in mine]
    convert_part(paths, part, tasks, lines, read_labels, place, jobs, allow_partial)
