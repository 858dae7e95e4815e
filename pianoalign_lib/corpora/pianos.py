"""Sampled pianos that render a note table sample-exactly, and know their own attack.

The attack is the time from the note-on to the first sample above 5 % of the peak. It differs
between pianos by milliseconds, so the true onset of a rendered note is its note-on plus the attack
of that pitch and velocity: one onset then means the same physical event on every piano.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import soundfile as sf

from ..common.errors import CorpusError
from ..io.audio import resample
from ..io.notes import HIGHEST_PITCH, LOWEST_PITCH, N_PITCHES

ATTACK_LEVEL = 0.05  # of the peak
PEAK_WITHIN_S = 0.5
CALIBRATION_VELOCITIES = (30, 55, 80, 105)
RELEASE_S = 0.12  # a damper's fade, for the piano made of single notes
IOWA_NAME = re.compile(r"Piano\.ff\.([A-G]b?)(\d)\.flac")
PITCH_CLASSES = {"C": 0, "Db": 1, "D": 2, "Eb": 3, "E": 4, "F": 5, "Gb": 6, "G": 7, "Ab": 8} | {
    "A": 9,
    "Bb": 10,
    "B": 11,
}


class Piano(Protocol):
    """A sampled piano."""

    def render(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at 16 kHz, `duration_s` long."""
        ...

    def attack_s(self, pitch: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return the time from note-on to onset of each note, in seconds."""
        ...


class SoundFontPiano:
    """The first preset of a SoundFont, played by TinySoundFont.

    TinySoundFont renders between two events in one go, so each event falls on its exact sample; its
    own sequencer would jitter by 0.75 ms.
    """

    RATE = 48_000  # three times 16 kHz, so that resampling is exact

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CorpusError(f"{path}: not found; run 'pianoalign data fetch --corpus demo'")
        self._path = path
        self._attack_s = self._calibrate()

    def render(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at 16 kHz, `duration_s` long."""
        return resample(self._play(notes, duration_s), self.RATE)

    def attack_s(self, pitch: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return the time from note-on to onset of each note, in seconds."""
        layers = np.array(CALIBRATION_VELOCITIES)
        layer = np.abs(np.asarray(velocity)[:, None] - layers).argmin(axis=1)
        return self._attack_s[np.asarray(pitch) - LOWEST_PITCH, layer]

    def _open(self) -> Any:
        import tinysoundfont

        synth = tinysoundfont.Synth(gain=-6, samplerate=self.RATE)
        font = synth.sfload(str(self._path))
        synth.program_select(0, font, 0, 0)
        return synth

    def _play(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        return self._perform(self._open(), notes, duration_s)

    def _perform(self, synth: Any, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
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
                synth.generate(time - now, buffer[now * frame_bytes : time * frame_bytes])
                now = time
            if now >= n_samples:
                break
            if is_on:
                synth.noteon(0, key, level)
            else:
                synth.noteoff(0, key)
        return stereo.mean(axis=1)

    def _calibrate(self) -> np.ndarray:
        """Return the attack in seconds of every pitch and calibration velocity."""
        spacing_s = 1.5
        pitch = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1)
        attack_s = np.zeros((N_PITCHES, len(CALIBRATION_VELOCITIES)))
        onset_s = np.arange(N_PITCHES) * spacing_s
        for column, velocity in enumerate(CALIBRATION_VELOCITIES):
            notes = pd.DataFrame(
                {
                    "pitch": pitch,
                    "velocity": velocity,
                    "onset_s": onset_s,
                    "offset_s": onset_s + PEAK_WITHIN_S,
                }
            )
            audio = self._play(notes, N_PITCHES * spacing_s)
            for row, start_s in enumerate(onset_s):
                first = round(start_s * self.RATE)
                note = audio[first : first + round(PEAK_WITHIN_S * self.RATE)]
                attack_s[row, column] = measure_attack_s(note, self.RATE)
        return attack_s


class IowaPiano:
    """Steinway B of the University of Iowa: one recorded note per key, one dynamic.

    Each recording is cut so that its attack lies on the onset itself: the attack is 0 by
    construction.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CorpusError(f"{path}: not found; run 'pianoalign data fetch --corpus demo'")
        self._samples: dict[int, tuple[np.ndarray, int]] = {}
        self._rate = 44_100
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                match = IOWA_NAME.fullmatch(name)
                if match:
                    pitch = PITCH_CLASSES[match[1]] + 12 * (int(match[2]) + 1)
                    audio, rate = sf.read(io.BytesIO(archive.read(name)), always_2d=True)
                    self._samples[pitch] = self._prepare(audio.mean(axis=1), rate)
        missing = set(range(LOWEST_PITCH, HIGHEST_PITCH + 1)) - set(self._samples)
        if missing:
            raise CorpusError(f"{path}: lacks the keys {sorted(missing)}; fetch the corpus again")

    def _prepare(self, audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
        """Return the sample and the index of its onset in it."""
        assert rate == self._rate, rate  # the archive's checksum fixes its contents
        return audio.astype(np.float32), round(measure_attack_s(audio, rate) * rate)

    def render(self, notes: pd.DataFrame, duration_s: float) -> np.ndarray:
        """Return `notes` as mono audio at 16 kHz, `duration_s` long."""
        out = np.zeros(round(duration_s * self._rate), dtype=np.float32)
        fade = np.exp(-np.arange(round(RELEASE_S * self._rate)) / (RELEASE_S * self._rate / 7.0))
        columns = ("pitch", "velocity", "onset_s", "offset_s")
        for row in zip(*(notes[column].tolist() for column in columns), strict=True):
            pitch, velocity, onset_s, offset_s = row
            sample, attack = self._samples[pitch]
            held = attack + max(1, round((offset_s - onset_s) * self._rate))
            sound = sample[: held + len(fade)].copy()
            sound[held:] *= fade[: max(0, len(sound) - held)]
            first = round(onset_s * self._rate) - attack
            skip = max(0, -first)
            last = min(first + len(sound), len(out))
            # Loudness rises about with the square of MIDI velocity.
            out[first + skip : last] += (velocity / 127.0) ** 2 * sound[skip : last - first]
        return resample(out, self._rate)

    def attack_s(self, pitch: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return zeros: the recorded notes are placed by their attack."""
        return np.zeros(len(pitch))


def measure_attack_s(note: np.ndarray, rate: int) -> float:
    """Return the time of the first sample above 5 % of the peak of an isolated note."""
    level = np.abs(note[: round(PEAK_WITHIN_S * rate)])
    return float(np.argmax(level > ATTACK_LEVEL * level.max()) / rate)


def load_piano(name: str, sources: Path) -> Piano:
    """Return a piano of the demo corpus by its name in ``params.yaml``.

    Raises
    ------
    CorpusError
        If there is no such piano, or its file is missing.
    """
    if name == "iowa":
        return IowaPiano(sources / "pianos" / "iowa.zip")
    known = ("timgm6mb", "salamander_light", "florestan")
    if name not in known:
        raise CorpusError(f"params.yaml: unknown piano '{name}'; choose of {(*known, 'iowa')}")
    return SoundFontPiano(sources / "pianos" / f"{name}.sf2")
