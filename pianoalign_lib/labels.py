"""Names of methods and conditions as a reader of tables and figures sees them."""

from __future__ import annotations

import re

METHODS = {
    "none": "Input MIDI",
    "crnn": "CRNN",
    "cnn": "CNN only",
    "gru": "GRU",
    "lstm_uni": "LSTM, one direction",
    "crnn_cqt": "CRNN, CQT",
    "crnn_logmel": "CRNN, log-Mel",
    "crnn_mel": "CRNN, Mel",
    "crnn_50fps": "CRNN, 50 frames/s",
    "crnn_200fps": "CRNN, 200 frames/s",
    "dtw": "DTW",
    "hybrid": "DTW + CRNN",
}
# Stand-ins for real recordings, where a corpus has none: nothing about real ones follows from them.
STAND_INS = frozenset({"room"})
TEST_SETS = {
    "train": "training",
    "validation": "validation",
    "test": "test set",
    "room": "test set in simulated rooms",
    "ENSTDkCl": "Disklavier, close microphones",
    "ENSTDkAm": "Disklavier, ambient microphones",
}


def method_label(method: str) -> str:
    """Return the name of a method to print; an unknown one stands for itself."""
    return METHODS.get(method, method)


def set_label(test_set: str) -> str:
    """Return the name of a test set to print; an unknown one stands for itself."""
    return TEST_SETS.get(test_set, test_set)


def condition_label(condition: str) -> str:
    """Return a condition's name to print: ``drift10_note30`` → "drift ±10 %, ±30 ms per note"."""
    return ", ".join(_part_label(part) for part in condition.split("_"))


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
        r"tempo\+(\d+)": "tempo +{} %",
        r"tempo-(\d+)": "tempo −{} %",
    }
    for pattern, label in patterns.items():
        if found := re.fullmatch(pattern, part):
            return label.format(found[1])
    return part
