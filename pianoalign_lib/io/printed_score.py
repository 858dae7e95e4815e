"""Printed scores (MusicXML, MEI, Humdrum) as MIDI. By partitura, the extra ``[scores]``.

A repeat stands once, as it is printed: whether it is played is for the alignment to find out.
"""

from __future__ import annotations

import io
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..common.errors import ConfigError, InputError

PRINTED_SUFFIXES = (".musicxml", ".xml", ".mxl", ".mei", ".krn")


def read_printed(path: Path) -> Any:
    """Return a score as partitura has it.

    Raises
    ------
    ConfigError
        If partitura is not installed.
    InputError
        If the file is damaged, no score, or has no notes.
    """
    try:
        import partitura
    except ImportError as error:
        raise ConfigError(
            f"{path}: a printed score needs partitura ({error.name} is missing): "
            "pip install 'pianoalign[scores]', or export it as MIDI"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = partitura.load_score(str(path), force_note_ids=True, quiet=True)
            notes = [note for part in score.parts for note in part.notes]
            if len({note.id for note in notes}) < len(notes):  # the notes of a Humdrum chord, say
                for number, note in enumerate(notes):
                    note.id = f"n{number}"
            if notes:
                return score
    except Exception as error:  # its readers raise what they meet
        reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise InputError(
            f"{path}: not readable as a score ({reason}); export it again, or as MIDI"
        ) from error
    raise InputError(f"{path}: a score without notes; give one with notes")


def printed_midi(path: Path) -> bytes:
    """Return a printed score as the bytes of a MIDI file: each part a track, ties as one note."""
    score = read_printed(path)
    import partitura

    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # No channels for voices: there are 16, and the tenth is for drums.
            midi = partitura.save_score_midi(score, None, part_voice_assign_mode=3, minimum_ppq=480)
            midi.save(file=buffer)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise InputError(f"{path}: cannot be written as MIDI ({reason}); export it so") from error
    return buffer.getvalue()


def printed_ids(score: Any, notes: pd.DataFrame) -> list[str]:
    """Return for each note of the MIDI file that :func:`printed_midi` makes its id in the score.

    Parameters
    ----------
    score
        What :func:`read_printed` returns.
    notes
        Columns pitch and onset_s, one row per note of the file.
    """
    printed = defaultdict(list)
    for part in score.parts:
        for note in part.notes_tied:
            printed[note.midi_pitch].append((float(part.quarter_map(note.start.t)), note.id))
    pitch = notes["pitch"].to_numpy()
    ids = np.empty(len(notes), dtype=object)
    for key in np.unique(pitch):
        rows = np.flatnonzero(pitch == key)
        rows = rows[np.argsort(notes["onset_s"].to_numpy()[rows], kind="stable")]
        in_order = [name for _, name in sorted(printed[key], key=lambda each: each[0])]
        if len(in_order) != len(rows):
            raise InputError("the score is not the one that was aligned; align it again")
        ids[rows] = in_order
    return ids.tolist()
