"""Where MAPS comes from, what is used of it, and whose its labels are."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...common.config import CorpusPaths
from .fetch import COMMIT, REPOSITORY

ABOUT_SOURCES = (
    "MAPS, part MUS: pieces played by a sequencer on software pianos and on a real Disklavier with "
    "close (`ENSTDkCl`) and ambient (`ENSTDkAm`) microphones. It is not part of this repository: "
    "you name its folder, or fetch the public 16 kHz mirror, whose files are checked by their git "
    "blob ids."
)
ABOUT_PARTS = (
    "No piece of the Disklavier's recordings or of the piano that is kept out is trained on. The "
    "test set is the piano kept out: unseen pieces on an unseen piano. A second set holds unseen "
    "pieces on pianos of the training part."
)
ABOUT_SOUND = (
    "The true onsets are MAPS's labels, as in the paper. How long after its label a note sounds "
    "is not corrected here; notebook 5 measures it."
)


def source_table() -> pd.DataFrame:
    """Return the source with its licence and where the mirror is."""
    row = {
        "source": "MAPS (Emiya, Bertin, David, Badeau 2010)",
        "licence": "CC BY-NC-SA",
        "mirror": REPOSITORY,
        "commit": COMMIT,
    }
    return pd.DataFrame([row])


def licence_notes(settings: dict[str, Any]) -> list[str]:
    """Return what is used and under which licence, for the corpus's table (topic ``maps``)."""
    which = "154 recordings" if settings["recordings"] == "listed" else "the recordings found"
    return [
        f"MAPS (CC BY-NC-SA), part MUS, {which}: the first {settings['excerpt_s']} s of each "
        "recording of a software piano, those of the Disklavier whole; listed, with their parts, "
        "in corpus.csv.",
        "It is named or fetched by the user and is not part of this repository.",
    ]


def attacks(paths: CorpusPaths, settings: dict[str, Any]) -> None:
    """Return nothing: MAPS's labels are taken as they are."""
