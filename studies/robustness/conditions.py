"""The conditions of table 9, and cases drawn from all of them; each is seeded by its generator."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from pianoalign_lib.corpora.timing_errors import Condition, perturb

from . import cases
from .cases import Case
from .table import SCORE

START_S = (0.0, 10.0)  # before the MIDI's first note
TICK_S = 1 / 960
Build = Callable[[Case, np.random.Generator], Case]


def _tempo(factor: float) -> Build:
    return lambda given, rng: cases.warped(given, lambda time_s: time_s / factor)


def _drift(given: Case, rng: np.random.Generator) -> Case:
    moved = perturb(given.notes, Condition("drift", drift_percent=10.0), rng)
    return cases.retimed(given, moved["onset_s"].to_numpy(), moved["offset_s"].to_numpy())


def _rubato(given: Case, rng: np.random.Generator) -> Case:
    time_s = np.arange(0.0, float(given.notes["offset_s"].max()) + 1.0, 0.05)
    knots_s = np.cumsum(rng.uniform(2.0, 10.0, int(time_s[-1] / 2.0) + 2))
    pace = np.exp(np.interp(time_s, knots_s, rng.normal(0.0, 0.25, len(knots_s)).clip(-0.7, 0.7)))
    warped_s = np.cumsum(pace * 0.05)
    return cases.warped(given, lambda each_s: np.interp(each_s, time_s, warped_s))


def _passage(given: Case, rng: np.random.Generator, length_s: float) -> tuple[float, float]:
    """Return start and end of a passage of about a length, between quiet places."""
    length_s = min(length_s, 0.4 * given.duration_s)
    first_s = cases.quiet_place(given, rng.uniform(0.2, 0.5) * given.duration_s)
    last_s = cases.quiet_place(given, first_s + length_s, min(4.0, length_s / 2))
    return first_s, max(last_s, first_s + length_s / 2)


def _spliced(
    what: str, order: str, *, passage_s: tuple = (3.0, 12.0), rest_s: tuple = (), noise: float = 0.0
) -> Build:
    """Return how to splice ``midi`` or ``audio`` anew.

    Parameters
    ----------
    order
        The parts: from edge to edge, of ``0``, the beginning, ``a`` and ``b``, which bound a
        passage, and ``z``, the end; or ``_``, a rest.
    passage_s, rest_s
        Least and greatest length; a rest's is drawn evenly over its logarithm.
    noise
        Level of the noise in a rest of the audio, if not that of a quiet room.
    """

    def build(given: Case, rng: np.random.Generator) -> Case:
        first_s, last_s = _passage(given, rng, rng.uniform(*passage_s))
        edge_s = {"0": 0.0, "a": first_s, "b": last_s, "z": np.inf}
        length_s = float(np.exp(rng.uniform(*np.log(rest_s)))) if rest_s else 0.0
        pieces = [
            length_s if part == "_" else (edge_s[part[0]], edge_s[part[1]])
            for part in order.split()
        ]
        if what == "midi":
            return cases.spliced_midi(given, *pieces)
        return cases.spliced_audio(given, rng, *pieces, level=noise or cases.ROOM_TONE)

    return build


def _movements(given: Case, rng: np.random.Generator) -> Case:
    place_s, slower = _passage(given, rng, 0.0)[0], rng.uniform(0.9, 1.0)
    first, second = (0.0, place_s), (place_s, np.inf)
    written = cases.spliced_midi(given, first, rng.uniform(0.5, 12.0), second)
    played = cases.spliced_audio(written, rng, first, rng.uniform(2.0, 12.0), second)

    def own_tempo(time_s: np.ndarray) -> np.ndarray:
        after_s = np.maximum(time_s - place_s, 0.0)
        return np.minimum(time_s, place_s) * slower + after_s / slower

    return cases.warped(played, own_tempo)


def _tuned(pitch_hz: int) -> Build:
    ratio = Fraction(pitch_hz, 440)  # as from a tape that runs slower or faster

    def build(given: Case, rng: np.random.Generator) -> Case:
        audio = resample_poly(given.audio, ratio.denominator, ratio.numerator).astype(np.float32)
        return Case(audio, given.notes, tuple(true_s / float(ratio) for true_s in given.truths))

    return build


def _transposed(given: Case, rng: np.random.Generator) -> Case:
    pitch = given.notes["pitch"] + 2
    moved = Case(given.audio, given.notes.assign(pitch=pitch), given.truths)
    return moved.take(np.flatnonzero(pitch <= 108))


def _doubled(given: Case, rng: np.random.Generator) -> Case:
    rows = np.flatnonzero(rng.uniform(size=len(given.notes)) < 1 / 3)
    both = np.concatenate([np.arange(len(given.notes)), rows])
    second = np.arange(len(both)) >= len(given.notes)
    notes = given.notes.iloc[both].assign(track=second.astype(int))
    for name in ("onset_s", "offset_s"):
        notes[name] += TICK_S * second
    truths = tuple(true_s[both] for true_s in given.truths)
    return Case(given.audio, notes, truths).take(np.arange(len(both)))


BUILDS: dict[str, Build] = {  # of each condition of table 9
    "start": lambda given, rng: given,
    "tempo-20": _tempo(0.8),
    "tempo+20": _tempo(1.2),
    "tempo_half": _tempo(0.5),
    "tempo_double": _tempo(2.0),
    "drift10": _drift,
    "rubato": _rubato,
    "noise_before": _spliced("audio", "_ 0z", rest_s=(25.0, 25.0), noise=0.01),
    "part_of_midi": _spliced("midi", "ab", passage_s=(40.0, 50.0)),
    "part_of_recording": _spliced("audio", "ab", passage_s=(40.0, 50.0)),
    "tuned_415": _tuned(415),
    "tuned_466": _tuned(466),
    "transposed": _transposed,
    "doubled": _doubled,
    "rest_longer": _spliced("audio", "0a _ az", rest_s=(0.5, 4.0)),
    "rest_much_longer": _spliced("audio", "0a _ az", rest_s=(4.0, 40.0)),
    "rest_shorter": _spliced("midi", "0a _ az", rest_s=(0.5, 40.0)),
    "cut_in_recording": _spliced("audio", "0a bz"),
    "cut_in_midi": _spliced("midi", "0a bz"),
    "movements": _movements,
    "played_twice": _spliced("audio", "0b az", passage_s=(15.0, 15.0)),
    "repeat_skipped": _spliced("midi", "0b az", passage_s=(15.0, 15.0)),
}
RETUNED = ("tuned_415", "tuned_466", "transposed")  # the exact MIDI is as it was played
DRAWN = (SCORE, "start", "drift10", "rubato", *list(BUILDS)[14:])


def build(name: str, loaded: dict[str, Case], rng: np.random.Generator) -> Case:
    """Return the case of a condition; the MIDI starts anywhere, at any fraction of a frame.

    Parameters
    ----------
    loaded
        What was ``played`` and, if there is one, its ``score``.
    """
    made = loaded[SCORE] if name == SCORE else BUILDS[name](loaded["played"], rng)
    shift_s = rng.uniform(*START_S) - float(made.notes["onset_s"].min())
    return cases.warped(made, lambda time_s: time_s + shift_s)


def draw(loaded: dict[str, Case], rng: np.random.Generator) -> tuple[str, Case]:
    """Return a case drawn from all, and what it is: start, tempo, and one change of others."""
    names = DRAWN if SCORE in loaded else DRAWN[1:]
    name, factor = str(rng.choice(names)), float(np.exp(rng.uniform(-np.log(1.5), np.log(1.5))))
    made = _tempo(factor)(build(name, loaded, rng), rng)
    return f"{name}, tempo {factor:.2f}", made
