"""Align a MIDI file to a recording: what ``from pianoalign_lib import align`` gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..common.errors import CheckpointError, ConfigError, InputError
from ..common.files import PACKAGE
from ..io.midi_score import MidiScore, read_midi_score
from ..io.recording import Recording, open_recording
from ..io.retiming import note_warp
from .result import ALIGNED, UNCERTAIN, Alignment, Placed, assemble

if TYPE_CHECKING:
    from ..common.config import CorpusPaths

LOWEST_PITCH, HIGHEST_PITCH = 21, 108
METHODS = ("localizer", "crnn", "dtw", "hybrid")
UNISON_S = 0.03  # the same note of two tracks within this time is one key struck
LONGER_TIMES, LONGER_S = 4.0, 600.0  # by how much a MIDI file may be longer than the recording
TRAINED_ON = "maps"  # the corpus whose network is taken for crnn and hybrid: it holds up on both


def align(
    audio: str | Path | np.ndarray,
    midi: Any,
    *,
    sample_rate: float | None = None,
    method: str = "localizer",
) -> Alignment:
    """Find where the notes of a MIDI file are heard in a recording of the same music.

    Parameters
    ----------
    audio
        A file that libsndfile reads (wav, flac, ogg, mp3, ...), of any rate and number of channels;
        or samples of shape (n_samples,), (n_samples, n_channels) or (n_channels, n_samples).
    midi
        A MIDI file: its path, bytes, open binary file, or a pretty_midi object. Tempo and start may
        differ from the recording's. Drums and notes beyond the 88 keys move with the others.
    sample_rate
        Of samples, in Hz.
    method
        ``localizer``: the network of this project, note by note. ``dtw``: Sync Toolbox, the whole
        file; ``crnn``: the network of arXiv 2506.22237 (start and tempo must be right); ``hybrid``:
        both. These three need the full installation, and the networks the repository.

    Returns
    -------
    Alignment
        ``.notes``, ``.to_midi(path)``, ``.to_csv(path)``, ``.plot()``, ``.write_report(path)``.

    Raises
    ------
    InputError
        If either is missing, unreadable, silent or empty, or they are not of the same music.
    ConfigError
        If the method is unknown or not installed.
    CheckpointError
        If a network's file is missing or damaged.
    """
    if method not in METHODS:
        raise ConfigError(f"unknown method '{method}'; choose one of {', '.join(METHODS)}")
    score = read_midi_score(midi)
    rows = _piano_rows(score)
    recording = open_recording(audio, sample_rate)
    from ..localizer.spectra import compute_spectra

    spectra = compute_spectra(recording.source, recording.sample_rate)
    notes, copies = _struck_keys(score, rows)
    _check_lengths(score.name, float(notes["onset_s"].iloc[-1]), recording.name, spectra.duration_s)
    try:
        if method == "localizer":
            from ..localizer.locate import locate

            found = locate(spectra, notes)
            placed = Placed(found.onset_s, found.confidence, found.status)
        else:
            placed = _place_otherwise(method, recording, notes, score)
    except InputError as error:
        if recording.name in str(error) or score.name in str(error):
            raise
        raise InputError(f"{recording.name}, {score.name}: {error}") from error
    placed = Placed(placed.onset_s[copies], placed.confidence[copies], placed.status[copies])
    return assemble(score, rows, placed, audio=recording.name, method=method, spectra=spectra)


def _piano_rows(score: MidiScore) -> np.ndarray:
    """Return the rows of the notes on the 88 keys."""
    on_keys = score.notes["pitch"].between(LOWEST_PITCH, HIGHEST_PITCH)
    rows = np.flatnonzero(on_keys & ~score.notes["is_drum"])
    if not len(rows):
        raise InputError(
            f"{score.name}: only drums or notes beyond the 88 keys; give a MIDI file of piano notes"
        )
    return rows


def _check_lengths(midi: str, midi_s: float, audio: str, audio_s: float) -> None:
    """Refuse a MIDI file so long that no tempo could make it the recording's."""
    if midi_s > LONGER_TIMES * audio_s + LONGER_S:
        raise InputError(
            f"{midi}: lasts {midi_s / 60:,.0f} minutes, and {audio} {audio_s / 60:,.1f}; check "
            "that the two belong together, or the MIDI file's tempo"
        )


