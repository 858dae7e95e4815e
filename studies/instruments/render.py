"""The corpus ``strings``: human performances, made playable, on sampled instruments.

By the rules of the demo corpus, whose performances and split it has: a performance is in one part
only, and so is what was recorded (``params.yaml``, topic ``strings``). What is played is kept as
MIDI beside the sources, so that the note tables come from files as everywhere. The test part is
dry; training and validation recordings are put into rooms, as those of the demo corpus are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths, digest, topic
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import fetched
from pianoalign_lib.corpora.asap.render import cuts
from pianoalign_lib.corpora.demo.render import in_room
from pianoalign_lib.corpora.performances import Excerpt, read_performance, render_part
from pianoalign_lib.corpora.timing_errors import generator
from pianoalign_lib.io.notes import write_midi

from .names import CORPUS
from .playable import playable
from .voices import load_voice, plays

RELATED = {"musescore": "fluid_r3"}  # a font made of another's recordings counts as that one


def render_strings(paths: CorpusPaths, params: dict[str, Any], part: str, jobs: int = 1) -> None:
    """Render ``train`` or ``eval``, going on where an earlier run was stopped.

    Parameters are those of every corpus (:mod:`pianoalign_lib.corpora`).

    Raises
    ------
    CorpusError
        If a performance or a voice is missing, or a recorded instrument is in two parts.
    """
    settings = topic(params, CORPUS)
    check_voices(settings)
    plan = list(_plan(paths, settings, topic(params, "demo")["performances"], part))
    for voice in sorted({excerpt.piano for excerpt in plan}):
        load_voice(voice, paths).attack_s(np.array([60]), np.array([64]))  # before each process
    render_part(
        paths.split(part),
        plan,
        partial(load_voice, paths=paths),
        jobs,
        label=f"render {CORPUS} {part}",
        room=partial(in_room, settings),
    )


def check_voices(settings: dict[str, Any]) -> None:
    """Raise a CorpusError if what an instrument trains on was recorded for what it is tested on."""
    for name, voices in settings["instruments"].items():
        heard = {part: {source(voice) for voice in voices[part]} for part in ("train", "test")}
        if shared := heard["train"] & heard["test"]:
            raise CorpusError(f"params.yaml: strings: {name}: {sorted(shared)} is in two parts")


def source(voice: str) -> str:
    """Return whose recordings a voice is made of."""
    font, _, program = voice.partition("/")
    return f"{RELATED.get(font, font)}/{program}"


def _plan(
    paths: CorpusPaths, settings: dict[str, Any], performances: dict[str, list[int]], part: str
) -> Iterator[Excerpt]:
    """Yield every excerpt of a part; an instrument's voices take turns."""
    midi = CorpusPaths(paths.root, "demo").sources / "midi"
    for split in ("train",) if part == "train" else ("validation", "test"):
        for instrument, voices in settings["instruments"].items():
            mine = voices["test" if split == "test" else "train"]
            turn = 0
            for number in performances[split]:
                played = read_performance(fetched(midi / f"maestro_{number}.mid", "demo"))
                end_s = float(played["onset_s"].max())
                for start_s, stop_s in cuts(
                    end_s, settings["excerpt_s"], settings["excerpts"][split]
                ):
                    inside = played["onset_s"].between(start_s, stop_s, inclusive="left")
                    voice = mine[turn % len(mine)]
                    turn += 1
                    name = f"m{number:02d}-{start_s:04.0f}_{instrument}_{voice.replace('/', '_')}"
                    place = {"recording": name, "split": split, "piano": voice}
                    place |= {"test_set": instrument if split == "test" else ""}
                    place |= {"performance": f"maestro_{number}"}
                    yield _excerpt(paths, settings, place, played[inside], start_s)


def _excerpt(
    paths: CorpusPaths,
    settings: dict[str, Any],
    place: dict[str, str],
    played: pd.DataFrame,
    start_s: float,
) -> Excerpt:
    """Write what is played as MIDI, and return how it is to be rendered."""
    rng = generator(settings["seed"], place["recording"])
    times_s = {name: played[name] - start_s for name in ("onset_s", "offset_s", "sound_end_s")}
    notes = playable(played.assign(**times_s), plays(place["piano"]), rng)
    midi = paths.sources / "played" / f"{place['recording']}.mid"
    write_midi(notes, midi)
    is_in_room = place["split"] != "test" and rng.uniform() >= settings["dry_share"]
    decisive = [place, is_in_room, settings["seed"], settings["snr_db"]]
    return Excerpt(
        **place,
        midi=midi,
        start_s=0.0,
        end_s=float(notes["onset_s"].max()) + 1e-3,
        key=digest([*decisive, pd.util.hash_pandas_object(notes).tolist()]),
        in_room=is_in_room,
    )
