"""Names of methods, conditions, times and keys as a reader of tables and figures sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable

METHODS = {
    "none": "Input MIDI",
    "crnn": "CRNN",
    "cnn": "CNN only",
    "gru": "GRU",
    "lstm_uni": "LSTM, one direction",
    "transformer": "Transformer",
    "transformer_long": "Transformer, trained longer",
    "excerpt_2s": "CRNN, excerpts of 2 s",
    "excerpt_5s": "CRNN, excerpts of 5 s",
    "excerpt_10s": "CRNN, excerpts of 10 s",
    "pooling": "CRNN, max-pooling",
    "one_rate": "CRNN, one learning rate",
    "crnn_cqt": "CRNN, CQT",
    "crnn_logmel": "CRNN, log-Mel",
    "crnn_mel": "CRNN, Mel",
    "crnn_50fps": "CRNN, 50 frames/s",
    "crnn_200fps": "CRNN, 200 frames/s",
    "dtw": "DTW",
    "hybrid": "DTW + CRNN",
    "localizer": "Localizer",
    "exact": "Localizer, exact MIDI",
    "dtw_localizer": "DTW + localizer",
    "localizer_independent": "Localizer, notes decoded singly",
    "localizer_no_tendency": "Localizer, decoded once",
    "localizer_short_run": "Localizer, short training",
    "localizer_no_short_window": "Short training, without the short window",
    "localizer_no_augmentation": "Short training, without augmentation",
    "localizer_upper_harmonics": "Short training, with upper harmonics",
    "localizer_context": "Short training, with context",
    "localizer_attention": "Short training, with self-attention",
}
# Okabe & Ito's colours, told apart with any kind of colour vision.
STATUS_COLOURS = {
    "aligned": "#0072b2",
    "uncertain": "#e69f00",
    "not heard": "#d55e00",
    "outside": "#6e6e6e",
}
KEY_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
# Test sets of real recordings.
REAL_SETS = ("ENSTDkCl", "ENSTDkAm")
# Stand-ins for real recordings, where a corpus has none: nothing about real ones follows from them.
STAND_INS = frozenset({"room"})
TEST_SETS = {
    "train": "training",
    "validation": "validation",
    "test": "test set",
    "room": "test set in simulated rooms",
    "pieces": "unseen pieces on known pianos",
    "ENSTDkCl": "Disklavier, close microphones",
    "ENSTDkAm": "Disklavier, ambient microphones",
    "disklavier": "Disklavier, all recordings",
    "development": "Disklavier, used in development",
}


def first_training(method: str) -> str:
    """Return the method's name without its seed: ``crnn_seed2`` → ``crnn``."""
    return re.sub(r"_seed\d+$", "", method)


def method_label(method: str) -> str:
    """Return the name of a method to print; an unknown one stands for itself.

    ``crnn_seed2`` → "CRNN, seed 2"; ``crnn_of_demo`` → "CRNN trained on demo".
    """
    if found := re.fullmatch(r"(\w+)_seed(\d+)", method):
        return f"{method_label(found[1])}, seed {found[2]}"
    if found := re.fullmatch(r"(\w+)_of_(\w+)", method):
        return f"{method_label(found[1])} trained on {found[2]}"
    return METHODS.get(method, method)


def real_or_stand_in(test_sets: Iterable[str]) -> list[str]:
    """Return those test sets that are real recordings or stand in for them, in a fixed order."""
    known = (*REAL_SETS, *sorted(STAND_INS))
    return [name for name in known if name in set(test_sets)]


def set_label(test_set: str) -> str:
    """Return the name of a test set to print; an unknown one stands for itself."""
    return TEST_SETS.get(test_set, test_set)


def condition_label(condition: str) -> str:
    """Return a condition's name to print: ``drift10_note30`` → "drift ±10 %, ±30 ms per note"."""
    return ", ".join(_part_label(part) for part in condition.split("_"))


def subject_label(condition: str, test_set: str) -> str:
    """Return what a plot is about: the condition, and the test set where it is not the main one."""
    where = "" if test_set == "test" else f"; {set_label(test_set)}"
    return condition_label(condition) + where


def tempo_percent(condition: str) -> float | None:
    """Return the tempo deviation of a pure tempo condition in percent (0 for ``exact``) or None."""
    if condition == "exact":
        return 0.0
    found = re.fullmatch(r"tempo([+-]\d+(?:\.\d+)?)", condition)
    return float(found[1]) if found else None


def _part_label(part: str) -> str:
    if part == "exact":
        return "no error"
    patterns = {
        r"note(\d+)": "±{} ms per note",
        r"drift(\d+)": "drift ±{} %",
        r"offset(\d+)": "offset {} s",
        r"offset(\d+)-(\d+)": "offset {} to {} s",
        r"tempo\+(\d+)": "tempo +{} %",
        r"tempo-(\d+)": "tempo −{} %",
    }
    for pattern, label in patterns.items():
        if found := re.fullmatch(pattern, part):
            return label.format(*found.groups())
    return part


def clock(seconds: float, digits: int = 0) -> str:
    """Return a time as minutes and seconds."""
    units, sign = round(abs(seconds) * 10**digits), "−" if seconds < 0 else ""
    minutes, rest = divmod(units, 60 * 10**digits)
    width = digits + 3 if digits else 2
    return f"{sign}{minutes}:{rest / 10**digits:0{width}.{digits}f}"


def key_name(pitch: int) -> str:
    """Return the name of a MIDI pitch; 60 is C4."""
    return f"{KEY_NAMES[pitch % 12]}{pitch // 12 - 1}"
