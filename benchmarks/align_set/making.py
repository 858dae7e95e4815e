"""Make a set from the corpora, with what is true of it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.corpora.recordings import load_recording, read_index
from pianoalign_lib.corpora.timing_errors import Condition, perturb
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.midi_score import read_midi_score
from pianoalign_lib.io.notes import write_midi

LOOSE = Condition("loose", note_ms=80)
KINDS = ("loose", "tempo", "cut", "transposed", "detuned")
DAMAGES = ("silent", "cut-off MIDI", "web page", "no recording", "no MIDI notes")
DAMAGED_EVERY = 20
LEAST_NOTES = 20


def make(
    folder: Path, n_pairs: int, seconds: tuple[float, float], hours: float = 0.0, seed: int = 14
) -> None:
    """Write recordings and MIDI files, the table of pairs, and what is true of them.

    Parameters
    ----------
    folder
        Where: ``in/``, ``pairs.csv``, ``made.csv``.
    n_pairs, seconds
        How many, and between which lengths.
    hours
        If not 0, the first pair is that long: whole recordings, one after the other.
    """
    rng = np.random.default_rng(seed)
    pool = []
    for corpus in ("demo", "maps"):
        part = corpus_paths(corpus).split("eval")
        if (part / "recordings.csv").exists():
            pool += [(part, item) for item in read_index(part, split="test")]
    (folder / "in").mkdir(parents=True, exist_ok=True)
    rows = [_long(folder, pool, hours, rng)] if hours else []
    while len(rows) < n_pairs:
        part, item = pool[rng.integers(len(pool))]
        samples, notes = load_recording(part, item)
        for _ in range(min(25, n_pairs - len(rows))):  # reading one takes longer than cutting it
            length_s = float(rng.uniform(*seconds))
            begin_s = float(rng.uniform(0.0, max(len(samples) / SAMPLE_RATE - length_s, 0.1)))
            inside = notes[notes["onset_s"].between(begin_s + 0.1, begin_s + length_s - 0.5)]
            if len(inside) < LEAST_NOTES:
                continue
            shifted = inside.assign(
                onset_s=inside["onset_s"] - begin_s,
                offset_s=np.minimum(inside["offset_s"] - begin_s, length_s),
            ).reset_index(drop=True)
            first = round(begin_s * SAMPLE_RATE)
            audio = samples[first : first + round(length_s * SAMPLE_RATE)]
            rows.append(_pair(folder, len(rows), audio, shifted, rng))
    table = pd.DataFrame(rows)
    table[["recording", "midi", "name"]].to_csv(folder / "pairs.csv", index=False)
    table.to_csv(folder / "made.csv", index=False)


def _long(folder: Path, pool: list, hours: float, rng: np.random.Generator) -> dict:
    end_s, parts = 0.0, []
    with sf.SoundFile(folder / "in" / "0000.flac", "w", SAMPLE_RATE, 1, "PCM_16") as file:
        for number in itertools.count():
            samples, notes = load_recording(*pool[number % len(pool)])
            parts.append(notes.assign(**notes[["onset_s", "offset_s"]] + end_s))
            file.write(samples)
            end_s += len(samples) / SAMPLE_RATE
            if end_s > 3600 * hours:
                break
    notes = pd.concat(parts, ignore_index=True)
    loose, midi = perturb(notes, LOOSE, rng), folder / "in" / "0000.mid"
    write_midi(loose, midi)
    truth = _in_the_order_of(midi, loose, notes["onset_s"].to_numpy())
    truth.to_csv(folder / "in" / "0000.true.csv", index=False)
    return _row("0000", f"{end_s / 3600:.2f} hours", "", len(notes))


def _row(name: str, kind: str, damage: str, n_notes: int) -> dict:
    return {
        "name": name, "recording": f"in/{name}.flac", "midi": f"in/{name}.mid",
        "kind": kind, "damage": damage, "notes": n_notes,
    }  # fmt: skip


def _pair(folder: Path, number: int, audio: np.ndarray, notes: pd.DataFrame, rng) -> dict:
    name = f"{number:04d}"
    kind = KINDS[number % len(KINDS)]
    rate, kept = SAMPLE_RATE, np.arange(len(notes))
    loose = perturb(notes, LOOSE, rng)
    if kind == "tempo":
        factor = float(np.exp(rng.uniform(np.log(0.5), np.log(2.0))))
        loose = loose.assign(onset_s=loose["onset_s"] * factor, offset_s=loose["offset_s"] * factor)
    elif kind == "cut":
        kept = np.flatnonzero(rng.random(len(loose)) > 0.1)
        loose = loose.iloc[kept].reset_index(drop=True)
    elif kind == "transposed":
        low, high = max(-4, 21 - loose["pitch"].min()), min(4, 108 - loose["pitch"].max())
        loose = loose.assign(pitch=loose["pitch"] + int(rng.integers(low, high + 1)))
    elif kind == "detuned":
        rate = round(SAMPLE_RATE * 2 ** (float(rng.uniform(-0.8, 0.8)) / 12))
    recording, midi = folder / "in" / f"{name}.flac", folder / "in" / f"{name}.mid"
    damage = ""
    if number % DAMAGED_EVERY == DAMAGED_EVERY - 1:
        damage = DAMAGES[number // DAMAGED_EVERY % len(DAMAGES)]
    write_midi(loose if damage != "no MIDI notes" else loose.assign(pitch=110), midi)
    true_s = notes["onset_s"].to_numpy()[kept] * SAMPLE_RATE / rate
    _in_the_order_of(midi, loose, true_s).to_csv(folder / "in" / f"{name}.true.csv", index=False)
    sf.write(recording, audio * (damage != "silent"), rate, subtype="PCM_16")
    if damage == "cut-off MIDI":
        midi.write_bytes(midi.read_bytes()[:40])
    elif damage == "web page":
        recording.write_text("<html><body>404: not found</body></html>")
    elif damage == "no recording":
        recording.unlink()
    return _row(name, kind, damage, len(loose))


def _in_the_order_of(midi: Path, loose: pd.DataFrame, true_s: np.ndarray) -> pd.DataFrame:
    """Return the true onsets as the notes of a MIDI file are counted: by key, then by time."""
    written = read_midi_score(midi).notes
    order = np.lexsort((loose["onset_s"], loose["pitch"]))
    place = np.lexsort((written["onset_s"], written["pitch"]))
    onset_s = np.empty(len(written))
    onset_s[place] = true_s[order]
    return pd.DataFrame({"pitch": written["pitch"], "onset_s": onset_s})
