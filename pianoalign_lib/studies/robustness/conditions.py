"""The conditions of table 9, and cases drawn from all of them; each is seeded by its generator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...corpora.rooms import add_noise
from ...corpora.timing_errors import Condition, perturb
from . import cases
from .cases import Case

PASSAGE_S = 15.0
REST_S = (0.5, 40.0)
START_S = (0.0, 10.0)
TICK_S = 1 / 960
Build = Callable[[Case, np.random.Generator], Case]


def start(given: Case, rng: np.random.Generator) -> Case:
    """Start the MIDI elsewhere, at a random fraction of a frame."""
    shift_s = rng.uniform(*START_S) - float(given.notes["onset_s"].min())
    return cases.retime(given, lambda time_s: np.maximum(time_s + shift_s, 0.0))


def tempo(factor: float) -> Build:
    """Play the MIDI at another tempo, from another start."""
    return lambda given, rng: start(cases.retime(given, lambda time_s: time_s / factor), rng)


def drift(given: Case, rng: np.random.Generator) -> Case:
    """Let the MIDI's tempo wander by up to 10 % over 15 to 60 s."""
    moved = perturb(given.notes, Condition("drift", drift_percent=10.0), rng)
    return start(Case(given.audio, moved, given.truths), rng)


def rubato(given: Case, rng: np.random.Generator) -> Case:
    """Let the MIDI's tempo wander by half and by double over 2 to 10 s."""
    end_s = float(given.notes["offset_s"].max()) + 1.0
    knots_s = np.cumsum(np.r_[0.0, rng.uniform(2.0, 10.0, int(end_s / 2.0) + 2)])
    time_s = np.arange(0.0, end_s, 0.05)
    pace = np.exp(np.interp(time_s, knots_s, rng.normal(0.0, 0.25, len(knots_s)).clip(-0.7, 0.7)))
    warped_s = np.r_[0.0, np.cumsum(pace[1:] * 0.05)]
    return start(cases.retime(given, lambda t: np.interp(t, time_s, warped_s)), rng)


def noise_before(given: Case, rng: np.random.Generator) -> Case:
    """Put 25 s of noise, 20 dB below the music, before it."""
    before = np.zeros(round(25.0 * cases.SAMPLE_RATE), np.float32)
    level = add_noise(given.audio, 20.0, rng) - given.audio
    before += np.resize(level, len(before))
    truths = tuple(true_s + 25.0 for true_s in given.truths)
    return start(Case(np.concatenate([before, given.audio]), given.notes, truths), rng)


def _length_s(given: Case) -> float:
    return len(given.audio) / cases.SAMPLE_RATE


def _place(given: Case, rng: np.random.Generator, low: float = 0.3, high: float = 0.7) -> float:
    return cases.quiet_place(given, rng.uniform(low, high) * _length_s(given))


def _passage(given: Case, rng: np.random.Generator, length_s: float) -> tuple[float, float]:
    """Return start and end of a passage of about a length, between quiet places."""
    whole_s = _length_s(given)
    length_s = min(length_s, 0.3 * whole_s)
    first_s = cases.quiet_place(given, rng.uniform(0.25, 0.45) * whole_s)
    last_s = cases.quiet_place(given, first_s + length_s, min(4.0, length_s / 2))
    return (first_s, last_s) if last_s > first_s else (first_s, first_s + length_s)


def part_of_midi(given: Case, rng: np.random.Generator) -> Case:
    """Give only the middle of the MIDI."""
    bounds = _place(given, rng, 0.2, 0.35), _place(given, rng, 0.65, 0.8)
    return start(cases.part_of_midi(given, *bounds), rng)


def part_of_recording(given: Case, rng: np.random.Generator) -> Case:
    """Give only the middle of the recording."""
    bounds = _place(given, rng, 0.2, 0.35), _place(given, rng, 0.65, 0.8)
    return start(cases.splice(given, [bounds], rng), rng)


def rest(low_s: float, high_s: float) -> Build:
    """Make a rest of the recording longer by between `low_s` and `high_s`."""

    def build(given: Case, rng: np.random.Generator) -> Case:
        place_s, pause_s = _place(given, rng), rng.uniform(low_s, high_s)
        pieces = [(0.0, place_s), pause_s, (place_s, _length_s(given))]
        return start(cases.splice(given, pieces, rng), rng)

    return build


def rest_shorter(given: Case, rng: np.random.Generator) -> Case:
    """Make a rest of the MIDI longer, from 0.5 to 40 s, evenly in its logarithm."""
    pause_s = float(np.exp(rng.uniform(*np.log(REST_S))))
    return start(cases.pause_in_midi(given, _place(given, rng), pause_s), rng)


