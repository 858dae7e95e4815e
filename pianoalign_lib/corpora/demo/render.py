"""Render the demo corpus: performances cut into excerpts, played on pianos, put into rooms."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...common.config import CorpusPaths, digest, topic
from ...common.errors import CorpusError
from ..performances import Excerpt, read_performance, render_part
from ..pianos import load_piano
from ..rooms import add_noise, apply_room, draw_room, equalise
from ..sources import fetched
from ..timing_errors import generator


def render(paths: CorpusPaths, params: dict[str, Any], part: str, jobs: int = 2) -> None:
    """Render one part of the corpus, going on where an earlier run was stopped.

    Parameters are those of every corpus (:mod:`pianoalign_lib.corpora`).

    Raises
    ------
    CorpusError
        If the sources are missing, or the split names a performance or piano twice.
    """
    settings = topic(params, "demo")
    check_split(settings)
    render_part(
        paths.split(part),
        list(plan_part(paths.sources, settings, part)),
        partial(load_piano, sources=paths.sources),
        jobs,
        label=f"render {part}",
        room=partial(in_room, settings),
    )


def check_split(settings: dict[str, Any]) -> None:
    """Raise a CorpusError if a performance is in two splits, or a piano in training and test."""
    performances = [n for part in settings["performances"].values() for n in part]
    if len(set(performances)) != len(performances):
        raise CorpusError("params.yaml: demo.performances: a performance is in two splits")
    shared = set(settings["pianos"]["train"]) & set(settings["pianos"]["test"])
    if shared:
        raise CorpusError(f"params.yaml: demo.pianos: {sorted(shared)} is in training and in test")


def plan_part(sources: Path, settings: dict[str, Any], part: str) -> Iterator[Excerpt]:
    """Yield every recording of a part (settings: topic ``demo``)."""
    for split in ("train",) if part == "train" else ("validation", "test"):
        for performance in settings["performances"][split]:
            midi = fetched(sources / "midi" / f"maestro_{performance}.mid", "demo")
            cuts = _cuts(float(read_performance(midi)["onset_s"].max()), settings["excerpt_s"])
            if split == "validation":
                keep = np.linspace(0, len(cuts) - 1, settings["validation_excerpts"])
                cuts = [cuts[int(index)] for index in np.rint(keep)]
            for index, (start_s, end_s) in enumerate(cuts):
                for piano, test_set in _voices(split, index, settings["pianos"]):
                    name = f"m{performance:02d}-{start_s:04.0f}_{piano}"
                    place: dict[str, Any] = {
                        "recording": f"{name}_room" if test_set == "room" else name,
                        "split": split,
                        "test_set": test_set,
                        "start_s": start_s,
                        "end_s": end_s,
                        "piano": piano,
                        "in_room": _is_in_room(name, test_set, settings),
                    }
                    decisive = place | {"performance": performance}
                    decisive |= {key: settings[key] for key in ("seed", "snr_db")}
                    key = digest(decisive)
                    yield Excerpt(**place, performance=midi.stem, midi=midi, key=key)


def _is_in_room(name: str, test_set: str, settings: dict[str, Any]) -> bool:
    """Return whether a recording is put into a room: drawn, outside the test sets."""
    if test_set:
        return test_set == "room"
    return bool(generator(settings["seed"], name).uniform() >= settings["dry_share"])


def _voices(split: str, index: int, pianos: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return the pianos and test sets an excerpt is rendered for."""
    if split == "test":
        return [(piano, name) for piano in pianos["test"] for name in ("test", "room")]
    if split == "validation":
        return [(pianos["train"][index % len(pianos["train"])], "")]
    return [(piano, "") for piano in pianos["train"]]


def _cuts(last_s: float, excerpt_s: float) -> list[tuple[float, float]]:
    """Return start and end of equally long excerpts of about `excerpt_s`, to the last onset."""
    end_s = last_s + 1e-3
    edges = np.linspace(0.0, end_s, max(1, round(end_s / excerpt_s)) + 1)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def in_room(settings: dict[str, Any], excerpt: Excerpt, dry: np.ndarray) -> tuple[np.ndarray, str]:
    """Return an excerpt's audio as it sounds in its room, and a few words on that."""
    rng = generator(settings["seed"], excerpt.recording, "room")
    response, words = draw_room(rng)
    wet = apply_room(equalise(dry, rng), response)
    return add_noise(wet, rng.uniform(*settings["snr_db"]), rng), words
