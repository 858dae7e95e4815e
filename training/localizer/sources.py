"""The localizer's training recordings: spectra of rendered corpora, as they are and augmented.

A corpus's ``train`` part is read once; each copy of a recording is a file of spectra and notes, so
that training never touches audio. A run that was stopped goes on with the copies that are missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import corpus_paths, digest, topic
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.common.progress import side_by_side
from pianoalign_lib.corpora.recordings import Recording, load_recording, read_index
from pianoalign_lib.corpora.sounding import note_latency
from pianoalign_lib.corpora.timing_errors import generator
from pianoalign_lib.localizer.runner import CHUNK
from pianoalign_lib.localizer.spectra import SAMPLE_RATE, Spectra, compute_spectra

from .augment import augment
from .examples import Source

LEAST_MEASURED = 8  # notes whose latency is clear
SPECTRA = ("long", "short", "bands")
NOTES = ("onset_s", "pitch", "velocity")


@dataclass(frozen=True)
class Copy:
    """One copy of a recording."""

    corpus: str
    part: str  # train or eval, the folder of the corpus
    role: str  # train, or validation: the piano kept aside and the validation recordings
    recording: Recording
    number: int  # 0 is the recording as it is

    def path(self, root: Path) -> Path:
        """Return where the copy is kept."""
        audio = self.recording.sha256_audio[:12]
        name = f"{self.recording.recording}-{self.number}-{audio}.npz"
        return root / "data" / "localizer" / self.corpus / name


def plan_copies(root: Path, params: dict[str, Any], corpora: Iterable[str]) -> list[Copy]:
    """Return every copy of every recording that the localizer is trained or validated on.

    Parameters
    ----------
    corpora
        Those asked for, of the topic ``localizer.copies``.

    Raises
    ------
    CorpusError
        If a corpus of the topic ``localizer`` has not been rendered.
    """
    settings = topic(params, "localizer")
    kept_aside = settings["validation"]
    copies = []
    for corpus in corpora:
        parts = {"train": "train"}
        if corpus in kept_aside["corpora"]:
            parts["eval"] = "validation"
        for part, split in parts.items():
            folder = corpus_paths(corpus, root).split(part)
            for recording in read_index(folder, split=split):
                trained = split == "train" and recording.piano != kept_aside["piano"]
                role, count = (
                    ("train", settings["copies"][corpus]) if trained else ("validation", 2)
                )
                copies += [Copy(corpus, part, role, recording, n) for n in range(count)]
    return copies


def build_sources(
    root: Path, params: dict[str, Any], corpora: Iterable[str], jobs: int = 2
) -> None:
    """Compute the spectra of all copies that are not there yet (``data/localizer``)."""
    copies = plan_copies(root, params, corpora)
    missing = [copy for copy in copies if not copy.path(root).is_file()]
    work = partial(_build, root, topic(params, "localizer"))
    side_by_side(work, missing, jobs, label="localizer spectra")


def _build(root: Path, settings: dict[str, Any], copy: Copy) -> None:
    folder = corpus_paths(copy.corpus, root).split(copy.part)
    audio, notes = load_recording(folder, copy.recording)
    latency_ms = settings["label_latency_ms"].get(copy.corpus)
    if latency_ms is not None and copy.role == "train":
        notes = even_latency(audio, notes, latency_ms / 1000.0)
    if copy.number:
        name = copy.recording.recording
        rng = generator(settings["augmentation_seed"], name, str(copy.number))
        audio, notes = augment(audio, notes, rng)
    spectra = compute_spectra(audio, SAMPLE_RATE, tuning=0.0)  # detuned as it is
    arrays = {key: getattr(spectra, key) for key in SPECTRA}
    notes = notes.sort_values("onset_s", kind="stable")
    arrays |= {key: notes[key].to_numpy() for key in NOTES}
    with atomic_path(copy.path(root)) as temporary, temporary.open("wb") as handle:
        np.savez(handle, **arrays)


def even_latency(audio: np.ndarray, notes: pd.DataFrame, latency_s: float) -> pd.DataFrame:
    """Return the notes with all labels moved so that the sound comes `latency_s` after them.

    Recordings of MAPS differ in it by up to 14 ms, each by a constant of its own, which a network
    could only learn as noise. Left as it is where too few notes can be measured.
    """
    measured_s = note_latency(audio, notes)["latency_s"].dropna()
    if len(measured_s) < LEAST_MEASURED:
        return notes
    shift_s = float(measured_s.median()) - latency_s
    return notes.assign(
        onset_s=(notes["onset_s"] + shift_s).clip(lower=0), offset_s=notes["offset_s"] + shift_s
    )


def label_latencies(folder: Path) -> pd.Series:
    """Return each training recording's median time from label to sound, in seconds.

    Of a part's folder; recordings without a note that can be measured are left out. The median of
    MAPS's is ``label_latency_ms`` of ``params.yaml``.
    """
    found = {}
    for recording in read_index(folder, split="train"):
        audio, notes = load_recording(folder, recording)
        found[recording.recording] = note_latency(audio, notes)["latency_s"].median()
    return pd.Series(found).dropna()


def load_sources(
    root: Path, params: dict[str, Any], role: str, corpora: Iterable[str], augmented: bool
) -> list[Source]:
    """Return the recordings of a role, those too short for a chunk left out.

    Parameters
    ----------
    augmented
        False: the recordings as they are only.

    Raises
    ------
    CorpusError
        If a copy has not been built.
    """
    sources = []
    for copy in plan_copies(root, params, corpora):
        if copy.role == role and (augmented or not copy.number):
            path = copy.path(root)
            if not path.is_file():
                raise CorpusError(
                    f"{path}: not found; run 'python -m training.localizer prepare' first"
                )
            with np.load(path) as stored:
                long, short, bands = (stored[key] for key in SPECTRA)
                notes = [stored[key] for key in NOTES]
            spectra = Spectra(long, short, bands, duration_s=(len(long) - 1) / 100.0)
            name = f"{copy.corpus}/{copy.recording.recording}-{copy.number}"
            sources.append(Source(name, spectra, *notes))
    return [source for source in sources if len(source.onset_s) >= 2 * CHUNK]


def sources_hash(root: Path, params: dict[str, Any], corpora: Iterable[str]) -> str:
    """Return twelve hexadecimal digits that change when the recordings or copies do."""
    settings = topic(params, "localizer")
    names = sorted(copy.path(root).name + copy.role for copy in plan_copies(root, params, corpora))
    return digest([names, settings["augmentation_seed"], settings["label_latency_ms"]])
