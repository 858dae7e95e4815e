"""The recordings of the comparison with other tools, and their beginnings that are used.

All test recordings of the unseen piano and all real ones, and the validation recordings, on which
each tool's constant offset is measured. Other kinds of timing errors, processor time and memory are
measured on fewer, fixed by name: the first recording of each performance (demo), the first six of
the unseen software piano and eight of the Disklavier (maps). The results on those eight were known
while the localizer was designed: they are no test of it, all 33 recordings are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths, topic
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.labels import REAL_SETS
from pianoalign_lib.corpora.demo.render import plan_part
from pianoalign_lib.corpora.performances import excerpt_notes, sounding
from pianoalign_lib.corpora.pianos import load_piano
from pianoalign_lib.corpora.recordings import Recording, load_recording, read_index
from pianoalign_lib.corpora.rooms import normalise
from pianoalign_lib.io.audio import SAMPLE_RATE, resample

from .table import DEVELOPMENT, VALIDATION

SAMPLED_S = 60.0
DISKLAVIER_S = 45.0
# A note that begins just before the cut can be heard by nothing that looks at its decay.
LAST_ONSET_S = 0.5
N_SOFTWARE_PIANO = 6
DEVELOPMENT_RECORDINGS = (
    "MAPS_MUS-chpn-e01_ENSTDkCl", "MAPS_MUS-alb_se2_ENSTDkCl", "MAPS_MUS-mz_331_3_ENSTDkCl",
    "MAPS_MUS-deb_menu_ENSTDkCl", "MAPS_MUS-bk_xmas4_ENSTDkCl", "MAPS_MUS-chpn_op66_ENSTDkAm",
    "MAPS_MUS-schumm-1_ENSTDkAm", "MAPS_MUS-muss_1_ENSTDkAm",
)  # fmt: skip


@dataclass(frozen=True)
class Excerpt:
    """The first `length_s` seconds of a recording, in a test set of the comparison."""

    source: Recording
    test_set: str
    length_s: float

    @property
    def recording(self) -> str:
        return self.source.recording


def field_excerpts(paths: CorpusPaths) -> list[Excerpt]:
    """Return the excerpts of a corpus: real recordings, unseen piano, validation; by name in each.

    Raises
    ------
    CorpusError
        If the corpus is not rendered.
    """
    index = sorted(read_index(paths.split("eval")), key=lambda item: item.recording)
    excerpts = [
        Excerpt(item, name, DISKLAVIER_S if name in REAL_SETS else SAMPLED_S)
        for name in (*REAL_SETS, "test")
        for item in index
        if item.split == "test" and item.test_set == name
    ]
    others = [item for item in index if item.split == VALIDATION]
    return excerpts + [Excerpt(item, VALIDATION, SAMPLED_S) for item in others]


def measured_excerpts(paths: CorpusPaths) -> list[Excerpt]:
    """Return the fewer excerpts that costs and all timing errors are measured on.

    Raises
    ------
    CorpusError
        If the corpus is not rendered, or lacks one of them.
    """
    excerpts = [item for item in field_excerpts(paths) if item.test_set != VALIDATION]
    plain = [item for item in excerpts if item.test_set == "test"]
    if paths.corpus != "maps":
        first: dict[str, Excerpt] = {}
        for item in plain:
            first.setdefault(item.source.performance, item)
        return list(first.values())
    by_name = {item.recording: item for item in excerpts}
    missing = [name for name in DEVELOPMENT_RECORDINGS if name not in by_name]
    if missing or len(plain) < N_SOFTWARE_PIANO:
        lacking = ", ".join(missing) or f"{N_SOFTWARE_PIANO} recordings of the unseen piano"
        raise CorpusError(
            f"{paths.split('eval')}: lacks {lacking}; get the whole of MAPS and render it again"
        )
    real = [
        Excerpt(by_name[name].source, DEVELOPMENT, DISKLAVIER_S)
        for name in sorted(DEVELOPMENT_RECORDINGS)
    ]
    return real + plain[:N_SOFTWARE_PIANO]


def rendered_at(
    paths: CorpusPaths, params: dict[str, Any], excerpt: Excerpt, rate: int
) -> np.ndarray:
    """Return an excerpt's audio (mono) as the piano sounds at another sample rate.

    Only `demo` can be rendered at more than 16 kHz, and of it what is in no room: rooms are
    simulated at 16 kHz.

    Raises
    ------
    CorpusError
        If the recording is none of `demo`, or its piano is missing.
    """
    planned = plan_part(paths.sources, topic(params, "demo"), "eval")
    plan = {item.recording: item for item in planned}.get(excerpt.recording)
    if plan is None:
        raise CorpusError(f"{excerpt.recording}: is not planned by params.yaml; render demo again")
    piano = load_piano(plan.piano, paths.sources)
    audio = piano.play(*sounding(excerpt_notes(plan)))
    load_piano.cache_clear()  # its samples are no part of the tool's memory
    return normalise(resample(audio, piano.RATE, rate))[: round(excerpt.length_s * rate)]


def load_excerpt(paths: CorpusPaths, excerpt: Excerpt) -> tuple[np.ndarray, pd.DataFrame]:
    """Return an excerpt's audio (mono, 16 kHz) and its true notes.

    Notes that begin in its last half second are left out; those that ring longer end with it.

    Raises
    ------
    CorpusError
        If the recording is missing or not the one of the index.
    """
    audio, notes = load_recording(paths.split("eval"), excerpt.source)
    audio = audio[: round(excerpt.length_s * SAMPLE_RATE)]
    length_s = len(audio) / SAMPLE_RATE
    # A recording that is not cut keeps all its notes.
    last_s = length_s - LAST_ONSET_S if length_s >= excerpt.length_s else np.inf
    notes = notes[notes["onset_s"] < last_s].reset_index(drop=True)
    return audio, notes.assign(offset_s=notes["offset_s"].clip(upper=length_s))
