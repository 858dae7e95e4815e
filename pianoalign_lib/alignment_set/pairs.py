"""Which recording belongs to which MIDI file: a table of both, or two folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

import pandas as pd

from ..common.errors import InputError
from ..io.audio import SOUND_SUFFIXES
from ..io.given import has_text
from ..io.midi_score import SCORE_SUFFIXES

COLUMNS = ("recording", "midi")
TAKEN = ("summary", "manifest", "overview")  # by what is written over all pairs
RULE = (
    "a recording and a MIDI file belong together where their paths below the two folders are the "
    "same but for the suffix"
)


@dataclass(frozen=True)
class Pair:
    """A recording and the MIDI file of the same music; `name` says where results go."""

    name: str
    recording: Path
    midi: Path


def read_pairs(source: str | Path, midi_folder: str | Path | None = None) -> list[Pair]:
    """Return the pairs of a table, or of two folders.

    Parameters
    ----------
    source
        A CSV file with the columns ``recording`` and ``midi``, paths from the table's folder on,
        and perhaps ``name``: where results go, by default the recording's path from the folder of
        all recordings on, without suffix. Or a folder of recordings.
    midi_folder
        The folder of MIDI files: those belong together whose paths below the two folders are the
        same but for the suffix. What has no partner makes a pair with a file that is not there, so
        that it is told with the other failures.

    Raises
    ------
    InputError
        If the table or a folder cannot be read or holds nothing, or two results had one name.
    """
    source = Path(source)
    pairs = _matched(source, midi_folder) if midi_folder is not None else _listed(source)
    if not pairs:
        raise InputError(f"{source}: holds no pairs; name recordings and MIDI files")
    for pair in pairs:
        parts = PurePath(pair.name).parts
        is_file = parts and not pair.name.endswith("/") and pair.name.casefold() not in TAKEN
        if not is_file or PurePath(pair.name).is_absolute() or ".." in parts:
            raise InputError(f"{source}: '{pair.name}' is no name for a result; choose another")
        for path in (Path(pair.name), pair.recording, pair.midi):
            if not has_text(path):
                raise InputError(
                    f"{source}: the name {str(path)!a} is not in UTF-8; rename the file"
                )
    often, count = Counter(pair.name.casefold() for pair in pairs).most_common(1)[0]
    if count > 1:
        raise InputError(
            f"{source}: {count} pairs would be written as '{often}'; give each its own name in a "
            "column 'name'"
        )
    return pairs


def _listed(path: Path) -> list[Pair]:
    """Return the pairs of a table."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name the folder of MIDI files after it, or a table")
    try:
        with path.open(encoding="utf-8") as file:
            separator = max(",;\t", key=file.readline().count)  # spreadsheets write any of these
        table = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, skipinitialspace=True
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a CSV file") from error
    except ValueError as error:  # not UTF-8, no columns, rows of different lengths
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is no readable CSV file ({reason}); export it again") from error
    table.columns = table.columns.str.strip().str.lower()
    if missing := [name for name in COLUMNS if name not in table]:
        raise InputError(
            f"{path}: has no column {' and no column '.join(missing)}; its first line must be "
            "'recording,midi' or 'recording,midi,name'"
        )
    empty = (table[list(COLUMNS)] == "").any(axis=1)
    if empty.any():
        raise InputError(f"{path}: row {int(empty.argmax()) + 2} names no file; fill or delete it")
    recordings, midis = ([path.parent / each for each in table[name]] for name in COLUMNS)
    names = table["name"].tolist() if "name" in table else _names(recordings)
    return [Pair(*each) for each in zip(names, recordings, midis, strict=True)]


def _names(recordings: list[Path]) -> list[str]:
    """Return the paths of files from their common folder on, without suffix."""
    full = [Path(os.path.abspath(path)) for path in recordings]
    base = os.path.commonpath([path.parent for path in full]) if full else ""
    return [path.relative_to(base).with_suffix("").as_posix() for path in full]


def _matched(recordings: Path, midis: str | Path) -> list[Pair]:
    """Return the pairs of two folders, in the order of their names."""
    sounds = _by_name(recordings, SOUND_SUFFIXES)
    scores = _by_name(Path(midis), SCORE_SUFFIXES)
    return [
        Pair(
            name,
            sounds.get(name, recordings / f"{name}.wav"),
            scores.get(name, Path(midis) / f"{name}.mid"),
        )
        for name in sorted(sounds.keys() | scores.keys())
    ]


def _by_name(folder: Path, suffixes: Iterable[str]) -> dict[str, Path]:
    """Return the files below a folder by their paths without suffix."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; name one of recordings, then one of MIDI files")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file():
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise InputError(f"{path}: {found[name].name} has the same name; keep one of them")
            found[name] = path
    return found
