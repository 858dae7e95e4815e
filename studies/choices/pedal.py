"""What it costs to read the pedal one way or the other, on the demo corpus: ``pedal.csv``.

There, a note of the roll ends where its key is released; on MAPS where the pedal lets it end, as
its labels say (the MIDI files that would tell them apart are not in the public mirror). So the demo
corpus is read both ways: the same recordings and onsets, other ends; the full network is trained on
each reading with the same seeds, and scored on the test set, ±100 ms per note. Everything but the
scores stays in ``data/pedal``; what is finished there is not done again.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import HYBRID_VARIANT, CorpusPaths, topic
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.corpora.demo.render import plan_part
from pianoalign_lib.corpora.performances import Excerpt, cut_notes, read_performance
from pianoalign_lib.corpora.recordings import (
    INDEX,
    audio_path,
    load_notes,
    notes_path,
    read_index,
)
from pianoalign_lib.crnn.runs import release
from pianoalign_lib.crnn.training import train
from pianoalign_lib.methods.predict import predicted
from pianoalign_lib.scoring.metrics import evaluate
from pianoalign_lib.scoring.scores import write_scores

from .table import PEDAL

READINGS = ("released", "pedal")  # where a note ends
SEEDS = (1,)
RUNS = [{"methods": [HYBRID_VARIANT], "test_sets": ["test"], "conditions": ["note100"]}]


def run_pedal(paths: CorpusPaths, params: dict[str, Any], jobs: int = 1) -> pd.DataFrame:
    """Train and score the network on both readings, and write the scores.

    Parameters
    ----------
    paths, params
        Of the demo corpus, both of whose parts must have been rendered.

    Returns
    -------
    pandas.DataFrame
        Rows of :func:`~pianoalign_lib.scoring.metrics.evaluate` for each ``reading`` and ``seed``.

    Raises
    ------
    CorpusError
        If the corpus has not been rendered.
    """
    evaluation = topic(params, "evaluation") | {"runs": RUNS}
    rows = []
    for reading in READINGS:
        for seed in SEEDS:
            own = CorpusPaths(paths.root / "data" / "pedal" / f"{reading}_{seed}", paths.corpus)
            settings = params | {
                "training": params["training"] | {"seed": seed},
                "evaluation": evaluation,
            }
            for part in ("train", "eval"):
                read_as(reading, paths, own, params, part)
            train(own, settings, HYBRID_VARIANT)
            release(own, [HYBRID_VARIANT])
            found = predicted(own, settings, HYBRID_VARIANT, jobs)
            bootstrap = evaluation["bootstrap"]
            scores = evaluate(
                found, evaluation["tolerances_ms"], bootstrap["samples"], bootstrap["seed"]
            )
            rows.append(scores.assign(reading=reading, seed=seed))
    table = pd.concat(rows, ignore_index=True)
    write_scores(paths.results / PEDAL, table)
    return table


def read_as(
    reading: str, paths: CorpusPaths, own: CorpusPaths, params: dict[str, Any], part: str
) -> None:
    """Make a part of the corpus again, with the same audio, and notes that end by a reading."""
    source, target = paths.split(part), own.split(part)
    planned = {each.recording: each for each in plan_part(paths.sources, params["demo"], part)}
    index = read_index(source)
    for item in index:
        audio, notes = audio_path(target, item.recording), load_notes(source, item)
        audio.parent.mkdir(parents=True, exist_ok=True)
        if not audio.exists():
            os.link(audio_path(source, item.recording), audio)
        if reading == "pedal":
            notes = held(notes, planned[item.recording])
        with atomic_path(notes_path(target, item.recording)) as temporary:
            notes.to_parquet(temporary, index=False)
    with atomic_path(target / INDEX) as temporary:
        temporary.write_bytes((source / INDEX).read_bytes())


def held(notes: pd.DataFrame, excerpt: Excerpt) -> pd.DataFrame:
    """Return the notes of an excerpt, each ending where the pedal lets it."""
    played = cut_notes(read_performance(excerpt.midi), excerpt.start_s, excerpt.end_s)
    ends_s = played.set_index("note_id")["sound_end_s"]
    found_s = ends_s.loc[notes["note_id"]].to_numpy()
    return notes.assign(offset_s=np.maximum(found_s, notes["offset_s"]))
