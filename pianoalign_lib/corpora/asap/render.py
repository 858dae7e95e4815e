"""Render ASAP for training: excerpts of human performances, each on one sampled piano, dry.

Rooms, noise and coding are added in training (:mod:`.augment`), anew for each
copy. The training performances of the demo corpus are rendered along, on the pianos that it lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ...common.config import CorpusPaths, digest, topic
from ...common.files import atomic_path, sha256_file
from ...common.progress import progress
from ...io.audio import write_flac
from ...io.notes import COLUMNS
from ..performances import TAIL_S, attacked, cut_excerpt, read_performance
from ..pianos import Piano
from ..recordings import Recording, audio_path, notes_path, write_index
from ..rooms import normalise
from ..sources import git_blob_id
from ..stamps import finished, write_stamp
from ..timing_errors import generator
from .folder import Performance, find_folder, find_performances
from .pianos import load_training_piano

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One recording to render; everything that decides its samples."""

    recording: str
    performance: Performance
    start_s: float
    end_s: float
    piano: str

    @property
    def key(self) -> str:
        """Return a digest that does not depend on where the MIDI file lies."""
        return digest(asdict(self) | {"performance": self.performance.blob})


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
    params
        All of ``params.yaml``.
    jobs
        Processes side by side.
    folder
        ASAP's folder; default: that of ``PIANOALIGN_ASAP``, else what was fetched.

    Raises
    ------
    CorpusError
        If a performance or a piano is missing.
    """
    settings = topic(params, "asap")
    demo = CorpusPaths(paths.root, "demo")
    performances = find_performances(find_folder(folder, paths.sources))
    plan = [*_plan(performances, settings, settings["pianos"], settings["excerpts"])]
    numbers = topic(params, "demo")["performances"]["train"]
    of_demo = [_of_demo(demo.sources, number) for number in numbers]
    plan += _plan(of_demo, settings, settings["demo_pianos"], settings["demo_excerpts"])
    pianos = sorted({job.piano for job in plan})
    for name in pianos:  # once, before the processes would each measure its attacks
        _piano(name, paths.sources, demo.sources)
    work = partial(_render_one, paths.sources, demo.sources, paths.split("train"))
    with ProcessPoolExecutor(jobs) as pool:
        done = map(work, plan) if jobs == 1 else pool.map(work, plan)
        recordings = list(progress(done, total=len(plan), label="render asap"))
    write_index(paths.split("train"), recordings)


def _of_demo(sources: Path, number: int) -> Performance:
    midi = sources / "midi" / f"maestro_{number}.mid"
    return Performance(f"maestro_{number}", midi, git_blob_id(midi) if midi.is_file() else "")


def _plan(
    performances: list[Performance], settings: dict[str, Any], pianos: list[str], excerpts: int
) -> Iterator[Job]:
    """Yield every excerpt, the pianos in turn through a shuffled order of the performances."""
    order = generator(settings["seed"], *pianos).permutation(len(performances))
    turn = 0
    for index in order:
        performance = performances[index]
        notes = _performance(performance.midi)
        for start_s, end_s in cuts(float(notes["onset_s"].max()), settings["excerpt_s"], excerpts):
            piano = pianos[turn % len(pianos)]
            turn += 1
            name = f"{performance.name}-{start_s:04.0f}_{piano}"
            yield Job(name, performance, start_s, end_s, piano)


def cuts(end_s: float, excerpt_s: float, excerpts: int) -> list[tuple[float, float]]:
    """Return start and end of excerpts, evenly spread over ``0 .. end_s``, none overlapping."""
    count = int(np.clip(end_s // excerpt_s, 1, excerpts))
    starts_s = np.linspace(0.0, max(0.0, end_s - excerpt_s), count)
    return [(start_s, start_s + excerpt_s) for start_s in starts_s.round(3).tolist()]


_performance = cache(read_performance)


@cache
def _piano(name: str, sources: Path, demo_sources: Path) -> Piano:
    return load_training_piano(name, sources, demo_sources)


def _render_one(sources: Path, demo_sources: Path, folder: Path, job: Job) -> Recording:
    """Render a recording unless a finished one with the same settings is there."""
    row = finished(folder, job.recording, job.key)
    if row is not None:
        return row
    piano = _piano(job.piano, sources, demo_sources)
    notes = cut_excerpt(_performance(job.performance.midi), job.start_s, job.end_s)
    duration_s = round(float(notes["sound_end_s"].max()) + TAIL_S, 2)
    audio = piano.render(notes.assign(offset_s=notes["sound_end_s"]), duration_s)
    attack_s = piano.attack_s(notes["pitch"].to_numpy(), notes["velocity"].to_numpy())
    notes = attacked(notes, attack_s)
    write_flac(audio_path(folder, job.recording), normalise(audio))
    with atomic_path(notes_path(folder, job.recording)) as temporary:
        notes[COLUMNS].to_parquet(temporary, index=False)
    row = Recording(
        recording=job.recording,
        split="train",
        test_set="",
        performance=job.performance.name,
        piano=job.piano,
        room="dry",
        duration_s=duration_s,
        n_notes=len(notes),
        sha256_audio=sha256_file(audio_path(folder, job.recording)),
    )
    write_stamp(folder, job.key, row)
    return row