def _struck_keys(score: MidiScore, rows: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the piano notes as the keys that are struck, and which of these each note is.

    Where two tracks have the same note within 30 ms, one key is struck.
    """
    notes = score.notes.iloc[rows]
    order = np.lexsort((notes["onset_s"], notes["pitch"]))
    onset_s, pitch, track = (
        notes[name].to_numpy()[order] for name in ("onset_s", "pitch", "track")
    )
    near = (np.diff(onset_s) <= UNISON_S) & (np.diff(track) != 0) | (np.diff(onset_s) == 0)
    is_new = np.append(True, (np.diff(pitch) != 0) | ~near)
    # A third note belongs to the first's key only if it is as near to that one.
    first = np.flatnonzero(is_new)
    late = onset_s - onset_s[first][np.cumsum(is_new) - 1] > UNISON_S
    first = np.flatnonzero(is_new | late)
    key = np.cumsum(is_new | late) - 1
    keys = pd.DataFrame(
        {
            "pitch": pitch[first],
            "velocity": np.maximum.reduceat(notes["velocity"].to_numpy()[order], first),
            "onset_s": onset_s[first],
            "offset_s": np.maximum.reduceat(notes["offset_s"].to_numpy()[order], first),
        }
    )
    by_onset = np.lexsort((keys["pitch"], keys["onset_s"]))
    place = np.empty_like(by_onset)
    place[by_onset] = np.arange(len(by_onset))
    copies = np.empty_like(key)
    copies[order] = place[key]
    keys = keys.iloc[by_onset].reset_index(drop=True)
    keys.insert(0, "note_id", np.arange(len(keys)))
    return keys, copies


def _place_otherwise(
    method: str, recording: Recording, notes: pd.DataFrame, score: MidiScore
) -> Placed:
    """Place notes by the paper's network, by DTW, or by both; they last as the pedal holds them."""
    try:
        from ..io.notes import apply_pedal
        from ..methods.placing import Placement, prepare

        notes = apply_pedal(notes, score.pedal_changes())
        audio = recording.samples()
        found: Placement | None = None
        for step in ("dtw", "crnn") if method == "hybrid" else (method,):
            paths, params = _project() if step == "crnn" else (None, {})
            given = notes
            found = prepare(step, audio, paths, params)(given)  # type: ignore[arg-type]
            notes = given.assign(onset_s=found.onset_s, offset_s=found.offset_s)
    except ImportError as error:
        raise ConfigError(
            f"method '{method}' needs the full installation ({error.name} is missing): see the "
            "README, or leave out the method"
        ) from error
    assert found is not None
    old_s, onset_s, is_placed = given["onset_s"].to_numpy(), found.onset_s, found.placed
    if is_placed.any():  # a lost note goes where its neighbours went
        along = note_warp(old_s[is_placed], onset_s[is_placed])
        onset_s = np.where(is_placed, onset_s, along(old_s))
    return Placed(onset_s, found.confidence, np.where(is_placed, ALIGNED, UNCERTAIN))


def _project() -> tuple[CorpusPaths, dict[str, Any]]:
    """Return folders and parameters of the project around, or of the one this package is in."""
    from ..common.config import corpus_paths, load_params, project_root

    try:
        root = project_root()
    except ConfigError:
        root = PACKAGE.parent
    if not (root / "params.yaml").is_file():
        raise CheckpointError(
            "methods crnn and hybrid need the project's networks; run them inside its folder"
        )
    return corpus_paths(TRAINED_ON, root), load_params(root, TRAINED_ON)
