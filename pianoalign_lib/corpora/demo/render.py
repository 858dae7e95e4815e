"""Render the demo corpus: performances cut into excerpts, played on pianos, put into rooms."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...common.config import CorpusPaths, digest, topic
from ...common.errors import CorpusError
from ...common.files import atomic_path, sha256_file
from ...common.progress import progress
from ...io.audio import write_flac
from ...io.notes import COLUMNS
from ..performances import TAIL_S, attacked, cut_excerpt, read_performance
from ..pianos import Piano, load_piano
from ..recordings import Recording, audio_path, notes_path, write_index
from ..rooms import add_noise, apply_room, draw_room, equalise, normalise
from ..stamps import finished, write_stamp
from ..timing_errors import generator

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One recording to render; everything that decides its samples."""

    recording: str
    split: str
    test_set: str
    performance: int
    start_s: float
    end_s: float
    piano: str
    in_room: bool
    seed: int
    snr_db: tuple[float, float]


def render(paths: CorpusPaths, params: dict[str, Any], part: str, jobs: int = 2) -> None:
    """Render one part of the corpus, going on where an earlier run was stopped.

    Parameters
    ----------
    paths
        The corpus's folders; the sources must have been fetched.
    params
        All of ``params.yaml``.
    part
        ``train``, or ``eval`` (the validation and test splits).
    jobs
        Processes side by side.

    Raises
    ------
    CorpusError
        If the sources are missing, or the split names a performance or piano twice.
    """
    settings = topic(params, "demo")
    _check_split(settings)
    folder = paths.split(part)
    plan = list(_plan(paths.sources, settings, part))
    with ProcessPoolExecutor(jobs) as pool:
        done = pool.map(_render_one, plan, [paths.sources] * len(plan), [folder] * len(plan))
        recordings = list(progress(done, total=len(plan), label=f"render {part}"))
    write_index(folder, recordings)


def _check_split(settings: dict[str, Any]) -> None:
    performances = [n for part in settings["performances"].values() for n in part]
    if len(set(performances)) != len(performances):
        raise CorpusError("params.yaml: demo.performances: a performance is in two splits")
    shared = set(settings["pianos"]["train"]) & set(settings["pianos"]["test"])
    if shared:
        raise CorpusError(f"params.yaml: demo.pianos: {sorted(shared)} is in training and in test")


def _plan(sources: Path, settings: dict[str, Any], part: str) -> Iterator[Job]:
    """Yield every recording of a part."""
    pianos, snr_db = settings["pianos"], tuple(settings["snr_db"])
    splits = ("train",) if part == "train" else ("validation", "test")
    for split in splits:
        for performance in settings["performances"][split]:
            cuts = _cuts(_performance(sources, performance), settings["excerpt_s"])
            if split == "validation":
                keep = np.linspace(0, len(cuts) - 1, settings["validation_excerpts"])
                cuts = [cuts[int(index)] for index in np.rint(keep)]
            for index, (start_s, end_s) in enumerate(cuts):
                for piano, test_set in _voices(split, index, pianos):
                    name = f"m{performance:02d}-{start_s:04.0f}_{piano}"
                    rng = generator(settings["seed"], name)
                    in_room = {"test": False, "room": True}.get(
                        test_set, bool(rng.uniform() >= settings["dry_share"])
                    )
                    yield Job(
                        recording=f"{name}_room" if test_set == "room" else name,
                        split=split,
                        test_set=test_set,
                        performance=performance,
                        start_s=start_s,
                        end_s=end_s,
                        piano=piano,
                        in_room=in_room,
                        seed=settings["seed"],
                        snr_db=snr_db,
                    )


def _voices(split: str, index: int, pianos: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return the pianos and test sets an excerpt is rendered for."""
    if split == "test":
        return [(piano, name) for piano in pianos["test"] for name in ("test", "room")]
    if split == "validation":
        return [(pianos["train"][index % len(pianos["train"])], "")]
    return [(piano, "") for piano in pianos["train"]]


@cache
def _performance(sources: Path, number: int) -> pd.DataFrame:
    """Return a performance's note table (:func:`read_performance`)."""
    path = sources / "midi" / f"maestro_{number}.mid"
    if not path.is_file():
        raise CorpusError(f"{path}: not found; run 'pianoalign data fetch --corpus demo'")
    return read_performance(path)


def _cuts(notes: pd.DataFrame, excerpt_s: float) -> list[tuple[float, float]]:
    """Return start and end of equally long excerpts of about `excerpt_s`."""
    end_s = float(notes["onset_s"].max()) + 1e-3
    edges = np.linspace(0.0, end_s, max(1, round(end_s / excerpt_s)) + 1)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


@cache
def _piano(name: str, sources: Path) -> Piano:
    return load_piano(name, sources)


def _render_one(job: Job, sources: Path, folder: Path) -> Recording:
    """Render a recording unless a finished one with the same settings is there."""
    key = digest(asdict(job))
    row = finished(folder, job.recording, key)
    if row is not None:
        return row
    piano = _piano(job.piano, sources)
    notes = cut_excerpt(_performance(sources, job.performance), job.start_s, job.end_s)
    duration_s = round(float(notes["sound_end_s"].max()) + TAIL_S, 2)
    sounding = notes.assign(offset_s=notes["sound_end_s"])
    audio, room = _in_room(piano.render(sounding, duration_s), job)
    attack_s = piano.attack_s(notes["pitch"].to_numpy(), notes["velocity"].to_numpy())
    notes = attacked(notes, attack_s)
    write_flac(audio_path(folder, job.recording), normalise(audio))
    with atomic_path(notes_path(folder, job.recording)) as temporary:
        notes[COLUMNS].to_parquet(temporary, index=False)
    row = Recording(
        recording=job.recording,
        split=job.split,
        test_set=job.test_set,
        performance=f"maestro_{job.performance}",
        piano=job.piano,
        room=room,
        duration_s=duration_s,
        n_notes=len(notes),
        sha256_audio=sha256_file(audio_path(folder, job.recording)),
    )
    write_stamp(folder, key, row)
    return row


def _in_room(audio: np.ndarray, job: Job) -> tuple[np.ndarray, str]:
    """Return the audio as it sounds in the job's room, and a description."""
    if not job.in_room:
        return audio, "dry"
    rng = generator(job.seed, job.recording, "room")
    response, description = draw_room(rng)
    audio = add_noise(apply_room(equalise(audio, rng), response), rng.uniform(*job.snr_db), rng)
    return audio, description
