"""Read the bytes of Standard MIDI Files.

Why not mido, which pretty_midi reads with, too: mido 1.3.3 drops the waiting time before a meta
event of a type it does not know, so that all notes after it come too early; it refuses a whole file
for one odd key signature; and it takes five times as long. The format is that of Standard MIDI
Files 1.0 (MIDI Manufacturers Association, 1996).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np

from .midi_events import END_OF_TRACK, META, SET_TEMPO, MidiEvents, Track

SYSEX = (0xF0, 0xF7)
SMPTE_OFFSET, TIME_SIGNATURE, KEY_SIGNATURE = 0x54, 0x58, 0x59
SMPTE_RATES = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}  # frames per second
# Meta events that programs read by position, with the fewest bytes they must hold.
META_LENGTHS = {
    0x00: 2,  # sequence number
    0x20: 1,  # channel prefix
    SET_TEMPO: 3,
    SMPTE_OFFSET: 5,
    TIME_SIGNATURE: 4,
    KEY_SIGNATURE: 2,
}
MOST_HALVINGS = 8  # of a whole note, in a time signature


class MidiSyntaxError(ValueError):
    """The bytes are no Standard MIDI File; the text says where and why."""


def parse(data: bytes) -> MidiEvents:
    """Read the bytes of a Standard MIDI File, also one inside a RIFF (.rmi).

    Chunks of unknown kind are skipped, and tracks beyond the announced number are read, too.

    Raises
    ------
    MidiSyntaxError
        If the bytes are no MIDI file, or one that is damaged or cut off.
    """
    if data[:4] == b"RIFF":
        data = data[max(data.find(b"MThd"), 0) :]
    if data[:4] != b"MThd" or len(data) < 14:
        raise MidiSyntaxError("does not begin like one")
    size, kind, n_tracks, division = struct.unpack(">IHHH", data[4:14])
    if kind > 2 or size < 6:
        raise MidiSyntaxError("unknown kind of file")
    frame_rate = None
    if division & 0x8000:
        frame_rate = SMPTE_RATES.get(256 - (division >> 8))
        division &= 0xFF
        if frame_rate is None:
            raise MidiSyntaxError("unknown SMPTE frame rate")
    if division == 0:
        raise MidiSyntaxError("0 ticks per beat")
    tracks = [
        _track(chunk, number) for number, chunk in enumerate(_track_chunks(data, 8 + size), start=1)
    ]
    if len(tracks) < n_tracks:
        raise MidiSyntaxError(f"has {len(tracks)} of {n_tracks} tracks")
    return MidiEvents(kind if kind or len(tracks) == 1 else 1, division, frame_rate, tracks)


def _track_chunks(data: bytes, position: int) -> Iterable[bytes]:
    number = 0
    while position + 8 <= len(data):
        name, size = struct.unpack(">4sI", data[position : position + 8])
        position += 8
        if name == b"MTrk":
            number += 1
            if position + size > len(data):
                raise MidiSyntaxError(f"cut off in track {number}")
            yield data[position : position + size]
        elif number == 0 and position + size > len(data):
            raise MidiSyntaxError("no track where the first should begin")
        position += size


def _track(data: bytes, number: int) -> Track:
    ticks: list[int] = []
    messages: list[bytes] = []
    heads = bytearray()
    tick = end_tick = running = position = 0
    try:
        while position < len(data):
            delta, position = _variable_length(data, position)
            tick += delta
            status = data[position]
            position += status >= 0x80
            if status < 0x80:
                status = running
            if status < 0xF0:
                running = status
                size = 1 if 0xC0 <= status < 0xE0 else 2
            else:
                size = _system_size(data, position, status)
            message = bytes((status,)) + data[position : position + size]
            position += size
            if status >= 0xF0 and not _kept(message):
                end_tick = tick if message[:2] == END_OF_TRACK else end_tick
                continue
            ticks.append(tick)
            messages.append(message)
            heads += message[:3] if size > 1 else message + b"\0"
    except IndexError:
        position = len(data) + 1
    if position > len(data):
        raise MidiSyntaxError(f"track {number} ends within an event")
    table = np.frombuffer(bytes(heads), dtype=np.uint8).reshape(-1, 3)
    if (table[:, 0] < 0x80).any():
        raise MidiSyntaxError(f"track {number}: data without a status byte")
    if (table[table[:, 0] < 0xF0, 1:] > 127).any():
        raise MidiSyntaxError(f"track {number}: a data byte above 127")
    return Track(np.array(ticks, dtype=np.int64), table, messages, max([end_tick, *ticks[-1:]]))


def _system_size(data: bytes, position: int, status: int) -> int:
    """Return the bytes after the status byte of a meta event or a system message."""
    if status in (META, *SYSEX):
        length, body = _variable_length(data, position + (status == META))
        return body + length - position
    return {0xF1: 1, 0xF2: 2, 0xF3: 1}.get(status, 0)


def _kept(message: bytes) -> bool:
    """Whether a meta event or system message may be in a file.

    Not the end of the track, which is written anew, nor what keeps common programs from opening a
    file: system messages that are not exclusive, and meta events that do not hold what they must.
    """
    status, kind = message[0], message[1] if len(message) > 1 else 0
    if status not in (META, *SYSEX):
        return False
    _, start = _variable_length(message, 2 if status == META else 1)
    body = message[start:]
    if status != META:
        return max(body.removeprefix(b"\xf0").removesuffix(b"\xf7"), default=0) < 0x80
    if len(body) < META_LENGTHS.get(kind, 0) or message[:2] == END_OF_TRACK:
        return False
    if kind == SMPTE_OFFSET:
        return body[0] < 0x80 and max(body[1:3]) < 60 and body[4] < 100
    if kind == KEY_SIGNATURE:  # seven flats to seven sharps, major or minor
        return (body[0] <= 7 or body[0] >= 249) and body[1] <= 1
    return kind != TIME_SIGNATURE or (body[0] > 0 and body[1] <= MOST_HALVINGS)


def _variable_length(data: bytes, position: int) -> tuple[int, int]:
    """Return a number of one to four bytes, seven bits each, and where it ends."""
    value = 0
    for index in range(position, position + 4):
        byte = data[index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, index + 1
    raise MidiSyntaxError("a number of more than four bytes")


def _well_formed(message: bytes) -> bool:
    """Whether a meta event holds what its type must hold; others would keep a file from opening."""
    if message[0] != META:
        return True
    _, start = _variable_length(message, 2)
    body = message[start:]
    if len(body) < META_LENGTHS.get(message[1], 0):
        return False
    if message[1] == 0x59:  # seven flats to seven sharps, major or minor
        return (body[0] <= 7 or body[0] >= 249) and body[1] <= 1
    return message[1] != 0x54 or body[0] < 0x80
