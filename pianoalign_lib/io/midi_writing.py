"""A MIDI file with all its messages at new times, in one tempo."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from .midi_parsing import END_OF_TRACK, META, SET_TEMPO
from .midi_score import CONTROLLER, NO_EVENT, NOTE_OFF, PROGRAM_CHANGE, MidiScore
from .retiming import Warp, next_start

# One tempo, 120 beats per minute. The finest division is right to 0.13 ms; a coarser one keeps long
# files within the ten million ticks that pretty_midi takes for the most a sound file can have.
TEMPO_MESSAGE = b"\xff\x51\x03\x07\xa1\x20"
BEATS_PER_S = 2
DIVISIONS = (1920, 960, 480, 384, 96)  # ticks per beat; 384 is right to 0.65 ms, for 3.6 hours
MOST_TICKS = 10_000_000
BANK_SELECT = (0, 32)
# Of meta events of other types mido, hence pretty_midi, ignores the waiting time.
TIMED_META = (*range(0x08), 0x09, 0x20, 0x21, 0x51, 0x54, 0x58, 0x59, 0x7F)
# What comes first of messages at one tick.
TEMPO, ENDS, OTHERS, STARTS = range(4)


def retimed_midi(score: MidiScore, onset_s: np.ndarray, offset_s: np.ndarray, warp: Warp) -> bytes:
    """Return a MIDI file with all tracks and messages of `score` at new times.

    Controllers (the pedal among them), pitch bends, texts, time and key signatures move with
    `warp`. What was at time 0 stays there, and a change of program stays before the notes it is
    for. Note-offs that end no note are left out.

    Parameters
    ----------
    score
        The file as it was read.
    onset_s, offset_s : np.ndarray [shape=(n_notes,)]
        New times in the order of ``score.notes``, from 0 on.
    warp
        From old to new times.
    """
    events = score.events
    old_s = events.table["time_s"].to_numpy()
    new_s = np.where(old_s > 0, np.maximum(warp(old_s), 0.0), 0.0)
    new_s = _before_their_notes(score, new_s, onset_s)
    ends_s = np.maximum(warp(events.ends_s), 0.0)
    last_s = max(new_s.max(), ends_s.max(), offset_s.max())
    fitting = (n for n in DIVISIONS if last_s * n * BEATS_PER_S < MOST_TICKS)
    division = next(fitting, DIVISIONS[-1])
    ticks = np.rint(new_s * division * BEATS_PER_S).astype(np.int64)
    end_ticks = np.rint(ends_s * division * BEATS_PER_S).astype(np.int64)
    on, off = _note_ticks(score, onset_s, offset_s, division * BEATS_PER_S)
    ended = score.off_row != NO_EVENT
    ticks[score.on_row], ticks[score.off_row[ended]] = on, off[ended]
    return serialize(events.kind, division, _tracks(score, ticks, off, end_ticks))


def _before_their_notes(score: MidiScore, new_s: np.ndarray, onset_s: np.ndarray) -> np.ndarray:
    """Return new times of messages, where no program change is later than a note after it."""
    messages, notes = score.events.table, score.notes
    status = messages["status"].to_numpy()
    is_bank = (status & 0xF0 == CONTROLLER) & messages["data1"].isin(BANK_SELECT).to_numpy()
    chooses = (status & 0xF0 == PROGRAM_CHANGE) | is_bank
    new_s = new_s.copy()
    for channel in np.unique(status[chooses] & 0x0F):
        rows = np.flatnonzero(chooses & (status & 0x0F == channel))
        mine = np.flatnonzero(notes["channel"] == channel)  # in the order of their old onsets
        earliest_s = np.append(np.minimum.accumulate(onset_s[mine][::-1])[::-1], np.inf)
        old_s = notes["onset_s"].to_numpy()[mine]
        index = np.searchsorted(old_s, messages["time_s"].to_numpy()[rows], side="left")
        new_s[rows] = np.minimum(new_s[rows], earliest_s[index])
    return new_s


def _note_ticks(
    score: MidiScore, onset_s: np.ndarray, offset_s: np.ndarray, ticks_per_s: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ticks of note-ons and note-offs; a note lasts at least one tick."""
    notes = score.notes
    on = np.rint(onset_s * ticks_per_s).astype(np.int64)
    keys = (notes["track"] * 16 + notes["channel"]) * 128 + notes["pitch"]
    off = np.minimum(np.rint(offset_s * ticks_per_s), next_start(keys.to_numpy(), on))
    return on, np.maximum(off, on + 1).astype(np.int64)


def _tracks(
    score: MidiScore, ticks: np.ndarray, off: np.ndarray, end_ticks: np.ndarray
) -> Iterator[tuple[np.ndarray, list[bytes], int]]:
    """Yield ticks in order, messages and end of each track, with one tempo at the beginning."""
    table, ended = score.events.table, score.off_row != NO_EVENT
    is_meta = table["status"] == META
    rows = table[["track"]].assign(tick=ticks, rank=OTHERS, message=score.events.messages)
    # An event whose waiting time would be ignored gets none: it moves to the one before it.
    rows["waits"] = ~is_meta | table["data1"].isin(TIMED_META)
    rows.loc[score.on_row, "rank"], rows.loc[score.off_row[ended], "rank"] = STARTS, ENDS
    rows = rows[~is_meta | (table["data1"] != SET_TEMPO)].drop(index=score.stray_offs.tolist())
    endless = score.notes[~ended]
    keys = zip(endless["channel"], endless["pitch"], strict=True)
    offs = [bytes((NOTE_OFF | channel, pitch, 64)) for channel, pitch in keys]
    ends = endless[["track"]].assign(tick=off[~ended], rank=ENDS, message=offs, waits=True)
    timed = range(len(end_ticks) if score.events.kind == 2 else 1)
    tempos = pd.DataFrame({"track": timed}).assign(
        tick=0, rank=TEMPO, message=TEMPO_MESSAGE, waits=True
    )
    rows = pd.concat([rows, ends, tempos]).sort_values(["track", "tick", "rank"])
    for number, end_tick in enumerate(end_ticks.tolist()):
        own = rows[rows["track"] == number]
        in_order = np.maximum.accumulate(np.where(own["waits"], own["tick"], 0))
        yield in_order, own["message"].tolist(), end_tick


def serialize(
    kind: int, division: int, tracks: Iterable[tuple[np.ndarray, list[bytes], int]]
) -> bytes:
    """Return the bytes of a Standard MIDI File.

    Parameters
    ----------
    kind, division
        As in :class:`MidiEvents`, and ticks per beat.
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
