"""Sampled pianos that render a note table sample-exactly, and know their own attack.

The attack is the time from the note-on to the first sample above 5 % of the peak. It differs
between pianos by milliseconds, so the true onset of a rendered note is its note-on plus the attack
of that pitch and velocity: one onset then means the same physical event on every piano.
"""

from __future__ import annotations

import io
import re
import zipfile
from abc import ABC, abstractmethod
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pretty_midi
import soundfile as sf

from ..common.errors import CorpusError
from ..common.files import fetched
from ..io.audio import resample
from ..io.notes import HIGHEST_PITCH, LOWEST_PITCH, N_PITCHES, note_table

ATTACK_LEVEL = 0.05  # of the peak
PEAK_WITHIN_S = 0.5
SPACING_S = 1.5  # between notes that are measured, so that each has faded
N_VELOCITIES = 127
CALIBRATION_VELOCITIES = np.array([30, 55, 80, 105])
RELEASE_S = 0.12  # a damper's fade, for the pianos made of single notes
IOWA_NAME = re.compile(r"Piano\.ff\.([A-G]b?\d)\.flac")
SOUNDFONTS = ("timgm6mb", "salamander_light", "florestan")


class Piano(ABC):
    """A sampled piano, which plays at a sample rate of its own, `RATE`."""

    RATE: int

    @abstractmethod
    def play(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at `RATE`, `duration_s` long."""

    def render(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at 16 kHz, `duration_s` long."""
        return resample(self.play(notes, duration_s), self.RATE)

    def attack_s(self, pitch: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return the time from note-on to onset of each note, in seconds; here zeros."""
        return np.zeros(len(pitch))


class SoundFontPiano(Piano):
    """The first preset of a SoundFont, played by TinySoundFont.

    TinySoundFont renders between two events in one go, so each event falls on its exact sample; its
    own sequencer would jitter by 0.75 ms. The attack is measured when it is first asked for.
    """

    RATE = 48_000  # three times 16 kHz, so that resampling is exact

    def __init__(self, path: Path) -> None:
        self._path = path

    def attack_s(self, pitch: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return the time from note-on to onset of each note, in seconds."""
        row = np.asarray(pitch) - LOWEST_PITCH
        return self._attacks_s[row, np.clip(velocity, 1, N_VELOCITIES) - 1]

    @cached_property
    def _attacks_s(self) -> np.ndarray:
        """The attack in seconds [shape=(88, 127)], that of the nearest velocity measured."""
        measured = []
        for velocity in CALIBRATION_VELOCITIES.tolist():
            audio = self.play(every_key(velocity), N_PITCHES * SPACING_S)
            measured.append(attacks_of_keys(audio, self.RATE))
        distance = np.abs(np.arange(1, N_VELOCITIES + 1)[:, None] - CALIBRATION_VELOCITIES)
        return np.stack(measured, axis=1)[:, distance.argmin(axis=1)]

    @cached_property
    def _synth(self) -> Any:
        """The SoundFont, opened when it is first played: a big one takes seconds."""
        import tinysoundfont

        synth = tinysoundfont.Synth(gain=-6, samplerate=self.RATE)
        font = synth.sfload(str(self._path))
        synth.program_select(0, font, 0, 0)
        return synth

    def play(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at `RATE`; the SoundFont stays open for the next ones."""
        n_samples = round(duration_s * self.RATE)
        pitch, velocity = notes["pitch"].tolist(), notes["velocity"].tolist()
        on = np.rint(notes["onset_s"].to_numpy() * self.RATE).astype(int)
        off = np.rint(notes["offset_s"].to_numpy() * self.RATE).astype(int)
        # A note-off comes before a note-on of the same sample, or it would cut the new note.
        events: list[tuple[int, int, int, int]] = sorted(
            [(time, 0, key, 0) for time, key in zip(off.tolist(), pitch, strict=True)]
            + [(t, 1, k, v) for t, k, v in zip(on.tolist(), pitch, velocity, strict=True)]
        )
        stereo = np.zeros((n_samples, 2), dtype=np.float32)
        buffer = stereo.data.cast("B")
        now, frame_bytes = 0, 8
        for time, is_on, key, level in [*events, (n_samples, 0, 0, 0)]:
            time = min(time, n_samples)
            if time > now:
                self._synth.generate(time - now, buffer[now * frame_bytes : time * frame_bytes])
                now = time
            if now >= n_samples:
                break
            if is_on:
                self._synth.noteon(0, key, level)
            else:
                self._synth.noteoff(0, key)
        self._synth.sounds_off()
        self._synth.generate(self.RATE // 4)  # what still fades belongs to no later recording
        return stereo.mean(axis=1)


class SamplePiano(Piano):
    """A piano made of recorded notes, each placed by its attack, which is 0 by construction."""

    @abstractmethod
    def _sample(self, pitch: int, velocity: int) -> tuple[np.ndarray, int, float]:
        """Return a note's samples, the index of its onset in them, and its gain."""

    def play(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at `RATE`, that of the samples, `duration_s` long."""
        out = np.zeros(round(duration_s * self.RATE), dtype=np.float32)
        fade = np.exp(-np.arange(round(RELEASE_S * self.RATE)) / (RELEASE_S * self.RATE / 7.0))
        columns = ("pitch", "velocity", "onset_s", "offset_s")
        for row in zip(*(notes[column].tolist() for column in columns), strict=True):
            pitch, velocity, onset_s, offset_s = row
            sample, attack, gain = self._sample(pitch, velocity)
            held = attack + max(1, round((offset_s - onset_s) * self.RATE))
            sound = sample[: held + len(fade)].copy()
            sound[held:] *= fade[: max(0, len(sound) - held)]
            first = round(onset_s * self.RATE) - attack
            skip = max(0, -first)
            last = min(first + len(sound), len(out))
            out[first + skip : last] += gain * sound[skip : last - first]
        return out


class IowaPiano(SamplePiano):
    """Steinway B of the University of Iowa: one recorded note per key, one dynamic."""

    RATE = 44_100

    def __init__(self, path: Path) -> None:
        self._samples: dict[int, tuple[np.ndarray, int]] = {}
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if match := IOWA_NAME.fullmatch(name):
                    audio, rate = sf.read(io.BytesIO(archive.read(name)), always_2d=True)
                    assert rate == self.RATE, rate  # the archive's checksum fixes its contents
                    mono = audio.mean(axis=1)
                    attack = round(measure_attack_s(mono, rate) * rate)
                    pitch = pretty_midi.note_name_to_number(match[1])
                    self._samples[pitch] = mono.astype(np.float32), attack
        missing = set(range(LOWEST_PITCH, HIGHEST_PITCH + 1)) - set(self._samples)
        if missing:
            raise CorpusError(f"{path}: lacks the keys {sorted(missing)}; fetch the corpus again")

    def _sample(self, pitch: int, velocity: int) -> tuple[np.ndarray, int, float]:
        # Loudness rises about with the square of MIDI velocity.
        return *self._samples[pitch], (velocity / 127.0) ** 2


def every_key(velocity: int, first_s: float = 0.0) -> pd.DataFrame:
    """Return a note table of all 88 keys, one after the other, each faded before the next."""
    onset_s = first_s + SPACING_S * np.arange(N_PITCHES)
    pitch = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1)
    return note_table(pitch, [velocity] * N_PITCHES, onset_s, onset_s + PEAK_WITHIN_S)


def attacks_of_keys(audio: np.ndarray, rate: int, first_s: float = 0.0) -> np.ndarray:
    """Return when each key sounds after its note-on, in :func:`every_key` as played [shape=(88,)].

    In seconds; `audio` has the sample rate `rate`.
    """
    starts = np.rint((first_s + SPACING_S * np.arange(N_PITCHES)) * rate).astype(int)
    return np.array([measure_attack_s(audio[start:], rate) for start in starts.tolist()])


def measure_attack_s(note: np.ndarray, rate: int) -> float:
    """Return the time of the first sample above 5 % of the peak of an isolated note."""
    level = np.abs(note[: round(PEAK_WITHIN_S * rate)])
    return float(np.argmax(level > ATTACK_LEVEL * level.max()) / rate)


@cache
def load_piano(name: str, sources: Path) -> Piano:
    """Return a piano of the demo corpus by its name in ``params.yaml``.

    Raises
    ------
    CorpusError
        If there is no such piano, or its file is missing.
    """
    if name == "iowa":
        return IowaPiano(fetched(sources / "pianos" / "iowa.zip", "demo"))
    if name not in SOUNDFONTS:
        raise CorpusError(f"params.yaml: unknown piano '{name}'; choose of {(*SOUNDFONTS, 'iowa')}")
    return SoundFontPiano(fetched(sources / "pianos" / f"{name}.sf2", "demo"))
