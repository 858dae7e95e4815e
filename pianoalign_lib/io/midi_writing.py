"""A MIDI file with all its messages at new times."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from .midi_parsing import END_OF_TRACK, KEY_SIGNATURE, META, SET_TEMPO, TIME_SIGNATURE
from .midi_score import CONTROLLER, NO_EVENT, NOTE_OFF, PROGRAM_CHANGE, MidiScore
from .retiming import EARLY_S, Warp, next_start
from .timeline import Timeline, following, steady

BANK_SELECT = (0, 32)
# Of meta events of other types mido, hence pretty_midi, ignores the waiting time.
TIMED_META = (*range(0x08), 0x09, 0x20, 0x21, 0x51, 0x54, 0x58, 0x59, 0x7F)
TEMPO_HEAD = bytes((META, SET_TEMPO, 3))
TEXT, LYRIC, MARKER, CUE = 0x01, 0x05, 0x06, 0x07
# What comes first of messages at one tick.
TEMPO, ENDS, OTHERS, STARTS = range(4)


def retimed_midi(
    score: MidiScore,
    onset_s: np.ndarray,
    offset_s: np.ndarray,
    warp: Warp,
    *,
    keep_beats: bool = False,
) -> bytes:
    """Return a MIDI file with all tracks and messages of `score` at new times.

    Controllers (the pedal among them), pitch bends, texts, time and key signatures move with
    `warp`. What was at time 0 stays there, but for lyrics, markers and cues, and a change of
    program stays before the notes it is for. Note-offs that end no note are left out, as are notes
    and texts from before the recording.

    Parameters
    ----------
    score
        The file as it was read.
    onset_s, offset_s : np.ndarray [shape=(n_notes,)]
        New times in the order of ``score.notes``; notes with a negative onset are left out.
    warp
        From old to new times.
    keep_beats
        Write a tempo map that follows, so that beats stay beats (:func:`~.timeline.following`), and
        metres, keys and markers where they are in their bars; else one tempo.
    """
    events = score.events
    is_meta, kind = (events.table["status"] == META).to_numpy(), events.table["data1"].to_numpy()
    old_s = events.table["time_s"].to_numpy()
    stays = (old_s == 0) & ~(is_meta & np.isin(kind, (LYRIC, MARKER, CUE)))
    new_s = np.where(stays, 0.0, warp(old_s))
    gone = is_meta & np.isin(kind, (TEXT, LYRIC, MARKER, CUE)) & (new_s < -EARLY_S)
    new_s = np.maximum(_before_their_notes(score, new_s, onset_s), 0.0)
    ends_s = np.maximum(warp(events.ends_s), 0.0)
    last_s = max(new_s.max(), ends_s.max(), offset_s.max())
    line = following(score, warp) if keep_beats else steady(last_s)
    ticks = line.ticks(new_s)
    if line.places is not None:
        fixed = is_meta & ~stays & np.isin(kind, (TIME_SIGNATURE, KEY_SIGNATURE, MARKER))
        ticks[fixed] = line.places[fixed]
    on, off = _note_ticks(score, onset_s, offset_s, line)
    ended = score.off_row != NO_EVENT
    ticks[score.on_row], ticks[score.off_row[ended]] = on, off[ended]
    gone[score.stray_offs], gone[score.on_row] = True, onset_s < 0
    gone[score.off_row[ended]] = onset_s[ended] < 0
    tracks = _tracks(score, ticks, off, line.ticks(ends_s), gone, line)
    return serialize(events.kind, line.division, tracks)


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
    score: MidiScore, onset_s: np.ndarray, offset_s: np.ndarray, line: Timeline
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ticks of note-ons and note-offs; a note lasts at least one tick."""
    notes = score.notes
    on = line.ticks(np.maximum(onset_s, 0.0))
    keys = (notes["track"] * 16 + notes["channel"]) * 128 + notes["pitch"]
    off = np.minimum(line.ticks(np.maximum(offset_s, 0.0)), next_start(keys.to_numpy(), on))
    return on, np.maximum(off, on + 1).astype(np.int64)


def _tracks(
    score: MidiScore,
    ticks: np.ndarray,
    off: np.ndarray,
    end_ticks: np.ndarray,
    gone: np.ndarray,
    line: Timeline,
) -> Iterator[tuple[np.ndarray, list[bytes], int]]:
    """Yield ticks in order, messages and end of each track; the tempos are in the first."""
    table, ended = score.events.table, score.off_row != NO_EVENT
    is_meta = table["status"] == META
    rows = table[["track"]].assign(tick=ticks, rank=OTHERS, message=score.events.messages)
    # An event whose waiting time would be ignored gets none: it moves to the one before it.
    rows["waits"] = ~is_meta | table["data1"].isin(TIMED_META)
    rows.loc[score.on_row, "rank"], rows.loc[score.off_row[ended], "rank"] = STARTS, ENDS
    rows = rows[~gone & ~(is_meta & (table["data1"] == SET_TEMPO))]
    endless = score.notes[~ended & ~gone[score.on_row]]
    keys = zip(endless["channel"], endless["pitch"], strict=True)
    offs = [bytes((NOTE_OFF | channel, pitch, 64)) for channel, pitch in keys]
    ends = endless[["track"]].assign(tick=off[endless.index], rank=ENDS, message=offs, waits=True)
    new = np.append(True, np.diff(line.tempo) != 0)
    said = [TEMPO_HEAD + int(tempo).to_bytes(3, "big") for tempo in line.tempo[new]]
    tempos = pd.DataFrame({"tick": line.tick[new], "rank": TEMPO, "message": said, "waits": True})
    timed = range(len(end_ticks) if score.events.kind == 2 else 1)
    rows = pd.concat([rows, ends, *(tempos.assign(track=number) for number in timed)])
    rows = rows.sort_values(["track", "tick", "rank"])
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
