"""Make the README's recording and loose MIDI file: the beginning of Bach's prelude BWV 846.

The notes are in the public domain and so is the piano (florestan); the performance is made up: a
slow rubato and a hand's unevenness. The MIDI file is 6 % too fast, starts half a second early, and
each of its notes is off by up to 80 ms. Needs `pianoalign data fetch --corpus demo`.
"""

from pathlib import Path

import numpy as np

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.corpora.pianos import load_piano
from pianoalign_lib.corpora.rooms import normalise
from pianoalign_lib.corpora.timing_errors import Condition, perturb
from pianoalign_lib.io.audio import write_flac
from pianoalign_lib.io.notes import note_table, write_midi

HERE = Path(__file__).parent
SEED = 846
BARS = (
    (60, 64, 67, 72, 76),
    (60, 62, 69, 74, 77),
    (59, 62, 67, 74, 77),
    (60, 64, 67, 72, 76),
    (60, 64, 69, 76, 81),
    (60, 62, 66, 69, 74),
    (59, 62, 67, 74, 79),
    (59, 60, 64, 67, 72),
    (57, 60, 64, 67, 72),
    (50, 57, 62, 66, 72),
    (55, 59, 62, 67, 71),
)
SIXTEENTH_S = 0.21


def performance(rng: np.random.Generator):
    """Return the true note table: every figure twice a bar, its two low notes held."""
    pitch = np.array([bar[i] for bar in BARS for _ in range(2) for i in (0, 1, 2, 3, 4, 2, 3, 4)])
    place = np.arange(len(pitch))
    pace = SIXTEENTH_S * (1.0 + 0.08 * np.sin(2 * np.pi * place / 64.0))
    onset_s = 1.0 + np.concatenate([[0.0], np.cumsum(pace)[:-1]])
    onset_s = onset_s + rng.normal(0, 0.006, len(onset_s))
    held = np.where(place % 8 == 0, 7.5, np.where(place % 8 == 1, 6.5, 1.0))
    velocity = rng.integers(50, 75, len(pitch))
    return note_table(pitch, velocity, onset_s, onset_s + held * SIXTEENTH_S)


def main() -> None:
    rng = np.random.default_rng(SEED)
    notes = performance(rng)
    piano = load_piano("florestan", corpus_paths("demo").sources)
    audio = piano.render(notes, float(notes["offset_s"].max()) + 1.5)
    noise = rng.standard_normal(len(audio)).astype(np.float32)
    write_flac(HERE / "recording.flac", normalise(audio + 0.002 * np.abs(audio).max() * noise))
    attack_s = piano.attack_s(notes["pitch"].to_numpy(), notes["velocity"].to_numpy())
    notes.assign(onset_s=(notes["onset_s"] + attack_s).round(6)).to_csv(
        HERE / "true_notes.csv", index=False, lineterminator="\n"
    )
    early = notes.assign(onset_s=notes["onset_s"] - 0.5, offset_s=notes["offset_s"] - 0.5)
    loose = perturb(early, Condition("loose", tempo_percent=6, note_ms=80), rng)
    write_midi(loose, HERE / "loose.mid")


if __name__ == "__main__":
    main()
