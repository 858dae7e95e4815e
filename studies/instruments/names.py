"""What is measured on what, and how it is called: shared by measuring and tables, and light."""

from __future__ import annotations

from pianoalign_lib.common.labels import method_label

FILE = "instruments.csv"
VARIABLE = "PIANOALIGN_OTHER"  # names the folder of real recordings
CORPUS = "strings"
OTHERS = "others"  # real recordings, as pianoalign_lib.corpora.annotated imports them
PIANO = "demo"  # what training on other instruments costs on the piano
ALL = "all"  # the test sets of `strings` together
TOLERANCES_MS = (10, 25, 50)
CONDITIONS = ("note100", "drift10")
JOINT = ("crnn_joint", "localizer_joint")  # trained on piano and `strings`
ALONE = {name: name.removesuffix("_joint") for name in JOINT}  # trained on the piano only
METHODS = ("none", "dtw", "crnn", "hybrid", "basic_pitch", "localizer", *JOINT)
OF_PIANO = ("none", "crnn", "localizer", *JOINT)
CORPORA = {CORPUS: METHODS, OTHERS: METHODS, PIANO: OF_PIANO}
LABELS = {
    "crnn": "CRNN trained on demo",
    "basic_pitch": "basic-pitch + matching",
    "localizer": "Localizer as released (piano)",
    "crnn_joint": "CRNN trained on demo and strings",
    "localizer_joint": "Localizer trained on piano and strings",
}
INSTRUMENTS = {
    "steel_guitar": "guitar, steel strings",
    "nylon_guitar": "guitar, nylon strings",
    "electric_guitar": "electric guitar",
    "harpsichord": "harpsichord",
    "harp": "harp",
    "bowed": "bowed strings",
    ALL: "all of them",
}
REAL = {"guitarset": "GuitarSet, microphone", "violin": "solo violin (agreement)"}


def label(method: str) -> str:
    """Return the name of a method to print."""
    return LABELS.get(method, method_label(method))
