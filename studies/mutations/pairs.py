"""Pairs of a recording and a MIDI file, each changed in one way, with what is true of them.

Each is made from five to six and a half seconds of a test recording of the demo corpus, drawn for
each pair; the onsets are known.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache

import mido
import numpy as np
import pandas as pd
import soundfile as sf

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.corpora.recordings import load_recording, read_index

from .damage import mutated, odd_midi

TEST_SET, RATE = "test", 16_000
SECONDS = (5.0, 6.5)
N_NOTES = (20, 60)
TICKS_PER_S = 960  # 480 a beat at 120 beats per minute
FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}
DYING_S = 0.3  # after a key is released
AROUND_S, ALIKE = 0.3, 0.98  # a damaged recording is the same around an onset: so long, so much


@dataclass(frozen=True)
class Mutation:
    """Two files' bytes, and where each note is truly heard.

    Attributes
    ----------
    kind, what
        What was changed, in general and in this case.
    truth
        Columns pitch, velocity, onset_s: the notes of the MIDI file in the order of its onsets, and
        where they are in the recording; infinity for a note that is not in it, NaN for one of which
        it is not known. None if nothing is known.
    """

    kind: str
    what: str
    suffix: str
    audio: bytes
    midi: bytes
    truth: pd.DataFrame | None


@dataclass(frozen=True)
class Excerpt:
    """Samples at 16 kHz, and the notes that begin in them."""

    samples: np.ndarray
    notes: pd.DataFrame


@cache
def _recordings() -> list[Excerpt]:
    part = corpus_paths("demo").split("eval")
    items = [each for each in read_index(part, split="test") if each.test_set == TEST_SET]
    return [Excerpt(*load_recording(part, item)) for item in items]


def excerpt(rng: np.random.Generator) -> Excerpt:
    """Return some seconds of a recording, drawn until there are enough notes in them."""
    while True:
        whole = _recordings()[rng.integers(len(_recordings()))]
        length_s = float(rng.uniform(*SECONDS))
        begin_s = float(rng.uniform(0.0, len(whole.samples) / RATE - length_s))
        inside = whole.notes["onset_s"].between(begin_s + 0.1, begin_s + length_s - 0.5)
        if N_NOTES[0] <= inside.sum() <= N_NOTES[1]:
            notes = whole.notes[inside].sort_values("onset_s", kind="stable", ignore_index=True)
            times = notes[["onset_s", "offset_s"]] - begin_s
            first = round(begin_s * RATE)
            samples = whole.samples[first : first + round(length_s * RATE)]
            return Excerpt(samples, notes.assign(**times.clip(upper=length_s)))


def audio_bytes(samples: np.ndarray, suffix: str = "wav", rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    sf.write(buffer, samples, rate, format=suffix, subtype=FORMATS[suffix])
    return buffer.getvalue()


def midi_bytes(notes: pd.DataFrame, pace: float = 1.0) -> bytes:
    """Return two hands with tempos, a metre, pedal and lyrics; times are those of `notes`."""
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    head = [
        mido.MetaMessage("track_name", name="Piece"),
        mido.MetaMessage("time_signature", numerator=4, denominator=4),
        mido.MetaMessage("set_tempo", tempo=round(500_000 * pace)),
        mido.MetaMessage("key_signature", key="C", time=480),
    ]
    file.tracks.append(mido.MidiTrack(head))
    for channel, hand in enumerate((notes[notes["pitch"] < 64], notes[notes["pitch"] >= 64])):
        events = [(0, 0, mido.Message("program_change", channel=channel, program=0))]
        for note in hand.to_dict("records"):
            on, off = (max(round(note[key] * TICKS_PER_S), 0) for key in ("onset_s", "offset_s"))
            key = {"channel": channel, "note": int(note["pitch"])}
            start = mido.Message("note_on", velocity=int(note["velocity"]), **key)
            pedal = mido.Message("control_change", channel=channel, control=64, value=on % 128)
            events += [(on, 2, start), (max(off, on + 1), 1, mido.Message("note_off", **key))]
            events += [(on, 3, pedal), (on, 4, mido.MetaMessage("lyrics", text="la"))]
        track, last = mido.MidiTrack(), 0
        for tick, _, message in sorted(events, key=lambda event: event[:2]):
            track.append(message.copy(time=tick - last))
            last = tick
        file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def matched_truth(notes: pd.DataFrame, truth: pd.DataFrame) -> np.ndarray:
    """Return the true onset of each note of a damaged file; NaN where it is not known.

    Notes are the same if they come in runs of three or more with the same pitches and velocities.
    """
    given, known = (
        list(zip(each["pitch"], each["velocity"], strict=True)) for each in (notes, truth)
    )
    onset_s = np.full(len(given), np.nan)
    for block in SequenceMatcher(None, given, known, autojunk=False).get_matching_blocks():
        if block.size >= 3:
            inside = slice(block.b, block.b + block.size)
            onset_s[block.a : block.a + block.size] = truth["onset_s"].to_numpy()[inside]
    return onset_s


# --- kinds ----------------------------------------------------------------------------------------


def _damaged_midi(source: Excerpt, rng: np.random.Generator) -> Mutation:
    data = mutated(midi_bytes(_loose(source.notes, rng)), rng)
    return Mutation("MIDI: bytes", "1 or 2", "wav", audio_bytes(source.samples), data, source.notes)


def _damaged_audio(source: Excerpt, rng: np.random.Generator) -> Mutation:
    suffix = str(rng.choice(list(FORMATS)))
    data = mutated(audio_bytes(source.samples, suffix), rng)
    midi = midi_bytes(_loose(source.notes, rng))
    return Mutation(
        f"{suffix}: bytes", "1 or 2", suffix, data, midi, _still_there(source, data, suffix)
    )


def _damaged_both(source: Excerpt, rng: np.random.Generator) -> Mutation:
    sound = _damaged_audio(source, rng)
    return replace(sound, kind="both: bytes", midi=mutated(sound.midi, rng))


def _odd(source: Excerpt, rng: np.random.Generator) -> Mutation:
    midi = odd_midi(rng)
    return Mutation("MIDI: odd", "another piece", "wav", audio_bytes(source.samples), midi, None)


def _tempo(source: Excerpt, rng: np.random.Generator) -> Mutation:
    factor = float(np.exp(rng.uniform(np.log(0.5), np.log(2.2))))
    midi = midi_bytes(_loose(source.notes, rng), pace=factor)
    return Mutation("tempo", f"{factor:.2f}", "flac", _flac(source.samples), midi, source.notes)


def _key(source: Excerpt, rng: np.random.Generator) -> Mutation:
    semitones = int(rng.choice([-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6]))
    notes = source.notes.assign(pitch=source.notes["pitch"] + semitones)
    midi = midi_bytes(_loose(notes, rng))
    return Mutation("key", f"{semitones:+d}", "flac", _flac(source.samples), midi, notes)


def _pitch(source: Excerpt, rng: np.random.Generator) -> Mutation:
    """A tape that ran at another speed: pitch and times change together."""
    semitones = float(rng.uniform(-1.5, 1.5))
    speed = 2 ** (semitones / 12)
    data = audio_bytes(source.samples, "wav", rate=round(RATE * speed))
    notes = source.notes.assign(onset_s=source.notes["onset_s"] * RATE / round(RATE * speed))
    midi = midi_bytes(_loose(source.notes, rng))
    return Mutation("pitch of a tape", f"{semitones:+.2f}", "wav", data, midi, notes)


def _begins_late(source: Excerpt, rng: np.random.Generator) -> Mutation:
    cut_s = float(rng.uniform(0.5, 3.0))
    sounding = (source.notes["onset_s"] < cut_s) & (source.notes["offset_s"] > cut_s - DYING_S)
    notes = source.notes.assign(onset_s=(source.notes["onset_s"] - cut_s).mask(sounding))
    data, midi = _flac(source.samples[round(cut_s * RATE) :]), midi_bytes(_loose(source.notes, rng))
    return Mutation("recording begins late", f"{cut_s:.1f} s", "flac", data, midi, notes)


def _rest(source: Excerpt, rng: np.random.Generator) -> Mutation:
    onset_s = source.notes["onset_s"].to_numpy()
    at_s, rest_s = float(rng.uniform(1.5, onset_s[-1])), float(rng.uniform(0.5, 5.0))
    at_s = float(onset_s[np.abs(onset_s - at_s).argmin()]) - 0.02
    place, silence = round(at_s * RATE), np.zeros(round(rest_s * RATE), np.float32)
    samples = np.concatenate([source.samples[:place], silence, source.samples[place:]])
    sounding = (onset_s < at_s) & (source.notes["offset_s"] > at_s - DYING_S)
    notes = source.notes.assign(onset_s=onset_s + rest_s * (onset_s > at_s))
    notes["onset_s"] = notes["onset_s"].mask(sounding)  # it begins anew after the rest
    midi = midi_bytes(_loose(source.notes, rng))
    return Mutation("longer rest", f"{rest_s:.1f} s", "flac", _flac(samples), midi, notes)


def _other_notes(source: Excerpt, rng: np.random.Generator) -> Mutation:
    """A fifth of the notes is left out, and as many are added, of keys that nobody plays."""
    notes = source.notes[rng.random(len(source.notes)) > 0.2]
    silent = np.setdiff1d(np.arange(36, 97), source.notes["pitch"])
    added = source.notes.sample(frac=0.2, random_state=rng)
    added = added.assign(pitch=rng.choice(silent, len(added)), true_s=np.inf)
    both = pd.concat([notes.assign(true_s=notes["onset_s"]), added])
    both = both.sort_values("onset_s", kind="stable")
    midi = midi_bytes(_loose(both, rng))
    truth = both[["pitch", "velocity"]].assign(onset_s=both["true_s"])
    return Mutation("notes missing and added", "20 %", "flac", _flac(source.samples), midi, truth)


def _noise(source: Excerpt, rng: np.random.Generator) -> Mutation:
    level_db = float(rng.uniform(0, 30))
    power = float(np.mean(source.samples**2)) / 10 ** (level_db / 10)
    noise = rng.standard_normal(len(source.samples)) * np.sqrt(power)
    data = _flac(np.clip(source.samples + noise, -1, 1).astype(np.float32))
    midi = midi_bytes(_loose(source.notes, rng))
    return Mutation("noise", f"{level_db:.0f} dB", "flac", data, midi, source.notes)


def _another_piece(source: Excerpt, rng: np.random.Generator) -> Mutation:
    """The same rhythm, other keys: no note is in the recording but by chance."""
    notes = source.notes.assign(pitch=rng.integers(36, 96, len(source.notes)))
    midi, truth = midi_bytes(_loose(notes, rng)), notes.assign(onset_s=np.inf)
    return Mutation("another piece", "", "flac", _flac(source.samples), midi, truth)


KINDS: dict[Callable[[Excerpt, np.random.Generator], Mutation], float] = {
    _damaged_midi: 0.45, _damaged_audio: 0.22, _damaged_both: 0.12, _odd: 0.05, _tempo: 0.02,
    _key: 0.02, _pitch: 0.02, _begins_late: 0.02, _rest: 0.02, _other_notes: 0.02, _noise: 0.02,
    _another_piece: 0.02,
}  # fmt: skip


def make(number: int) -> Mutation:
    """Return the pair of a number, the same each time."""
    rng = np.random.default_rng([14, number])
    kinds = list(KINDS)
    return kinds[rng.choice(len(kinds), p=list(KINDS.values()))](excerpt(rng), rng)


def _loose(notes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return notes off by up to 80 ms, their order kept, so that each is known again."""
    order = np.argsort(notes["onset_s"].to_numpy(), kind="stable")
    moved_s = (notes["onset_s"] + rng.uniform(-0.08, 0.08, len(notes))).to_numpy()[order]
    length_s = (notes["offset_s"] - notes["onset_s"]).to_numpy()[order]
    onset_s = np.maximum.accumulate(moved_s + 0.1) + np.arange(len(notes)) * 0.0011
    return notes.iloc[order].assign(onset_s=onset_s, offset_s=onset_s + length_s)


def _flac(samples: np.ndarray) -> bytes:
    return audio_bytes(samples, "flac")


def _still_there(source: Excerpt, data: bytes, suffix: str) -> pd.DataFrame:
    """Return the notes around whose onsets a damaged file has the sound that it had."""
    try:
        with sf.SoundFile(io.BytesIO(data)) as file:
            samples = file.read(dtype="float32", always_2d=True)[:, 0]
            same_rate = file.samplerate == RATE
    except (sf.LibsndfileError, RuntimeError, MemoryError, PianoAlignError):
        return source.notes.iloc[:0]
    whole, _ = sf.read(io.BytesIO(audio_bytes(source.samples, suffix)), dtype="float32")
    n_around, kept = round(AROUND_S * RATE), []
    for onset_s in source.notes["onset_s"]:
        inside = slice(max(round(onset_s * RATE) - n_around, 0), round(onset_s * RATE) + n_around)
        old, new = whole[inside], samples[inside]
        scale = np.sqrt(float(old @ old) * float(new @ new)) if len(new) == len(old) else 0.0
        kept.append(same_rate and scale > 0 and float(old @ new) > ALIKE * scale)
    return source.notes[np.array(kept)]
