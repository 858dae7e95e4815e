"""Standard MIDI Files 1.0 (MIDI Manufacturers Association, 1996): from bytes to messages.

Why not mido, which pretty_midi reads with, too: mido 1.3.3 drops the waiting time before a meta
event of a type it does not know, so that all notes after it come too early; it refuses a whole file
for one odd key signature; it takes SMPTE time for ticks per beat; and it takes five times as long.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

META, SET_TEMPO = 0xFF, 0x51
SYSEX = (0xF0, 0xF7)
END_OF_TRACK = b"\xff\x2f"
ENDING = END_OF_TRACK + b"\0"
CHUNK_NAME = re.compile(rb"[ -~]{4}")
DEFAULT_TEMPO = 500_000  # microseconds per beat
SMPTE_OFFSET, TIME_SIGNATURE, KEY_SIGNATURE = 0x54, 0x58, 0x59
SMPTE_RATES = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}  # frames per second
# Meta events that programs read by position, with the fewest bytes they must hold: sequence number,
# channel prefix, ...
META_LENGTHS = {
    0x00: 2, 0x20: 1, SET_TEMPO: 3, SMPTE_OFFSET: 5, TIME_SIGNATURE: 4, KEY_SIGNATURE: 2,
}  # fmt: skip
MOST_HALVINGS = 8  # of a whole note, in a time signature
MOST_BEFORE = 4096  # bytes before the file: RIFF's header, a MacBinary's, ...


class MidiSyntaxError(ValueError):
    """The bytes are no Standard MIDI File; the text says where and why."""


@dataclass(frozen=True)
class MidiEvents:
    """The messages of a Standard MIDI File, track by track, in their order in the file.

    Attributes
    ----------
    kind : int
        0: one track; 1: simultaneous tracks; 2: independent tracks, each with its own tempo.
    table : pd.DataFrame
        One row per message: track, tick and time_s since its start, and the bytes status, data1,
        data2 (zero where there are fewer; data1 of a meta event is its type).
    messages : list of bytes
        The complete messages, status byte included.
    end_ticks, ends_s : np.ndarray [shape=(n_tracks,)]
        Where each track's end-of-track event is, or its last message.
    division : int
        Ticks per beat; 0 if the file counts time in frames.
    remarks : tuple of str
        Slips that were put right on reading, as players do.
    """

    kind: int
    table: pd.DataFrame
    messages: list[bytes]
    end_ticks: np.ndarray
    ends_s: np.ndarray
    division: int
    remarks: tuple[str, ...]


def parse(data: bytes) -> MidiEvents:
    """Read the bytes of a Standard MIDI File, also one inside a RIFF (.rmi) or a MacBinary.

    Chunks of unknown kind are skipped, tracks beyond the announced number are read, too, and slips
    that lose nothing are put right: wrong counts, wrong lengths of tracks that are there to their
    end, bytes between tracks, values above 127.

    Raises
    ------
    MidiSyntaxError
        If the bytes are no MIDI file, or one that is damaged or cut off.
    """
    data = data[max(data.find(b"MThd", 0, MOST_BEFORE), 0) :]
    if data[:4] != b"MThd" or len(data) < 14:
        raise MidiSyntaxError("does not begin like one" if data else "is empty")
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
    remarks: list[str] = []
    chunks = _chunks(data, 8 + size, n_tracks, remarks)
    tracks = [_track(chunk, number, remarks) for number, chunk in enumerate(chunks, start=1)]
    if not tracks:
        raise MidiSyntaxError("has no track")
    return _joined(kind if kind or len(tracks) == 1 else 1, division, frame_rate, tracks, remarks)


def _joined(
    kind: int,
    division: int,
    frame_rate: float | None,
    tracks: list[tuple[list[int], list[bytes], int]],
    remarks: list[str],
) -> MidiEvents:
    """Return all tracks' messages as one, with their times."""
    ticks, own_messages, ends = zip(*tracks, strict=True)
    track = np.repeat(np.arange(len(tracks)), [len(own) for own in ticks])
    tick = np.concatenate(ticks).astype(np.int64)
    messages = [message for own in own_messages for message in own]
    heads = b"".join((message + b"\0")[:3] for message in messages)
    head = np.frombuffer(heads, dtype=np.uint8).reshape(-1, 3).astype(np.int64)
    end_ticks, ends_s, time_s = np.array(ends), np.empty(len(tracks)), np.empty(len(tick))
    is_tempo = (head[:, 0] == META) & (head[:, 1] == SET_TEMPO)
    for number, end_tick in enumerate(end_ticks):
        own = track == number
        rows = np.flatnonzero(is_tempo & own if kind == 2 else is_tempo)
        tempos = [int.from_bytes(messages[row][3:6], "big") for row in rows]
        seconds = _clock(tick[rows], tempos, division, frame_rate)
        time_s[own], ends_s[number] = seconds(tick[own]), seconds(end_tick)
    columns = {"track": track, "tick": tick, "time_s": time_s}
    table = pd.DataFrame(columns | dict(zip(("status", "data1", "data2"), head.T, strict=True)))
    beat = 0 if frame_rate else division
    return MidiEvents(kind, table, messages, end_ticks, ends_s, beat, tuple(remarks))


