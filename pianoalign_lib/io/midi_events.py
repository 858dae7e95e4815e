"""Standard MIDI Files as tracks of timed messages, whose bytes are kept as they are."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

META, SET_TEMPO = 0xFF, 0x51
END_OF_TRACK = b"\xff\x2f"
DEFAULT_TEMPO = 500_000  # microseconds per beat


@dataclass(frozen=True)
class Track:
    """The messages of one track, in their order in the file.

    Attributes
    ----------
    ticks : np.ndarray [shape=(n,), dtype=int64]
        Times since the start of the track.
    heads : np.ndarray [shape=(n, 3), dtype=uint8]
        Status byte and the two bytes after it (zero if there are fewer); of a meta event its type.
    messages : list of bytes
        Complete messages, status byte included.
    end_tick : int
        Time of the end-of-track event, or of the last message.
    """

    ticks: np.ndarray
    heads: np.ndarray
    messages: list[bytes]
    end_tick: int


@dataclass(frozen=True)
class MidiEvents:
    """A Standard MIDI File.

    Attributes
    ----------
    kind
        0: one track; 1: simultaneous tracks; 2: independent tracks, each with its own tempo.
    division
        Ticks per beat, or ``frames, ticks per frame`` if `frame_rate` is set.
    frame_rate
        Frames per second of SMPTE time; None where ticks divide a beat.
    """

    kind: int
    division: int
    frame_rate: float | None
    tracks: list[Track]

    def seconds(self, track: int, ticks: np.ndarray) -> np.ndarray:
        """Return the times of ticks of a track, by the tempo map (or SMPTE time)."""
        if self.frame_rate is not None:
            return ticks / (self.frame_rate * self.division)
        chosen = [self.tracks[track]] if self.kind == 2 else self.tracks
        changes, tempos = _tempo_changes(chosen)
        seconds_per_tick = tempos / (1e6 * self.division)
        starts_s = np.concatenate([[0.0], np.cumsum(np.diff(changes) * seconds_per_tick[:-1])])
        index = np.searchsorted(changes, ticks, side="right") - 1
        return starts_s[index] + (ticks - changes[index]) * seconds_per_tick[index]


def _tempo_changes(tracks: list[Track]) -> tuple[np.ndarray, np.ndarray]:
    """Return ticks and microseconds per beat, from tick 0 on; a tempo of 0 is no tempo."""
    found = [(0, DEFAULT_TEMPO)]
    for track in tracks:
        where = np.flatnonzero((track.heads[:, 0] == META) & (track.heads[:, 1] == SET_TEMPO))
        tempos = [int.from_bytes(track.messages[index][3:6], "big") for index in where]
        found += [pair for pair in zip(track.ticks[where].tolist(), tempos, strict=True) if pair[1]]
    found.sort(key=lambda pair: pair[0])
    ticks, tempos_us = (np.array(column, dtype=np.int64) for column in zip(*found, strict=True))
    return ticks, tempos_us


def serialize(
    kind: int, division: int, tracks: Iterable[tuple[np.ndarray, list[bytes], int]]
) -> bytes:
    """Return the bytes of a Standard MIDI File.

    Parameters
    ----------
    kind, division
        As in :class:`MidiEvents`, in ticks per beat.
    tracks
        Ticks in rising order, the messages at them, and the tick of the track's end.
    """
    chunks = []
    for ticks, messages, end_tick in tracks:
        deltas = np.diff(ticks, prepend=0, append=max(end_tick, *ticks[-1:].tolist(), 0)).tolist()
        body = b"".join(
            _encoded(delta) + message
            for delta, message in zip(deltas, [*messages, END_OF_TRACK + b"\0"], strict=True)
        )
        chunks.append(b"MTrk" + struct.pack(">I", len(body)) + body)
    return struct.pack(">4sIHHH", b"MThd", 6, kind, len(chunks), division) + b"".join(chunks)


def _encoded(value: int) -> bytes:
    """Return a number as a variable-length quantity (at most 2²⁸ - 1)."""
    if value < 0x80:
        return bytes((value,))
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
