"""Where the demo corpus comes from, and what its pianos do to an onset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...common.config import CorpusPaths
from ...io.audio import SAMPLE_RATE
from ...io.notes import HIGHEST_PITCH, LOWEST_PITCH
from ..pianos import PEAK_WITHIN_S, load_piano, measure_attack_s
from .fetch import SOURCES, TIMGM6MB_SHA256

SPACING_S = 1.5  # between the notes that are measured, so that each has faded
ABOUT_SOURCES = (
    "Human performances as MIDI, and sampled pianos to play them on. All come from packages in "
    "public registries, pinned by their SHA-256; none of them is part of this repository."
)
ABOUT_PARTS = (
    "A performance belongs to one part only, and the piano of the test set is heard nowhere else."
)
ABOUT_SOUND = (
    "A sampled piano answers a note-on after milliseconds that differ between pianos and keys. At "
    "a tolerance of 10 ms that matters, so the true onset of a rendered note is its note-on plus "
    "the measured attack: the moment when the sound passes 5 % of its peak. Left: attack after "
    "the note-on. Right: what is left after the onset that the corpus states, measured anew at a "
    "velocity between the calibrated ones; zero is perfect. The test piano is missing: each of "
    "its recorded notes is cut at its attack, so that it sounds on the onset itself."
)
TIMGM6MB = ("TimGM6mb: GPL-2", "pretty_midi", "0.2.11.post0", TIMGM6MB_SHA256)


def source_table() -> pd.DataFrame:
    """Return the sources with their licences, packages, versions and SHA-256.

    The SHA-256 is that of the package file, but for TimGM6mb, whose package is installed anyway.
    """
    rows = [(each.licence, each.package, each.version, each.sha256) for each in SOURCES]
    table = pd.DataFrame([*rows, TIMGM6MB], columns=["source", "package", "version", "sha256"])
    parts = table.pop("source").str.split(": ", n=1, expand=True)
    table.insert(0, "source", parts[0])
    table.insert(1, "licence", parts[1])
    return table


def licence_notes(settings: dict[str, Any]) -> list[str]:
    """Return the sources and licences as notes for the corpus's table (any topic ``demo``)."""
    named = [f"{row.source} ({row.licence})" for row in source_table().itertuples()]
    return [
        f"Sources: {'; '.join(named)}.",
        "They are fetched when the corpus is built and are not part of this repository.",
    ]


def attacks(paths: CorpusPaths, settings: dict[str, Any]) -> pd.DataFrame:
    """Return :func:`measured_attacks` of the training part's pianos (topic ``demo``)."""
    return measured_attacks(paths.sources, settings["pianos"]["train"])


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
    pitch = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1)
    onset_s = SPACING_S * np.arange(1, len(pitch) + 1)
    notes = pd.DataFrame(
        {
            "pitch": pitch,
            "velocity": velocity,
            "onset_s": onset_s,
            "offset_s": onset_s + PEAK_WITHIN_S,
        }
    )
    parts = []
    for name in pianos:
        piano = load_piano(name, sources)
        audio = piano.render(notes, onset_s[-1] + SPACING_S)
        first = np.rint(onset_s * SAMPLE_RATE).astype(int)
        before_s = np.array([measure_attack_s(audio[index:], SAMPLE_RATE) for index in first])
        after_s = before_s - piano.attack_s(pitch, np.full(len(pitch), velocity))
        parts.append(
            pd.DataFrame(
                {
                    "piano": name,
                    "pitch": pitch,
                    "before_ms": 1000 * before_s,
                    "after_ms": 1000 * after_s,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
