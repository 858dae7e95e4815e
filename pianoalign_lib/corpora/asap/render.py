"""Render ASAP for training: excerpts of human performances, each on one sampled piano, dry.

Rooms, noise and coding are added in training (``training/localizer/augment.py``), anew for each
copy. The training performances of the demo corpus are rendered along, on the pianos that it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...common.config import CorpusPaths, digest, topic
from ...common.files import fetched
from ..performances import Excerpt, read_performance, render_part
from ..sources import corpus_folder, git_blob_id
from ..timing_errors import generator
from .folder import HOW_TO_GET, VARIABLE, Performance, find_performances
from .pianos import load_training_piano


def render_asap(
    paths: CorpusPaths,
    params: dict[str, Any],
    jobs: int = 2,
    *,
    folder: str | Path | None = None,
) -> None:
    """Render the corpus into its part ``train``, going on where an earlier run was stopped.

    Parameters
    ----------
    paths
        The corpus's folders; the pianos must have been fetched, here and for the demo corpus.
    params, jobs
        As for every corpus (:mod:`pianoalign_lib.corpora`).
    folder
        ASAP's folder; default: that of ``PIANOALIGN_ASAP``, else what was fetched.

    Raises
    ------
    CorpusError
        If a performance or a piano is missing.
    """
    settings = topic(params, "asap")
    demo_sources = CorpusPaths(paths.root, "demo").sources
    place = corpus_folder("ASAP", VARIABLE, HOW_TO_GET, folder, paths.sources)
    performances = find_performances(place)
    plan = [*_plan(performances, settings, settings["pianos"], settings["excerpts"])]
    numbers = topic(params, "demo")["performances"]["train"]
    midis = [fetched(demo_sources / "midi" / f"maestro_{n}.mid", "demo") for n in numbers]
    of_demo = [Performance(midi.stem, midi, git_blob_id(midi)) for midi in midis]
    plan += _plan(of_demo, settings, settings["demo_pianos"], settings["demo_excerpts"])
    load = partial(load_training_piano, sources=paths.sources, demo_sources=demo_sources)
    for name in sorted({excerpt.piano for excerpt in plan}):
        load(name).attack_s(np.array([60]), np.array([64]))  # before each process measures it
    render_part(paths.split("train"), plan, load, jobs, label="render asap")


def _plan(
    performances: list[Performance], settings: dict[str, Any], pianos: list[str], excerpts: int
) -> Iterator[Excerpt]:
    """Yield every excerpt, the pianos in turn through a shuffled order of the performances."""
    order = generator(settings["seed"], *pianos).permutation(len(performances))
    turn = 0
    for performance in (performances[index] for index in order):
        end_s = float(read_performance(performance.midi)["onset_s"].max())
        for start_s, stop_s in cuts(end_s, settings["excerpt_s"], excerpts):
            piano = pianos[turn % len(pianos)]
            turn += 1
            name = f"{performance.name}-{start_s:04.0f}_{piano}"
            place: dict[str, Any] = {
                "recording": name,
                "start_s": start_s,
                "end_s": stop_s,
                "piano": piano,
            }
            yield Excerpt(
                **place,
                split="train",
                test_set="",
                performance=performance.name,
                midi=performance.midi,
                # By its contents: it does not matter where the MIDI file lies.
                key=digest(place | {"performance": performance.blob}),
            )


def cuts(end_s: float, excerpt_s: float, excerpts: int) -> list[tuple[float, float]]:
    """Return start and end of excerpts, evenly spread over ``0 .. end_s``, none overlapping."""
    count = int(np.clip(end_s // excerpt_s, 1, excerpts))
    starts_s = np.linspace(0.0, max(0.0, end_s - excerpt_s), count)
    return [(start_s, start_s + excerpt_s) for start_s in starts_s.round(3).tolist()]
