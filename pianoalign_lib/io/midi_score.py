"""Every note of a MIDI file, whatever its track, with the way back to the file's own messages."""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..common.errors import InputError
from .given import HEAD, MIDI, RECORDING, given_file, kind_of
from .midi_parsing import MidiEvents, MidiSyntaxError, parse
from .printed_score import PRINTED_SUFFIXES, printed_midi

DRUM_CHANNEL = 9
LONGEST_S = 12 * 3600.0  # a longer file is one with a broken tempo or time
LOWEST_PITCH, HIGHEST_PITCH = 21, 108  # the 88 keys of a piano
NOTE_OFF, NOTE_ON, CONTROLLER, PROGRAM_CHANGE = 0x80, 0x90, 0xB0, 0xC0
SUSTAIN_PEDAL = 64
NO_EVENT = -1
SCORE_SUFFIXES = (".mid", ".midi", ".kar", ".rmi", *PRINTED_SUFFIXES)


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
        Columns note_id, pitch, velocity, onset_s, offset_s, track, channel, is_drum; one row per
        note in the order of onset, pitch, track; ``note_id`` is the row number.
    on_row, off_row : np.ndarray [shape=(n_notes,), dtype=int64]
        Rows of ``events.table`` that begin and end each note; -1 for one the file never ends.
    stray_offs : np.ndarray [dtype=int64]
        Rows of note-offs that end no note.
    """

    name: str
    events: MidiEvents
    notes: pd.DataFrame
    on_row: np.ndarray
    off_row: np.ndarray
    stray_offs: np.ndarray

    def piano_rows(self) -> np.ndarray:
        """Return the rows of `notes` that are notes on the 88 keys, not drums.

        Raises
        ------
        InputError
            If there are none.
        """
        on_keys = self.notes["pitch"].between(LOWEST_PITCH, HIGHEST_PITCH)
        rows = np.flatnonzero(on_keys & ~self.notes["is_drum"])
        if not len(rows):
            raise no_notes(self.name)
        return rows

    def pedal_changes(self) -> list[tuple[float, int]]:
        """Return time in seconds and value of each message of the sustain pedal."""
        messages = self.events.table
        is_pedal = (messages["status"] & 0xF0 == CONTROLLER) & (messages["data1"] == SUSTAIN_PEDAL)
        chosen = messages.loc[is_pedal, ["time_s", "data2"]]
        return list(zip(chosen["time_s"].tolist(), chosen["data2"].tolist(), strict=True))


def no_notes(name: str) -> InputError:
    """Return what to raise where a MIDI file has nothing for a piano."""
    return InputError(f"{name}: no notes on the 88 keys of a piano; give a MIDI file with notes")


def read_midi_score(source: Any, *, ends_all: bool = False) -> MidiScore:
    """Read a MIDI file with everything in it.

    A note-off ends the oldest sounding note of its track, channel and pitch; a note-on with
    velocity 0 is a note-off; a note that is never ended lasts until the end of its track.

    Parameters
    ----------
    source
        A path, also that of a printed score (MusicXML, MEI, Humdrum), the bytes of a MIDI file, an
        open binary file, or an object with pretty_midi's ``write``.
    ends_all
        A note-off ends all notes that began before it, and those that never end, or end as they
        begin, are left out: pretty_midi's rule. Such a score cannot be written again.

    Raises
    ------
    InputError
        If it is missing, empty, damaged, no MIDI file, holds no notes, or lasts over 12 hours.
    """
    name, data = _content(source)
    try:
        events = parse(data)
    except MidiSyntaxError as error:
        kind = kind_of(data[:HEAD])
        reason, remedy = (error if kind in ("", MIDI) else f"it is {kind}"), "export it again"
        if kind == RECORDING:
            remedy = "the recording comes first, then the MIDI file"
        raise InputError(f"{name}: not a readable MIDI file ({reason}); {remedy}") from error
    score = _score(name, events, ends_all)
    if score.notes.empty:
        raise no_notes(name)
    longest_s = max(events.table["time_s"].max(), events.ends_s.max())
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
        path = given_file(source)
    except TypeError as error:
        kind = type(source).__name__
        raise InputError(
            f"MIDI of type {kind}: give a path, the file's bytes or a pretty_midi object"
        ) from error
    try:
        printed = path.suffix.lower() in PRINTED_SUFFIXES
        return str(path), printed_midi(path) if printed else path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its rights") from error


def _score(name: str, events: MidiEvents, ends_all: bool) -> MidiScore:
    on_row, off_row, stray = _pair(events.table, ends_all)
    start = events.table.iloc[on_row]
    track = start["track"].to_numpy()
    closed_s = events.table["time_s"].to_numpy()[off_row]
    notes = pd.DataFrame(
        {
            "pitch": start["data1"].to_numpy(),
            "velocity": start["data2"].to_numpy(),
            "onset_s": start["time_s"].to_numpy(),
            "offset_s": np.where(off_row == NO_EVENT, events.ends_s[track], closed_s),
            "track": track,
            "channel": start["status"].to_numpy() & 0x0F,
        }
    )
    notes["is_drum"] = notes["channel"] == DRUM_CHANNEL
    order = np.lexsort((on_row, track, notes["pitch"], notes["onset_s"]))
    notes = notes.iloc[order].reset_index(drop=True)
    notes.insert(0, "note_id", np.arange(len(notes)))
    return MidiScore(name, events, notes, on_row[order], off_row[order], stray)


def _pair(messages: pd.DataFrame, ends_all: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows of all note-ons, of the note-off of each (or -1), and of stray note-offs."""
    status, pitch, velocity = (messages[name].to_numpy() for name in ("status", "data1", "data2"))
    kind = status & 0xF0
    is_on = (kind == NOTE_ON) & (velocity > 0)
    keys = (messages["track"].to_numpy() * 16 + (status & 0x0F)) * 128 + pitch
    rows = np.flatnonzero((kind == NOTE_ON) | (kind == NOTE_OFF))
    time_s = messages["time_s"].to_numpy()
    off_row = np.full(len(messages), NO_EVENT)
    stray: list[int] = []
    sounding: dict[int, list[int]] = defaultdict(list)
    for row, key, begins in zip(rows.tolist(), keys[rows].tolist(), is_on[rows], strict=True):
        open_rows = sounding[key]
        if begins:
            open_rows.append(row)
        elif ends_all:
            earlier = [on for on in open_rows if time_s[on] < time_s[row]]
            off_row[earlier] = row
            sounding[key] = open_rows[len(earlier) :] if earlier else []
        elif open_rows:
            off_row[open_rows.pop(0)] = row
        else:
            stray.append(row)
    on_row = np.flatnonzero(is_on & (off_row != NO_EVENT) if ends_all else is_on)
    return on_row, off_row[on_row], np.array(stray, dtype=np.int64)
