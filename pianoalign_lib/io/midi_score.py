"""Every note of a MIDI file, whatever its track, with the way back to the file's own messages."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..common.errors import InputError
from .midi_events import MidiEvents
from .midi_parsing import MidiSyntaxError, parse

DRUM_CHANNEL = 9
LONGEST_S = 12 * 3600.0  # a longer file is one with a broken tempo or time
NOTE_OFF, NOTE_ON, CONTROLLER, PROGRAM_CHANGE = 0x80, 0x90, 0xB0, 0xC0
SUSTAIN_PEDAL = 64
NO_EVENT = -1


@dataclass(frozen=True)
class MidiScore:
    """A MIDI file as notes in seconds and all its messages.

    Attributes
    ----------
    name : str
        What error messages call it.
    events : MidiEvents
        The messages, track by track.
    notes : pd.DataFrame
        Columns note_id, pitch, velocity, onset_s, offset_s, track, channel, program, is_drum; one
        row per note in the order of onset, pitch, track; ``note_id`` is the row number.
    messages : pd.DataFrame
        One row per message of all tracks: track, time_s, and the bytes status, data1, data2.
    on_row, off_row : np.ndarray [shape=(n_notes,), dtype=int64]
        Rows of `messages` that begin and end each note; -1 for one the file never ends.
    stray_offs : np.ndarray [dtype=int64]
        Rows of note-offs that end no note.
    ends_s : np.ndarray [shape=(n_tracks,)]
        Where each track ends.
    """

    name: str
    events: MidiEvents
    notes: pd.DataFrame
    messages: pd.DataFrame
    on_row: np.ndarray
    off_row: np.ndarray
    stray_offs: np.ndarray
    ends_s: np.ndarray

    def pedal_changes(self) -> list[tuple[float, int]]:
        """Return time in seconds and value of each message of the sustain pedal."""
        messages = self.messages
        is_pedal = (messages["status"] & 0xF0 == CONTROLLER) & (messages["data1"] == SUSTAIN_PEDAL)
        chosen = messages.loc[is_pedal, ["time_s", "data2"]]
        return list(zip(chosen["time_s"].tolist(), chosen["data2"].tolist(), strict=True))


def read_midi_score(source: Any) -> MidiScore:
    """Read a MIDI file with everything in it.

    A note-off ends the oldest sounding note of its track, channel and pitch; a note-on with
    velocity 0 is a note-off; a note that is never ended lasts until the end of its track.

    Parameters
    ----------
    source
        A path, the bytes of a file, an open binary file, or an object with pretty_midi's ``write``.

    Raises
    ------
    InputError
        If it is missing, empty, damaged, no MIDI file, holds no notes, or lasts over 12 hours.
    """
    name, data = _content(source)
    if not data:
        raise InputError(f"{name}: is empty; export it again")
    try:
        events = parse(data)
    except MidiSyntaxError as error:
        raise InputError(f"{name}: not a readable MIDI file ({error}); export it again") from error
    score = _score(name, events)
    if score.notes.empty:
        raise InputError(f"{name}: holds no notes; give a MIDI file with notes")
    longest_s = max(score.messages["time_s"].max(), score.ends_s.max())
    if longest_s > LONGEST_S:
        raise InputError(
            f"{name}: lasts {longest_s / 3600:,.0f} hours by its own tempo (at most "
            f"{LONGEST_S / 3600:.0f}); correct its tempo"
        )
    return score


def _content(source: Any) -> tuple[str, bytes]:
    """Return what to call a source of MIDI, and its bytes."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "MIDI data", bytes(source)
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "MIDI data"))
        data = source.read()
        if not isinstance(data, bytes):
            raise InputError(f"{name}: opened as text; open it in binary mode ('rb')")
        return name, data
    if hasattr(source, "instruments") and hasattr(source, "write"):
        buffer = io.BytesIO()
        try:
            source.write(buffer)
        except Exception as error:  # times that are NaN, pitches beyond 127, ...: any exception
            raise InputError(f"MIDI object: cannot be written ({error}); correct it") from error
        return "MIDI object", buffer.getvalue()
    try:
        path = Path(source)
    except TypeError as error:
        kind = type(source).__name__
        raise InputError(
            f"MIDI of type {kind}: give a path, the file's bytes or a pretty_midi object"
        ) from error
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return str(path), path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its rights") from error


