"""MAESTRO (Hawthorne et al. 2019): human performances on Disklaviers, for those who have it.

A folder in the official layout is needed: ``maestro-v3.0.0.csv`` (or another version's) and the
files it names, below folders of years; mirdata keeps the same. MAESTRO is CC BY-NC-SA 4.0 and not
part of this repository.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..common.config import CorpusPaths, topic
from ..common.errors import CorpusError
from ..io.notes import read_midi
from .conversion import Task, convert_part
from .sources import corpus_folder

log = logging.getLogger(__name__)
VARIABLE = "PIANOALIGN_MAESTRO"
COLUMNS = ["canonical_composer", "canonical_title", "split", "midi_filename", "audio_filename"]
SPLITS = ("train", "validation", "test")
TEST_SET = "test"
HOW_TO_GET = (
    "give the folder with maestro-v3.0.0.csv (https://magenta.tensorflow.org/datasets/maestro) or "
    f"set {VARIABLE} to it"
)
read_labels = partial(read_midi, pedal=False)  # as in the piano roll of any MIDI file


def prepare_maestro(
    paths: CorpusPaths,
    params: dict[str, Any],
    part: str,
    jobs: int = 2,
    *,
    folder: str | Path | None = None,
    allow_partial: bool = False,
) -> None:
    """Prepare one part of MAESTRO, going on where an earlier run was stopped.

    Parameters are those of every corpus (:mod:`pianoalign_lib.corpora`); the variable is
    ``PIANOALIGN_MAESTRO``. Topic ``maestro``: excerpt_s, how much of each recording's beginning is
    used (None: all), and limit, for each split how many recordings, evenly spaced in the official
    list (without: all).

    Raises
    ------
    CorpusError
        If there is no MAESTRO, or a recording is missing or corrupt; the log has one line for each.
    """
    settings = topic(params, "maestro") or {}
    place = corpus_folder("MAESTRO", VARIABLE, HOW_TO_GET, folder, None)
    table = read_list(place)
    tasks = []
    for split in ("train",) if part == "train" else ("validation", "test"):
        of_split = table[table["split"] == split]
        limit = (settings.get("limit") or {}).get(split)
        count = len(of_split) if limit is None else min(limit, len(of_split))
        chosen = np.linspace(0, len(of_split) - 1, count).round().astype(int)
        for row in of_split.iloc[chosen].to_dict("records"):
            task = Task(
                recording=row["recording"],
                split=split,
                test_set=TEST_SET if split == "test" else "",
                performance=row["performance"],
                piano="Disklavier",
                room="real",
                audio=place / row["audio_filename"],
                labels=place / row["midi_filename"],
                rates=(),  # 44.1 or 48 kHz, depending on the year
                excerpt_s=settings.get("excerpt_s"),
            )
            tasks.append(task)
    convert_part(paths, part, tasks, [], read_labels, place, jobs, allow_partial)


def read_list(folder: Path) -> pd.DataFrame:
    """Return the official list of recordings, with a name and a ``performance`` for each.

    A composition that the list has in two splits is kept in the test split, else in validation.

    Raises
    ------
    CorpusError
        If there is no list, or it is not one of MAESTRO's.
    """
    # The newest version, should there be several.
    path = max(folder.glob("maestro-v*.csv"), default=None)
    if path is None:
        raise CorpusError(f"{folder}: holds no maestro-v*.csv; {HOW_TO_GET}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)[COLUMNS]
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CorpusError(f"{path}: not MAESTRO's list ({reason}); get it again") from error
    unknown = set(table["split"]) - set(SPLITS)
    table["recording"] = [Path(name).stem for name in table["audio_filename"]]
    if unknown or table.empty or table["recording"].duplicated().any():
        reason = f"splits {sorted(unknown)}" if unknown else "no recordings, or one twice"
        raise CorpusError(f"{path}: not MAESTRO's list ({reason}); get it again")
    named = table[["canonical_composer", "canonical_title"]].itertuples(index=False, name=None)
    table["performance"] = [composition(*pair) for pair in named]
    rank = table["split"].map(SPLITS.index)
    kept = rank == rank.groupby(table["performance"]).transform("max")
    for row in table[~kept].itertuples():
        log.warning(
            "%s: left out of %s, since %s is held out", row.recording, row.split, row.performance
        )
    return table[kept].reset_index(drop=True)


def composition(composer: str, title: str) -> str:
    """Return a composition's id: lower-case letters and digits of composer and title."""
    parts = []
    for text in (composer, title):
        # Titles differ in capitals, quotation marks and accents.
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        parts.append("-".join(re.findall(r"[a-z0-9]+", plain)))
    return "_".join(parts)
