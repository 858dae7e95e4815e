"""Recordings that come with labels (MAPS, MAESTRO), in the form of every corpus: check, cut, write.

One whose files changed is converted again (:func:`.recordings.make_once`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf

from ..common.config import CorpusPaths, digest
from ..common.errors import CorpusError, PianoAlignError
from ..common.files import sha256_file
from ..common.progress import side_by_side
from ..io.audio import SAMPLE_RATE, load_audio
from .recordings import Planned, Recording, make_once, write_index, write_recording

log = logging.getLogger(__name__)
SLACK_S = 0.5  # by which an excerpt may be shorter than asked for
ReadLabels = Callable[[Path], pd.DataFrame]


@dataclass(frozen=True)
class Task(Planned):
    """A recording to convert."""

    room: str
    audio: Path
    labels: Path
    rates: tuple[int, ...]  # that the audio may have, in Hz; empty: any
    excerpt_s: float | None  # how much of its beginning is used; None: all


def convert_part(
    paths: CorpusPaths,
    part: str,
    tasks: list[Task],
    problems: Iterable[str],
    read_labels: ReadLabels,
    place: Path,
    jobs: int,
    allow_partial: bool,
) -> None:
    """Convert recordings and write the index of their part when all are there.

    Parameters
    ----------
    paths, part, jobs, allow_partial
        As for every corpus (:mod:`pianoalign_lib.corpora`).
    problems
        One line for each recording that has already failed.
    read_labels
        Returns the note table of a file of labels; a function that processes can share.
    place
        Where the files come from, for messages.

    Raises
    ------
    CorpusError
        If a recording is missing or broken; the log has one line for each.
    """
    folder = paths.split(part)
    work = partial(_convert_once, read_labels, folder)
    done = side_by_side(work, tasks, jobs, label=f"{paths.corpus} {part}")
    problems = [*problems, *(item for item in done if isinstance(item, str))]
    recordings = [item for item in done if isinstance(item, Recording)]
    for problem in problems:
        log.warning("%s", problem)
    if problems and not allow_partial:
        raise CorpusError(
            f"{place}: missing or broken recordings: {len(problems)} (listed above); complete the "
            "folder, or go on with the whole ones by --allow-partial"
        )
    if not recordings:
        raise CorpusError(f"{place}: holds no whole recording of this part; complete the folder")
    write_index(folder, recordings)


def _convert_once(read_labels: ReadLabels, folder: Path, task: Task) -> Recording | str:
    """Return a converted recording, or what is wrong with its files."""
    settings = asdict(task)
    try:
        files = [sha256_file(settings.pop(name)) for name in ("audio", "labels")]
        key = digest([files, settings])
        make = partial(_convert, task, read_labels, folder)
        return make_once(folder, task.recording, key, make)
    except PianoAlignError as error:
        return str(error)
    except OSError as error:
        reason = error.strerror or error
        return f"{error.filename or task.audio}: cannot be read ({reason}); get it again"


def _convert(task: Task, read_labels: ReadLabels, folder: Path) -> Recording:
    """Cut audio and notes to the excerpt and write both."""
    audio = _read_whole(task)
    notes = read_labels(task.labels)
    end_s, last_s = len(audio) / SAMPLE_RATE, float(notes["onset_s"].max())
    needed_s = last_s if task.excerpt_s is None else min(last_s, task.excerpt_s - SLACK_S)
    if needed_s > end_s:
        raise CorpusError(
            f"{task.labels}: has notes up to {last_s:.1f} s, but {task.audio.name} ends at "
            f"{end_s:.1f} s; get both again"
        )
    if task.excerpt_s is not None:
        audio = audio[: round(task.excerpt_s * SAMPLE_RATE)]
    duration_s = len(audio) / SAMPLE_RATE
    notes = _cut(notes, duration_s)
    if notes.empty:
        raise CorpusError(
            f"{task.labels}: has no notes in the first {duration_s:.0f} s; get it again"
        )
    return write_recording(folder, task, audio, notes, task.room)


def _read_whole(task: Task) -> np.ndarray:
    """Return the audio, mono at 16 kHz, after checking that the file is what its header says."""
    audio = load_audio(task.audio)  # refuses what cannot be read, is silent or no number
    header = sf.info(task.audio)
    if task.rates and header.samplerate not in task.rates:
        expected = " or ".join(map(str, task.rates))
        raise CorpusError(
            f"{task.audio}: has {header.samplerate} Hz instead of {expected}; get it again"
        )
    stated_s, found_s = header.frames / header.samplerate, len(audio) / SAMPLE_RATE
    if abs(stated_s - found_s) > 0.01 or _lacks_bytes(task.audio):
        raise CorpusError(f"{task.audio}: cut off after {found_s:.1f} s; get it again")
    return audio


def _lacks_bytes(path: Path) -> bool:
    """Return whether a WAV file is shorter than it says; libsndfile takes what there is."""
    with path.open("rb") as handle:
        start = handle.read(8)
    stated = int.from_bytes(start[4:], "little") + 8
    streamed = stated > 0xFFFFFFFF  # written without knowing the length
    # Some programs leave out the last padding byte.
    return start[:4] == b"RIFF" and not streamed and path.stat().st_size < stated - 1


def _cut(notes: pd.DataFrame, duration_s: float) -> pd.DataFrame:
    """Return the notes that start in the recording, none longer than it."""
    inside = notes[notes["onset_s"] < duration_s].reset_index(drop=True)
    inside["note_id"] = range(len(inside))
    return inside.assign(offset_s=inside["offset_s"].clip(upper=duration_s))
