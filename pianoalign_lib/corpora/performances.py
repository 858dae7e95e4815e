"""Excerpts of performances, rendered on a sampled piano, each note as long as the pedal holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from ..common.progress import side_by_side
from ..io.notes import read_midi
from .pianos import Piano
from .recordings import Planned, Recording, make_once, write_index, write_recording
from .rooms import normalise

LEAD_S = 1.0  # silence before the first onset, so that an early input onset is still in the file
TAIL_S = 2.0
DRY = "dry"  # what is said of a recording in no room


@dataclass(frozen=True)
class Excerpt(Planned):
    """A recording to render."""

    midi: Path  # the performance's file, of which start_s .. end_s is played
    start_s: float
    end_s: float
    key: str  # digest of everything that decides the samples
    in_room: bool = False  # to be put into a room


Load = Callable[[str], Piano]
Room = Callable[[Excerpt, np.ndarray], tuple[np.ndarray, str]]


@cache
def read_performance(midi: Path) -> pd.DataFrame:
    """Return a performance's note table, with the end of each note's sound in ``sound_end_s``.

    ``offset_s`` is where the key is released, as in the piano roll of any MIDI file; the pedal only
    makes the sound longer.
    """
    notes = read_midi(midi, pedal=False)
    return notes.assign(sound_end_s=read_midi(midi, pedal=True)["offset_s"])


def render_part(
    folder: Path,
    plan: list[Excerpt],
    load: Load,
    jobs: int,
    *,
    label: str,
    room: Room | None = None,
) -> None:
    """Render a part of a corpus by processes side by side, and write its index.

    Parameters
    ----------
    load
        Returns a piano by its name.
    room
        Returns, for an excerpt that is put into a room, and its dry audio, how it sounds there, and
        a few words on the room.
    """
    work = partial(render_excerpt, folder, load, room)
    write_index(folder, side_by_side(work, plan, jobs, label=label))


def render_excerpt(folder: Path, load: Load, room: Room | None, excerpt: Excerpt) -> Recording:
    """Render an excerpt into a part's folder, unless it is finished there; return its row."""

    def make() -> Recording:
        piano, notes = load(excerpt.piano), excerpt_notes(excerpt)
        audio, words = piano.render(*sounding(notes)), DRY
        if room and excerpt.in_room:
            audio, words = room(excerpt, audio)
        return write_recording(folder, excerpt, normalise(audio), _attacked(notes, piano), words)

    return make_once(folder, excerpt.recording, excerpt.key, make)


def excerpt_notes(excerpt: Excerpt) -> pd.DataFrame:
    """Return the notes of an excerpt's performance that are played in it."""
    return cut_notes(read_performance(excerpt.midi), excerpt.start_s, excerpt.end_s)


def sounding(notes: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return the notes as long as they sound, and the length of their recording in seconds."""
    duration_s = round(float(notes["sound_end_s"].max()) + TAIL_S, 2)
    return notes.assign(offset_s=notes["sound_end_s"]), duration_s


def cut_notes(notes: pd.DataFrame, start_s: float, end_s: float) -> pd.DataFrame:
    """Return the notes that start in an excerpt, from `LEAD_S` on, with ids of their own."""
    inside = notes["onset_s"].between(start_s, end_s, inclusive="left")
    excerpt = notes[inside].reset_index(drop=True)
    excerpt["note_id"] = np.arange(len(excerpt), dtype=np.int64)
    shift_s = LEAD_S - float(excerpt["onset_s"].min())
    excerpt["onset_s"] += shift_s
    for column in ("offset_s", "sound_end_s"):
        excerpt[column] = (excerpt[column] + shift_s).clip(upper=end_s + shift_s + TAIL_S)
    return excerpt


def _attacked(notes: pd.DataFrame, piano: Piano) -> pd.DataFrame:
    """Return the note table with its onsets where the sound begins, sorted anew."""
    attack_s = piano.attack_s(notes["pitch"].to_numpy(), notes["velocity"].to_numpy())
    notes = notes.drop(columns="sound_end_s").assign(onset_s=notes["onset_s"] + attack_s)
    notes["offset_s"] = np.maximum(notes["offset_s"], notes["onset_s"] + 1e-3)
    return notes.sort_values(["onset_s", "pitch"], kind="stable", ignore_index=True)
