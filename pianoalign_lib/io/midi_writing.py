"""A MIDI file with all its messages at new times, in one tempo."""

from __future__ import annotations

import numpy as np

from .midi_events import META, SET_TEMPO, serialize
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
    old_s = score.messages["time_s"].to_numpy()
    new_s = np.where(old_s > 0, np.maximum(warp(old_s), 0.0), 0.0)
    new_s = _before_their_notes(score, new_s, onset_s)
    ends_s = np.maximum(warp(score.ends_s), 0.0)
    last_s = max(new_s.max(), ends_s.max(), offset_s.max())
    fitting = (n for n in DIVISIONS if last_s * n * BEATS_PER_S < MOST_TICKS)
    division = next(fitting, DIVISIONS[-1])
    ticks = np.rint(new_s * division * BEATS_PER_S).astype(np.int64)
    end_ticks = np.rint(ends_s * division * BEATS_PER_S).astype(np.int64)
    on, off = _note_ticks(score, onset_s, offset_s, division * BEATS_PER_S)
    ended = score.off_row != NO_EVENT
    ticks[score.on_row], ticks[score.off_row[ended]] = on, off[ended]
    return serialize(score.events.kind, division, _tracks(score, ticks, off, end_ticks.tolist()))


def _before_their_notes(score: MidiScore, new_s: np.ndarray, onset_s: np.ndarray) -> np.ndarray:
    """Return new times of messages, where no program change is later than a note after it."""
    messages, notes = score.messages, score.notes
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
    score: MidiScore, ticks: np.ndarray, off: np.ndarray, end_ticks: list[int]
) -> list[tuple[np.ndarray, list[bytes], int]]:
    """Return ticks in order, messages and end of each track, with one tempo at the beginning."""
    messages = score.messages
    is_meta, data1 = messages["status"].to_numpy() == META, messages["data1"].to_numpy()
    rank = np.full(len(messages), OTHERS)
    rank[score.on_row], rank[score.off_row[score.off_row != NO_EVENT]] = STARTS, ENDS
    kept = ~(is_meta & (data1 == SET_TEMPO))
    kept[score.stray_offs] = False
    bodies = [body for track in score.events.tracks for body in track.messages]

    open_notes = score.notes[score.off_row == NO_EVENT]
    tempo_tracks = range(len(end_ticks)) if score.events.kind == 2 else range(1)
    sizes = [len(messages), len(open_notes), len(tempo_tracks)]
    for channel, pitch in zip(open_notes["channel"], open_notes["pitch"], strict=True):
        bodies.append(bytes((NOTE_OFF | channel, pitch, 64)))
    bodies += [TEMPO_MESSAGE] * len(tempo_tracks)
    tick = np.concatenate([ticks, off[open_notes["note_id"].to_numpy()], [0] * sizes[2]])
    track = np.concatenate([messages["track"], open_notes["track"], tempo_tracks])
    rank = np.concatenate([rank, [ENDS] * sizes[1], [TEMPO] * sizes[2]])
    kept = np.pad(kept, (0, sizes[1] + sizes[2]), constant_values=True)
    waits = np.pad(~is_meta | np.isin(data1, TIMED_META), (0, sizes[1] + sizes[2]))
    waits[len(messages) :] = True

    order = np.lexsort((rank, tick, track))
    order = order[kept[order]]
    result = []
    for number, end_tick in enumerate(end_ticks):
        own = order[track[order] == number]
        # An event whose waiting time would be ignored gets none: it moves to the one before it.
        in_order = np.maximum.accumulate(np.where(waits[own], tick[own], 0))
        result.append((in_order, [bodies[index] for index in own.tolist()], end_tick))
    return result