def cut_in_recording(given: Case, rng: np.random.Generator) -> Case:
    """Leave out some bars of the recording, 3 to 12 s."""
    first_s, last_s = _passage(given, rng, rng.uniform(3.0, 12.0))
    return start(cases.splice(given, [(0.0, first_s), (last_s, _length_s(given))], rng), rng)


def cut_in_midi(given: Case, rng: np.random.Generator) -> Case:
    """Leave out some bars of the MIDI, 3 to 12 s."""
    return start(
        cases.part_of_midi(given, *_passage(given, rng, rng.uniform(3.0, 12.0)), without=True), rng
    )


def played_twice(given: Case, rng: np.random.Generator) -> Case:
    """Play a passage of 15 s twice that the MIDI has once."""
    first_s, last_s = _passage(given, rng, PASSAGE_S)
    return start(cases.splice(given, [(0.0, last_s), (first_s, _length_s(given))], rng), rng)


def repeat_skipped(given: Case, rng: np.random.Generator) -> Case:
    """Have a passage of 15 s twice in the MIDI that was played once."""
    return start(cases.repeat_in_midi(given, *_passage(given, rng, PASSAGE_S)), rng)


def movements(given: Case, rng: np.random.Generator) -> Case:
    """Take the halves as two movements, with another pause and a tempo of their own in the MIDI."""
    place_s, pause_s, slower = _place(given, rng, 0.4, 0.6), rng.uniform(2, 12), rng.uniform(0.9, 1)
    pieces = [(0.0, place_s), pause_s, (place_s, _length_s(given))]
    played = cases.splice(given, pieces, rng)
    knots_s = np.array([0.0, place_s, _length_s(given) + 60.0])
    warped_s = np.array([0.0, place_s * slower, place_s * slower + (knots_s[2] - place_s) / slower])
    with_pause = cases.pause_in_midi(played, place_s, 0.0)
    retimed = cases.retime(with_pause, lambda time_s: np.interp(time_s, knots_s, warped_s))
    return start(cases.pause_in_midi(retimed, warped_s[1], rng.uniform(0.5, 12.0)), rng)


def tuned(pitch_hz: float) -> Build:
    """Tune the recording to another pitch, by playing it faster or slower."""
    return lambda given, rng: start(cases.tuned(given, pitch_hz / 440.0), rng)


def transposed(given: Case, rng: np.random.Generator) -> Case:
    """Write the MIDI two semitones higher than it was played."""
    return start(cases.transposed(given, 2), rng)


def doubled(given: Case, rng: np.random.Generator) -> Case:
    """Let a second hand double every third note, a tick later."""
    chosen = rng.uniform(size=len(given.notes)) < 1 / 3
    return start(cases.doubled(given, chosen, TICK_S), rng)


CONDITIONS: dict[str, Build] = {
    "start": start,
    "tempo-20": tempo(0.8),
    "tempo+20": tempo(1.2),
    "tempo_half": tempo(0.5),
    "tempo_double": tempo(2.0),
    "drift10": drift,
    "rubato": rubato,
    "noise_before": noise_before,
    "part_of_midi": part_of_midi,
    "part_of_recording": part_of_recording,
    "rest_longer": rest(0.5, 4.0),
    "rest_much_longer": rest(4.0, 40.0),
    "rest_shorter": rest_shorter,
    "cut_in_recording": cut_in_recording,
    "cut_in_midi": cut_in_midi,
    "movements": movements,
    "played_twice": played_twice,
    "repeat_skipped": repeat_skipped,
    "tuned_415": tuned(415.0),
    "tuned_466": tuned(466.0),
    "transposed": transposed,
    "doubled": doubled,
}
STRUCTURE = (
    "rest_longer", "rest_much_longer", "rest_shorter", "cut_in_recording", "cut_in_midi",
    "movements", "played_twice", "repeat_skipped",
)  # fmt: skip


def draw(given: Case, rng: np.random.Generator) -> tuple[str, Case]:
    """Return a case drawn from all: any start, any tempo within a third, and one change or none.

    Returns
    -------
    str
        What was drawn, in words.
    Case
    """
    kinds = ("start", "drift10", "rubato", *STRUCTURE)
    kind = kinds[rng.integers(len(kinds))]
    factor = float(np.exp(rng.uniform(-np.log(1.5), np.log(1.5))))
    return f"{kind}, tempo {factor:.2f}", tempo(factor)(CONDITIONS[kind](given, rng), rng)
