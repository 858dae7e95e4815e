"""What notebook 1 says of each corpus: where it comes from, and what is known of its onsets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from ..common.config import CorpusPaths
from ..corpora.maps.folder import COMMIT, REPOSITORY
from ..corpora.pianos import SPACING_S, attacks_of_keys, every_key, load_piano
from ..corpora.sources import read_packages
from ..io.audio import SAMPLE_RATE
from ..io.notes import N_PITCHES


class DemoCard:
    """The demo corpus."""

    ABOUT_SOURCES = (
        "Human performances as MIDI, and sampled pianos to play them on. All come from packages in "
        "public registries, pinned by their SHA-256; none of them is part of this repository."
    )
    ABOUT_PARTS = (
        "A performance belongs to one part only, and the piano of the test set is heard nowhere "
        "else."
    )
    ABOUT_SOUND = (
        "A sampled piano answers a note-on after milliseconds that differ between pianos and keys. "
        "At a tolerance of 10 ms that matters, so the true onset of a rendered note is its note-on "
        "plus the measured attack: the moment when the sound passes 5 % of its peak. Left: attack "
        "after the note-on. Right: what is left after the onset that the corpus states, measured "
        "anew at a velocity between the calibrated ones; zero is perfect. The test piano is "
        "missing: each of its recorded notes is cut at its attack, so that it sounds on the onset "
        "itself."
    )

    @staticmethod
    def source_table() -> pd.DataFrame:
        """Return the sources with their licences, packages, versions and SHA-256."""
        columns = ["source", "licence", "package", "version", "sha256"]
        return pd.DataFrame(read_packages("demo"))[columns]

    @classmethod
    def licence_notes(cls, settings: dict[str, Any]) -> list[str]:
        """Return the sources and licences as notes for the corpus's table (any topic ``demo``)."""
        named = [f"{row.source} ({row.licence})" for row in cls.source_table().itertuples()]
        return [
            f"Sources: {'; '.join(named)}.",
            "They are fetched when the corpus is built and are not part of this repository.",
        ]

    @staticmethod
    def attacks(paths: CorpusPaths, settings: dict[str, Any]) -> pd.DataFrame:
        """Return :func:`measured_attacks` of the training part's pianos (topic ``demo``)."""
        return measured_attacks(paths.sources, settings["pianos"]["train"])


class MapsCard:
    """MAPS."""

    ABOUT_SOURCES = (
        "MAPS, part MUS: pieces played by a sequencer on software pianos and on a real Disklavier "
        "with close (`ENSTDkCl`) and ambient (`ENSTDkAm`) microphones. It is not part of this "
        "repository: you name its folder, or fetch the public 16 kHz mirror, whose files are "
        "checked by their git blob ids."
    )
    ABOUT_PARTS = (
        "No piece of the Disklavier's recordings or of the piano that is kept out is trained on. "
        "The test set is the piano kept out: unseen pieces on an unseen piano. A second set holds "
        "unseen pieces on pianos of the training part."
    )
    ABOUT_SOUND = (
        "The true onsets are MAPS's labels, as in the paper. How long after its label a note "
        "sounds is not corrected here; notebook 5 measures it."
    )

    @staticmethod
    def source_table() -> pd.DataFrame:
        """Return the source with its licence and where the mirror is."""
        row = ("MAPS (Emiya, Bertin, David, Badeau 2010)", "CC BY-NC-SA", REPOSITORY, COMMIT)
        return pd.DataFrame([row], columns=["source", "licence", "mirror", "commit"])

    @staticmethod
    def licence_notes(settings: dict[str, Any]) -> list[str]:
        """Return what is used and under which licence, for the corpus's table (topic ``maps``)."""
        which = "154 recordings" if settings["recordings"] == "listed" else "the recordings found"
        return [
            f"MAPS (CC BY-NC-SA), part MUS, {which}: the first {settings['excerpt_s']} s of each "
            "recording of a software piano, those of the Disklavier whole; listed, with their "
            "parts, in corpus.csv.",
            "It is named or fetched by the user and is not part of this repository.",
        ]

    @staticmethod
    def attacks(paths: CorpusPaths, settings: dict[str, Any]) -> None:
        """Return nothing: MAPS's labels are taken as they are."""


CARDS = {"demo": DemoCard, "maps": MapsCard}


def measured_attacks(sources: Path, pianos: Iterable[str], velocity: int = 64) -> pd.DataFrame:
    """Play every key of every piano alone and measure when it sounds.

    Parameters
    ----------
    sources
        The fetched sources.
    pianos
        Names of ``params.yaml``.
    velocity
        By default one that lies between those that the pianos are calibrated at.

    Returns
    -------
    DataFrame
        piano, pitch; before_ms and after_ms: how long after the note-on, and after the onset that
        the corpus states, the sound passes 5 % of its peak.

    Raises
    ------
    CorpusError
        If a piano is unknown or its file missing.
    """
    notes = every_key(velocity, SPACING_S)
    pitch = notes["pitch"].to_numpy()
    parts = []
    for name in pianos:
        piano = load_piano(name, sources)
        audio = piano.render(notes, (N_PITCHES + 1) * SPACING_S)
        before_s = attacks_of_keys(audio, SAMPLE_RATE, SPACING_S)
        after_s = before_s - piano.attack_s(pitch, notes["velocity"].to_numpy())
        times = {"before_ms": 1000 * before_s, "after_ms": 1000 * after_s}
        parts.append(pd.DataFrame({"piano": name, "pitch": pitch} | times))
    return pd.concat(parts, ignore_index=True)
