"""Render the quiet corpus: excerpts of performances and made studies, softly played, dry.

Rooms, noise and coding are added in training (``training/localizer/augment.py``). What is played is
kept as MIDI beside the sources, so that the note tables come from files as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths, digest, topic
from pianoalign_lib.common.files import fetched
from pianoalign_lib.corpora.asap.folder import HOW_TO_GET, VARIABLE, find_performances
from pianoalign_lib.corpora.asap.pianos import CalibratedPiano, load_training_piano
from pianoalign_lib.corpora.asap.render import cuts
from pianoalign_lib.corpora.performances import Excerpt, read_performance, render_part
from pianoalign_lib.corpora.pianos import Piano
from pianoalign_lib.corpora.sources import corpus_folder
from pianoalign_lib.corpora.timing_errors import generator
from pianoalign_lib.io.notes import write_midi

from .performances import find_smd
from .studies import make_study
from .touch import STEEPNESS, TouchedPiano, quieten

VALIDATION_PIANO = "merlin"


@dataclass(frozen=True)
class Passage:
    """What is to be played quietly: seconds of a performance, or a made study (`midi` is None)."""

    name: str
    key: str  # digest of where its notes come from
    midi: Path | None
    start_s: float
    end_s: float

    def notes(self, rng: np.random.Generator) -> pd.DataFrame:
        """Return its note table from 0 s on, ``offset_s`` where the sound ends."""
        if self.midi is None:
            return make_study(self.end_s, rng)
        notes = read_performance(self.midi)
        inside = notes["onset_s"].between(self.start_s, self.end_s, inclusive="left")
        notes = notes[inside].reset_index(drop=True)
        onset_s, end_s = notes["onset_s"] - self.start_s, notes["sound_end_s"] - self.start_s
        notes = notes.drop(columns="sound_end_s")
        return notes.assign(onset_s=onset_s, offset_s=end_s.clip(upper=self.end_s - self.start_s))


def render_quiet(paths: CorpusPaths, params: dict[str, Any], part: str, jobs: int = 2) -> None:
    """Render ``train`` or ``eval`` (validation only), going on where an earlier run was stopped.

    The pianos must have been fetched: here, for the demo corpus and for ASAP.

    Raises
    ------
    CorpusError
        If a performance or a piano is missing.
    """
    settings = topic(params, "quiet")
    passages = list(_passages(paths, settings, part))
    plan = [_play(paths, settings, part, passage, index) for index, passage in enumerate(passages)]
    load = partial(load_touched, paths=paths)
    for name in sorted({excerpt.piano.partition("@")[0] for excerpt in plan}):
        load(f"{name}@1").attack_s(np.array([60]), np.array([64]))  # before each process does
    render_part(paths.split(part), plan, load, jobs, label=f"render quiet {part}")


@cache
def load_touched(name: str, paths: CorpusPaths) -> Piano:
    """Return a piano by its name and the steepness of its touch, ``<piano>@<steepness>``."""
    piano, _, steepness = name.partition("@")
    asap, demo = CorpusPaths(paths.root, "asap").sources, CorpusPaths(paths.root, "demo").sources
    if piano == VALIDATION_PIANO:
        path = paths.sources / "pianos" / f"{piano}.sf2"
        attacks = paths.sources / "attacks" / f"{piano}.npy"
        return TouchedPiano(CalibratedPiano(fetched(path, "quiet"), attacks), float(steepness))
    return TouchedPiano(load_training_piano(piano, asap, demo), float(steepness))


def _passages(paths: CorpusPaths, settings: dict[str, Any], part: str) -> Iterator[Passage]:
    """Yield all passages of a part."""
    split, length_s = "train" if part == "train" else "validation", settings["excerpt_s"]
    sources = [
        (midi, blob, settings["excerpts"]["smd"])
        for midi, blob in find_smd(paths.sources / "smd", split)
    ]
    if split == "train":
        fetched_asap = CorpusPaths(paths.root, "asap").sources
        folder = corpus_folder("ASAP", VARIABLE, HOW_TO_GET, None, fetched_asap)
        performances = find_performances(folder)[:: settings["every"]["asap"]]
        sources += [(it.midi, it.blob, settings["excerpts"]["asap"]) for it in performances]
    for midi, blob, excerpts in sources:
        end_s = float(read_performance(midi)["onset_s"].max())
        for start_s, stop_s in cuts(end_s, length_s, excerpts):
            yield Passage(f"{midi.stem}-{start_s:04.0f}", blob, midi, start_s, stop_s)
    for number in range(settings["studies"][split]):
        yield Passage(f"study_{split}_{number:02d}", "study", None, 0.0, length_s)


def _play(
    paths: CorpusPaths, settings: dict[str, Any], part: str, passage: Passage, index: int
) -> Excerpt:
    """Write what is played as MIDI, and return how it is to be rendered."""
    rng = generator(settings["seed"], passage.name)
    midi = paths.sources / "played" / f"{passage.name}.mid"
    notes = quieten(passage.notes(rng), rng)
    write_midi(notes, midi)
    pianos = settings["pianos"] if part == "train" else [VALIDATION_PIANO]
    piano = f"{pianos[index % len(pianos)]}@{rng.uniform(*STEEPNESS):.2f}"
    name = f"{passage.name}_{piano.partition('@')[0]}"
    return Excerpt(
        recording=name,
        split="train" if part == "train" else "validation",
        test_set="",
        performance=passage.name,
        piano=piano,
        midi=midi,
        start_s=0.0,
        end_s=float(notes["onset_s"].max()) + 1e-3,
        key=digest([name, piano, passage.key, pd.util.hash_pandas_object(notes).tolist()]),
    )
