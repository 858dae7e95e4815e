"""Other people's recordings with notes beside them, as MIDI or JAMS; GuitarSet is one such folder.

A file of notes belongs to the recording of the same name, in the same folder if there is one, else
anywhere below; in GuitarSet (Xi et al., ISMIR 2018; mirdata's layout: ``annotation/NAME.jams``,
``audio_mono-mic/NAME_mic.wav``) to the reference microphone's. All of it is for tests: nothing says
which recordings play the same music.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..common.config import CorpusPaths
from ..common.errors import ConfigError, CorpusError, InputError
from ..io.audio import SOUND_SUFFIXES
from ..io.notes import HIGHEST_PITCH, LOWEST_PITCH, apply_pedal, note_table, read_midi
from .conversion import Task, convert_part
from .sources import corpus_folder

VARIABLES = {"guitarset": "PIANOALIGN_GUITARSET", "folder": "PIANOALIGN_FOLDER"}
NOTES = (".jams", ".mid", ".midi")  # where there are several of a name, the first counts
MICROPHONE = "_mic"  # ends the name of GuitarSet's recording by the reference microphone
TEST_SET = "test"
VELOCITY = 64  # of notes that come without one


def prepare_annotated(
    paths: CorpusPaths,
    params: dict[str, Any],
    part: str,
    jobs: int = 2,
    *,
    folder: str | Path | None = None,
    allow_partial: bool = False,
) -> None:
    """Prepare a folder as the test part of ``guitarset`` or ``folder``.

    Parameters are those of every corpus (:mod:`pianoalign_lib.corpora`), but that `params` says
    nothing; the variable is ``PIANOALIGN_GUITARSET`` or ``PIANOALIGN_FOLDER``. Where notes and
    sound lie in one folder below the given one, that is the name of the test set, else ``test``.

    Raises
    ------
    ConfigError
        If the training part is asked for, or the package ``jams`` is needed and not installed.
    CorpusError
        If there is no folder, or a recording is missing or broken; the log has one line for each.
    """
    if part == "train":
        raise ConfigError(f"{paths.corpus}: has no training part; all of it is tested on")
    variable = VARIABLES.get(paths.corpus, VARIABLES["folder"])
    how_to_get = f"give it (--folder /path/to/it) or set {variable} to it"
    place = corpus_folder(f"The folder of {paths.corpus}", variable, how_to_get, folder, None)
    tasks, problems = find_pairs(place)
    if any(task.labels.suffix.lower() == ".jams" for task in tasks):
        _jams()  # before any process asks for it
    convert_part(paths, part, tasks, problems, read_notes, place, jobs, allow_partial)


def find_pairs(place: Path) -> tuple[list[Task], list[str]]:
    """Return the recordings below a folder that have notes, and a line for each that lacks sound.

    Raises
    ------
    CorpusError
        If no file holds notes.
    """
    files = sorted(path for path in place.rglob("*") if path.is_file())
    sounds = [path for path in files if path.suffix.lower() in SOUND_SUFFIXES]
    labels: dict[Path, Path] = {}
    for suffix in NOTES:
        for path in files:
            if path.suffix.lower() == suffix:
                labels.setdefault(path.with_suffix(""), path)
    if not labels:
        raise CorpusError(f"{place}: holds no notes ({', '.join(NOTES)}); name another folder")
    often = Counter(path.name for path in labels)
    tasks, problems = [], []
    for path, notes in sorted(labels.items()):
        named = [it for it in sounds if it.stem in (path.name, path.name + MICROPHONE)]
        named = [it for it in named if it.parent == path.parent] or named
        if len(named) != 1:
            found = f"{len(named)} recordings" if named else "no recording"
            problems.append(f"{notes}: has {found} of its name; leave one")
            continue
        within, together = path.relative_to(place).parts, named[0].parent == path.parent
        test_set = within[0] if together and len(within) > 1 else TEST_SET
        name = path.name if often[path.name] == 1 else "_".join(within)
        plan = (name, "test", test_set, name, test_set, "real")
        tasks.append(Task(*plan, audio=named[0], labels=notes, rates=(), excerpt_s=None))
    return tasks, problems


def read_notes(path: Path) -> pd.DataFrame:
    """Return the note table of a MIDI or JAMS file, each note until its key or string is let go."""
    return read_jams(path) if path.suffix.lower() == ".jams" else read_midi(path, pedal=False)


def read_jams(path: Path) -> pd.DataFrame:
    """Return the note table of all annotations ``note_midi`` and ``note_hz`` of a JAMS file.

    GuitarSet has one for each string. Pitches are rounded to semitones; a velocity is taken where
    the annotation's ``sandbox`` has a list of them, as in files that this library writes.

    Raises
    ------
    InputError
        If the file is no JAMS file, or has no notes on the 88 keys.
    """
    jams, rows = _jams(), []
    try:
        for found in jams.load(str(path), validate=False).annotations:
            if found.namespace in ("note_midi", "note_hz"):
                notes = jams.nsconvert.convert(found, "note_midi").data
                velocity = getattr(found.sandbox, "velocity", None) or [VELOCITY] * len(notes)
                pairs = zip(notes, velocity, strict=True)
                rows += [(it.value, level, it.time, it.time + it.duration) for it, level in pairs]
        pitch, velocity, onset_s, offset_s = np.array(rows, float).reshape(-1, 4).T
    except (OSError, ValueError, TypeError, KeyError, AttributeError, jams.JamsError) as error:
        reason = (str(error).splitlines() or ["not JSON"])[0]
        raise InputError(f"{path}: not a readable JAMS file ({reason}); get it again") from error
    pitch = np.rint(pitch)
    on_keys = (pitch >= LOWEST_PITCH) & (pitch <= HIGHEST_PITCH) & (onset_s >= 0)
    if not on_keys.any():
        raise InputError(f"{path}: has no notes (note_midi, note_hz); get it again")
    columns = (pitch, velocity, onset_s, np.maximum(offset_s, onset_s + 1e-3))
    return apply_pedal(note_table(*(column[on_keys] for column in columns)), [])


def _jams() -> Any:
    try:
        import jams
    except ImportError as error:
        raise ConfigError(
            f"JAMS needs the package jams ({error.name} is missing): pip install 'pianoalign[jams]'"
        ) from error
    return jams