def _score(name: str, events: MidiEvents) -> MidiScore:
    tracks = events.tracks
    times_s = [events.seconds(number, track.ticks) for number, track in enumerate(tracks)]
    heads = np.concatenate([np.zeros((0, 3), np.uint8), *(track.heads for track in tracks)])
    messages = pd.DataFrame(
        {
            "track": np.repeat(np.arange(len(tracks)), [len(track.ticks) for track in tracks]),
            "time_s": np.concatenate([np.zeros(0), *times_s]),
            "status": heads[:, 0].astype(np.int64),
            "data1": heads[:, 1].astype(np.int64),
            "data2": heads[:, 2].astype(np.int64),
        }
    )
    ends_s = np.array(
        [events.seconds(n, np.array([track.end_tick]))[0] for n, track in enumerate(tracks)]
    )
    on_row, off_row, stray = _pair(messages)
    start = messages.iloc[on_row]
    track = start["track"].to_numpy()
    closed_s = messages["time_s"].to_numpy()[off_row]
    notes = pd.DataFrame(
        {
            "pitch": start["data1"].to_numpy(),
            "velocity": start["data2"].to_numpy(),
            "onset_s": start["time_s"].to_numpy(),
            "offset_s": np.where(off_row == NO_EVENT, ends_s[track], closed_s),
            "track": track,
            "channel": start["status"].to_numpy() & 0x0F,
        }
    )
    notes["program"] = _programs(messages, notes, by_track=events.kind == 2)
    notes["is_drum"] = notes["channel"] == DRUM_CHANNEL
    order = np.lexsort((on_row, track, notes["pitch"], notes["onset_s"]))
    notes = notes.iloc[order].reset_index(drop=True)
    notes.insert(0, "note_id", np.arange(len(notes)))
    return MidiScore(name, events, notes, messages, on_row[order], off_row[order], stray, ends_s)


def _pair(messages: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows of all note-ons, of the note-off of each (or -1), and of stray note-offs.

    Within a track, channel and pitch, the running count of sounding notes tells a stray note-off:
    it would make the count negative. Of the others, the n-th ends the n-th note.
    """
    status, pitch, velocity = (messages[name].to_numpy() for name in ("status", "data1", "data2"))
    is_on = (status & 0xF0 == NOTE_ON) & (velocity > 0)
    is_off = (status & 0xF0 == NOTE_OFF) | ((status & 0xF0 == NOTE_ON) & (velocity == 0))
    rows = np.flatnonzero(is_on | is_off)
    keys = (messages["track"].to_numpy()[rows] * 16 + (status[rows] & 0x0F)) * 128 + pitch[rows]
    order = np.argsort(keys, kind="stable")
    rows, (_, group) = rows[order], np.unique(keys[order], return_inverse=True)

    on = is_on[rows]
    count = np.cumsum(np.where(on, 1, -1))
    first = np.flatnonzero(np.diff(group, prepend=-1))
    before = np.where(first > 0, count[first - 1], 0)
    # Each group far below the one before it, so that one running minimum serves all of them.
    depth = count - before[group] - group * (2 * len(rows) + 1)
    floor = -group * (2 * len(rows) + 1)
    lowest = np.minimum(np.minimum.accumulate(depth), floor)
    previous = np.where(np.diff(group, prepend=-1) > 0, floor, np.roll(lowest, 1))
    stray = ~on & (lowest < previous)

    ends = ~on & ~stray
    n_ends = np.bincount(group[ends], minlength=len(first))
    n_notes = np.cumsum(on)
    rank = n_notes - 1 - (n_notes - on)[first][group]  # of a note within its group
    index = (np.cumsum(n_ends) - n_ends)[group] + rank
    ended = rank < n_ends[group]
    off_row = np.full(len(rows), NO_EVENT)
    off_row[on & ended] = rows[ends][index[on & ended]]
    return rows[on], off_row[on], rows[stray]


def _programs(messages: pd.DataFrame, notes: pd.DataFrame, *, by_track: bool) -> np.ndarray:
    """Return the program of each note: its channel's last change of program until its onset."""
    changes = messages[messages["status"] & 0xF0 == PROGRAM_CHANGE]
    program = np.zeros(len(notes), np.int64)
    track = changes["track"].to_numpy() * by_track
    places = track * 16 + (changes["status"].to_numpy() & 0x0F)
    where = notes["track"].to_numpy() * by_track * 16 + notes["channel"].to_numpy()
    for place in np.unique(places):
        own = changes[places == place].sort_values("time_s", kind="stable")
        mine = np.flatnonzero(where == place)
        index = np.searchsorted(own["time_s"], notes["onset_s"].to_numpy()[mine], side="right") - 1
        program[mine] = np.where(index >= 0, own["data1"].to_numpy()[np.maximum(index, 0)], 0)
    return program
