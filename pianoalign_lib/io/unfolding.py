"""A MIDI file as it was played: what a recording plays twice stands in it twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .midi_score import NO_EVENT, MidiScore

SHORTEST_S = 1.0  # of the MIDI file, played again; less is how exactly a stretch's ends are known
EDGE_S = 0.35  # before a stretch that is played again: by so much a path may jump late
Stretches = tuple[tuple[float, float, float, float], ...]


def unfolded(score: MidiScore, structure: Stretches) -> MidiScore | None:
    """Return a file whose stretches follow each other as they are played; None if none is repeated.

    Each note keeps its ``note_id``, and has its onset in the file as it was as ``onset_in_s``. What
    lies in no stretch stays with what is before it; messages at time 0 stay there, once.

    Parameters
    ----------
    structure
        Of a :class:`~.placement.Placement`.
    """
    time_s = score.events.table["time_s"].to_numpy()
    length_s = max(float(time_s.max()), float(score.events.ends_s.max())) + 1.0
    begin_s, end_s = _pieces(structure, length_s)
    shift_s = np.cumsum(end_s - begin_s) - end_s
    if shift_s[-1] + end_s[-1] <= length_s:
        return None
    ended = score.off_row != NO_EVENT
    starts_s = time_s.copy()  # a note's end goes with its beginning
    starts_s[score.off_row[ended]] = time_s[score.on_row[ended]]
    stays = starts_s == 0
    stays[score.on_row] = stays[score.off_row[ended]] = False
    inside = (starts_s >= begin_s[:, None]) & (starts_s < end_s[:, None]) & ~stays
    inside[0] |= stays
    piece, row = np.nonzero(inside)
    place = np.full((len(inside), len(time_s) + 1), NO_EVENT)  # the last is that of no event
    place[piece, row] = np.arange(len(row))
    events = replace(
        score.events,
        table=score.events.table.iloc[row]
        .assign(time_s=np.where(stays[row], 0.0, time_s[row] + shift_s[piece]))
        .reset_index(drop=True),
        messages=[score.events.messages[each] for each in row],
        ends_s=score.events.ends_s + shift_s[-1],
    )
    piece, note = np.nonzero(inside[:, score.on_row])
    given = score.notes.iloc[note]
    notes = given.assign(
        onset_in_s=given["onset_s"],
        onset_s=given["onset_s"] + shift_s[piece],
        offset_s=given["offset_s"] + shift_s[piece],
    )
    on, off = place[piece, score.on_row[note]], place[piece, score.off_row[note]]
    order = np.lexsort((on, notes["track"], notes["pitch"], notes["onset_s"]))
    stray = place[:, score.stray_offs]
    notes = notes.iloc[order].reset_index(drop=True)
    return MidiScore(score.name, events, notes, on[order], off[order], stray[stray >= 0])


def _pieces(structure: Stretches, length_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return begin and end of each piece of the file, in playing order; together they are all."""
    begin_s, end_s = np.array(structure or [(0.0, length_s, 0.0, 0.0)])[:, :2].T.copy()
    again = np.flatnonzero(begin_s[1:] < end_s[:-1]) + 1
    short = again[end_s[again - 1] - begin_s[again] < SHORTEST_S]
    begin_s[again] -= EDGE_S
    begin_s[short] = end_s[short - 1]
    reach_s, last = 0.0, -1
    for number in np.argsort(begin_s, kind="stable"):
        if begin_s[number] > reach_s:
            if last < 0:
                begin_s[number] = 0.0
            else:
                end_s[last] = begin_s[number]
        if end_s[number] >= reach_s:
            reach_s, last = end_s[number], int(number)
    end_s[last] = length_s
    return begin_s.clip(min=0.0), end_s
