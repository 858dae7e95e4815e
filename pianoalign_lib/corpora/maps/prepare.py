"""Bring MAPS's recordings into the form of every corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...common.config import CorpusPaths, topic
from ...io.audio import SAMPLE_RATE
from ..conversion import Task, convert_part
from ..sources import corpus_folder
from .folder import HOW_TO_GET, REAL, VARIABLE, Source, find_sources, listed, split_name
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
    sources, problems = find_sources(place, wanted)
    # What is missing takes part in the draw: the split does not depend on it.
    parts = split([*(source.recording for source in sources), *problems], settings)
    mine = {name for name, (of, _) in parts.items() if (of == "train") == (part == "train")}
    convert_part(
        [
            _task(source, parts[source.recording], settings["excerpt_s"])
            for source in sources
            if source.recording in mine
        ],
        [line for name, line in problems.items() if name in mine],
        read_labels,
        paths.split(part),
        place=place,
        jobs=jobs,
        allow_partial=allow_partial,
        label=f"maps {part}",
    )


def _task(source: Source, part: tuple[str, str], excerpt_s: float) -> Task:
    """Return what to do: a software piano's recording is cut, the Disklavier's kept whole."""
    piece, piano = split_name(source.recording)
    return Task(
        recording=source.recording,
        split=part[0],
        test_set=part[1],
        performance=piece,
        piano=piano,
        room=ROOMS.get(piano, "software"),
        audio=source.audio,
        labels=source.labels,
        rates=(RATES[source.audio.suffix.lower()],),
        excerpt_s=None if piano in REAL else excerpt_s,
    )
