"""MAPS's recordings: found in a folder, in either layout, or fetched from the public mirror.

===========  ======================================================  ============================
layout       audio                                                   labels
===========  ======================================================  ============================
official     ``MAPS_MUS-<piece>_<instrument>.wav``, 44.1 kHz         ``.mid``, or ``.txt``
mirror       ``MAPS_MUS-<piece>_<instrument>.flac``, 16 kHz          ``.tsv``
===========  ======================================================  ============================

Files may lie at any depth; audio and labels belong together by name. The mirror is the folder
``data/MAPS`` of a public PyTorch version of *Onsets and Frames* (Hawthorne et al. 2018), at one
commit; each of its files is known by its git blob id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import chain
from pathlib import Path

import pandas as pd

from ...common.errors import CorpusError
from ..sources import Remote, fetch_files

VARIABLE = "PIANOALIGN_MAPS"
REAL = ("ENSTDkCl", "ENSTDkAm")  # the Disklavier; every other instrument is software
REPOSITORY = "jongwook/onsets-and-frames"
COMMIT = "783ca08498bb8ada41516c9ed492868b4e947abf"
BASE_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}/data/MAPS"
HOW_TO_GET = (
    "give the folder of MAPS (make repro CORPUS=maps MAPS=/path/to/MAPS), "
    "or run 'pianoalign data fetch --corpus maps' (about 310 MB)"
)
_NAME = re.compile(r"MAPS_MUS-(?P<piece>.+)_(?P<instrument>[A-Za-z0-9]+)")
# In this order: MAPS's .txt files have no velocities.
_LABELS = {".flac": (".tsv",), ".wav": (".mid", ".txt")}
_SUFFIXES = {*_LABELS, *chain(*_LABELS.values())}


def split_name(recording: str) -> tuple[str, str]:
    """Return piece and instrument of a recording's name, ``MAPS_MUS-<piece>_<instrument>``."""
    found = _NAME.fullmatch(recording)
    if not found:
        raise CorpusError(f"{recording}: not a name of MAPS (MAPS_MUS-<piece>_<instrument>)")
    return found["piece"], found["instrument"]


@cache
def listed() -> pd.DataFrame:
    """Return the recordings that the committed tables were computed on.

    Returns
    -------
    DataFrame
        recording, seconds, and the git blob ids of the mirror's files: flac_blob, tsv_blob.
    """
    with files(__package__).joinpath("listed.csv").open(encoding="utf-8") as handle:
        return pd.read_csv(handle)


def fetch_maps(target: Path, base_url: str = BASE_URL) -> None:
    """Download all listed recordings and their labels into ``target/flac`` and ``target/tsv``.

    Raises
    ------
    CorpusError
        If a file cannot be had, is not the listed one, or cannot be written.
    """
    files = [
        Remote(target / name, f"{base_url}/{name}", f"git:{blob}")
        for row in listed().itertuples()
        for name, blob in (
            (f"flac/{row.recording}.flac", row.flac_blob),
            (f"tsv/{row.recording}.tsv", row.tsv_blob),
        )
    ]
    remedy = (
        "run the command again, which goes on from here, or put the folders flac and tsv of "
        f"github.com/{REPOSITORY}, data/MAPS, commit {COMMIT[:10]}, into {target}"
    )
    fetch_files(files, label="fetch MAPS (310 MB)", remedy=remedy)


def find_sources(
    folder: Path, wanted: Iterable[str] | None
) -> tuple[dict[str, tuple[Path, Path]], dict[str, str]]:
    """Return the recordings in a folder, and what is wrong with those that are not whole.

    Parameters
    ----------
    folder
        MAPS's folder.
    wanted
        Names of the recordings that must be there; all others are left out. None: whatever the
        folder holds.

    Returns
    -------
    dict, dict
        name → files of audio and labels, where both are there; else name → what it lacks.

    Raises
    ------
    CorpusError
        If the folder holds nothing of MAPS's part MUS.
    """
    files: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.rglob("MAPS_MUS-*")):
        suffix = path.suffix.lower()
        if suffix in _SUFFIXES and _NAME.fullmatch(path.stem) and path.is_file():
            files.setdefault(path.stem, {}).setdefault(suffix, path)
    if not files:
        raise CorpusError(f"{folder}: holds no MAPS_MUS-*.flac or .wav at any depth; {HOW_TO_GET}")
    found, problems = {}, {}
    for name in sorted(files if wanted is None else wanted):
        own = files.get(name, {})
        pairs = [(own[a], own[b]) for a in _LABELS for b in _LABELS[a] if a in own and b in own]
        if pairs:
            found[name] = pairs[0]
            continue
        problems[name] = f"{folder}: {name} has no audio" + (", only labels" if own else "")
        for audio in _LABELS.keys() & own.keys():
            problems[name] = f"{own[audio]}: has no {' or '.join(_LABELS[audio])} with its labels"
    return found, problems
