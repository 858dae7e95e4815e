"""Align a MIDI file to a recording: what ``from pianoalign_lib import align`` gives.

A package adds a method of its own by an entry point of the group ``pianoalign.methods``: a function
from a :class:`~pianoalign_lib.io.recording.Recording` and the note table of the struck keys, which
last as the pedal holds them, to a :class:`~pianoalign_lib.io.placement.Placement`. The entry
point's name is the method's, in ``align(..., method=name)`` and ``pianoalign align --method name``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..common.errors import ConfigError, InputError
from ..io.midi_score import MidiScore, read_midi_score
from ..io.notes import apply_pedal
from ..io.placement import ALIGNED, Placement
from ..io.recording import open_recording
from ..io.unfolding import unfolded
from ..localizer import locate as localizer
from ..localizer import transposition
from ..localizer.coarse import find_course
from ..localizer.runner import DEFAULT, WEIGHTS, load_runner
from ..localizer.spectra import Spectra, compute_spectra
from .keys import struck_keys
from .result import Alignment

METHODS = "pianoalign.methods"  # the group of entry points
REPEATS = ("once", "unfold")
HEARD_AGAIN = 0.75  # of the notes of a passage unfolded, aligned; of one played once: a half
LONGER_TIMES, LONGER_S = 4.0, 600.0  # by how much a MIDI file may be longer than the recording


def align(
    audio: str | Path | np.ndarray,
    midi: Any,
    *,
    sample_rate: float | None = None,
    method: str = "localizer",
    repeats: str = "once",
    weights: str = DEFAULT,
) -> Alignment:
    """Find where the notes of a MIDI file are heard in a recording of the same music.

    Parameters
    ----------
    audio, sample_rate
        A file that libsndfile or PyAV reads (wav, flac, mp3, m4a, ...); or samples of shape
        (n_samples,), (n_samples, n_channels) or (n_channels, n_samples), and their rate in Hz.
    midi
        A MIDI file: its path, bytes, open binary file, or a pretty_midi object. Tempo and start may
        differ from the recording's. Drums and notes beyond the 88 keys move with the others.
    method
        ``localizer``: the network of this project, note by note. ``dtw``: Sync Toolbox, the whole
        file; ``crnn``: the network of arXiv 2506.22237 (start and tempo must be right); ``hybrid``:
        both. These need the full installation, the networks the repository. Or what others add.
    repeats
        ``once``: a note that is played again stands where it is played first. ``unfold``: it stands
        there once for each time, in two rows of the notes and in the written file.
    weights
        Of the localizer, by a name that ``pianoalign models`` lists.

    Returns
    -------
    Alignment
        ``.notes``, ``.to_midi(path)``, ``.to_csv(path)``, ``.plot()``, ``.write_report(path)``.

    Raises
    ------
    InputError
        If either is missing, unreadable, silent or empty, or they are not of the same music.
    ConfigError
        If the method, the weights or what to do with repeats is unknown, or not installed.
    CheckpointError
        If a network's file is damaged.
    """
    other, network = _chosen(method, weights, repeats)
    score = read_midi_score(midi)
    notes, copies = struck_keys(score)
    recording = open_recording(audio, sample_rate)
    spectra = compute_spectra(recording.source, recording.sample_rate)
    _check_lengths(score.name, float(notes["onset_s"].iloc[-1]), recording.name, spectra.duration_s)
    with _named(recording.name, score.name, method):
        if other is None:
            found, spectra = transposition.locate(spectra, notes, **network)
        else:
            found = other.load()(recording, apply_pedal(notes, score.pedal_changes()))
        placed = found.take(copies)
        if repeats == "unfold":
            score, placed = _unfold(score, notes, spectra, placed, network)
    return Alignment.assembled(score, placed, recording=recording, method=method, spectra=spectra)


def _chosen(method: str, weights: str, repeats: str) -> tuple[EntryPoint | None, dict[str, Any]]:
    """Return another method than the localizer, or what that is told of its network."""
    other = None if method == "localizer" else _entry_point(method)
    if repeats not in (REPEATS if method == "localizer" else REPEATS[:1]):
        raise ConfigError(
            f"repeats '{repeats}' with method '{method}': choose one of {', '.join(REPEATS)}; only "
            "the localizer unfolds"
        )
    return other, _network(weights)


def _unfold(
    score: MidiScore,
    notes: pd.DataFrame,
    spectra: Spectra,
    once: Placement,
    network: dict[str, Any],
) -> tuple[MidiScore, Placement]:
    """Return file and placement with what is played again, if its notes are heard each time."""

    def structures() -> Iterator[tuple]:
        yield once.structure
        # Where a repeat is left out the notes fit as well, and nothing needed to be told of it.
        yield find_course(spectra, notes).structure()

    for told in structures():
        if told and (again := unfolded(score, told)) is not None:
            keys, copies = struck_keys(again)
            with suppress(InputError):
                placed = localizer.locate(spectra, keys, **network).take(copies)
                note_id = again.notes["note_id"].iloc[again.piano_rows()]
                status = placed.status[note_id.duplicated(keep=False)]
                if len(status) and np.mean(status == ALIGNED) > HEARD_AGAIN:
                    return again, replace(placed, structure=told)
    return score, once


@contextmanager
def _named(audio: str, midi: str, method: str) -> Iterator[None]:
    """Let errors say which files, or which method, they are about."""
    try:
        yield
    except InputError as error:
        if audio in str(error) or midi in str(error):
            raise
        raise InputError(f"{audio}, {midi}: {error}") from error
    except ImportError as error:
        raise ConfigError(
            f"method '{method}' needs the full installation ({error.name} is missing): see the "
            "README, or leave out the method"
        ) from error


def _entry_point(method: str) -> EntryPoint:
    """Return what a package, ours or another, names as a method."""
    known = {entry.name: entry for entry in entry_points(group=METHODS)}
    if method not in known:
        names = ", ".join(["localizer", *sorted(known)])
        raise ConfigError(f"unknown method '{method}'; choose one of {names}")
    return known[method]


def check_weights(weights: str) -> None:
    """Raise a ConfigError if the localizer has no weights of that name."""
    if weights not in (known := sorted(path.stem for path in WEIGHTS.glob("*.onnx"))):
        raise ConfigError(f"unknown weights '{weights}'; choose one of {', '.join(known)}")


def _network(weights: str) -> dict[str, Any]:
    """Return what `locate` is told of the network: nothing where it is the released one."""
    check_weights(weights)
    return {} if weights == DEFAULT else {"runner": load_runner(weights)}


def _check_lengths(midi: str, midi_s: float, audio: str, audio_s: float) -> None:
    """Refuse a MIDI file so long that no tempo could make it the recording's."""
    if midi_s > LONGER_TIMES * audio_s + LONGER_S:
        raise InputError(
            f"{midi}: lasts {midi_s / 60:,.0f} minutes, and {audio} {audio_s / 60:,.1f}; check "
            "that the two belong together, or the MIDI file's tempo"
        )