def _clock(
    changes: np.ndarray, tempos: list[int], division: int, frame_rate: float | None
) -> Callable:
    """Return a function from ticks to seconds; a tempo of 0 is no tempo.

    In pretty_midi's order of operations, so that times agree with its to the last bit.
    """
    if frame_rate is not None:
        return lambda tick: tick / (frame_rate * division)
    found = [(0, DEFAULT_TEMPO), *zip(changes.tolist(), tempos, strict=True)]
    found = sorted((pair for pair in found if pair[1]), key=lambda pair: pair[0])
    start, tempo = (np.array(column) for column in zip(*found, strict=True))
    tick_s = 60.0 / (6e7 / tempo * division)
    is_new = np.diff(tick_s, prepend=np.nan) != 0
    start, tick_s = start[is_new], tick_s[is_new]
    start_s = np.concatenate([[0.0], np.cumsum(np.diff(start) * tick_s[:-1])])

    def seconds(tick):
        index = np.searchsorted(start, tick, side="right") - 1
        return start_s[index] + (tick - start[index]) * tick_s[index]

    return seconds


def _chunks(data: bytes, position: int, n_expected: int, remarks: list[str]) -> Iterator[bytes]:
    """Yield the tracks; one whose length cannot be true goes on to the next, or to the end."""
    number = n_chunks = 0
    while position + 8 <= len(data):
        name, size = struct.unpack(">4sI", data[position : position + 8])
        start, end = position + 8, position + 8 + size
        following = data.find(b"MTrk", start)
        if name == b"MTrk":
            number += 1
            ends = data[start:end].endswith(ENDING)
            if size == 0 or end > len(data) or (start <= following < end and not ends):
                end = len(data) if following < 0 else following
                if not data[start:end].endswith(ENDING):
                    raise MidiSyntaxError(f"cut off in track {number}")
                remarks.append(f"track {number} does not have the length that it claims")
            yield data[start:end]
        elif end > len(data) or not CHUNK_NAME.fullmatch(name):  # no chunk begins here
            if (position := data.find(b"MTrk", position)) < 0:
                break
            remarks.append(f"bytes before track {number + 1} that are no track are left out")
            continue
        position, n_chunks = end, n_chunks + 1
    if position < 0 and number == 0:
        raise MidiSyntaxError("no track where the first should begin")
    if n_chunks < n_expected:  # some programs count their own chunks as tracks
        remarks.append(f"has {number} of the {n_expected} tracks that it claims")


def _track(data: bytes, number: int, remarks: list[str]) -> tuple[list[int], list[bytes], int]:
    """Return a track's ticks and messages, and the tick of its end."""
    ticks: list[int] = []
    messages: list[bytes] = []
    tick = end_tick = running = position = n_slips = 0
    try:
        while position < len(data):
            delta, position = _variable_length(data, position)
            tick += delta
            status = data[position]
            position += status >= 0x80
            if status < 0x80:
                status = running
            if status < 0x80:
                raise MidiSyntaxError(f"track {number}: data without a status byte")
            end = start = position
            if status < 0xF0:
                running = status
                end += 1 if 0xC0 <= status < 0xE0 else 2
            elif status in (META, *SYSEX):
                length, start = _variable_length(data, position + (status == META))
                end = start + length
            else:
                end += {0xF1: 1, 0xF2: 2, 0xF3: 1}.get(status, 0)
            message = bytes((status,)) + data[position:end]
            if status < 0xF0 and max(message[1:], default=0) > 127:
                n_slips += 1
                message = bytes((status, *(min(byte, 127) for byte in message[1:])))
            if status < 0xF0 or _kept(message, data[start:end]):
                ticks.append(tick)
                messages.append(message)
            elif message[:2] == END_OF_TRACK:
                end_tick = tick
            position = end
    except IndexError:
        position = len(data) + 1
    if position > len(data):
        raise MidiSyntaxError(f"track {number} ends within an event")
    if n_slips:
        remarks.append(f"track {number} has {n_slips} messages with values above 127, read as 127")
    return ticks, messages, max([end_tick, *ticks[-1:]])


def _kept(message: bytes, body: bytes) -> bool:
    """Whether a meta event or system message may be in a file.

    Not the end of the track, which is written anew, nor what keeps common programs from opening a
    file: system messages that are not exclusive, and meta events that do not hold what they must.
    """
    if message[0] in SYSEX:
        return max(body.removeprefix(b"\xf0").removesuffix(b"\xf7"), default=0) < 0x80
    if message[0] != META or message[:2] == END_OF_TRACK:
        return False
    kind = message[1]
    if len(body) < META_LENGTHS.get(kind, 0):
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
