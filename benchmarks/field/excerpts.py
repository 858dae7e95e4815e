"""The fixed recordings of the comparison with other tools, and their beginnings that are used.

Fixed by name: the first excerpt of each test performance on the unseen piano (demo), the first six
recordings of the unseen software piano and eight of the Disklavier (maps). The results on those
eight were known while the localizer was designed: they are no test of it, all 33 recordings are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.corpora.recordings import Recording, load_recording, read_index
from pianoalign_lib.io.audio import SAMPLE_RATE

SOFTWARE_PIANO_S = 60.0
DISKLAVIER_S = 45.0
# A note that begins just before the cut can be heard by nothing that looks at its decay.
LAST_ONSET_S = 0.5
N_SOFTWARE_PIANO = 6
DISKLAVIER = "disklavier"  # the test set that both microphone positions make together here
DISKLAVIER_RECORDINGS = (
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
    """Return the excerpts of a corpus, sorted by test set and name.

    Raises
    ------
    CorpusError
        If the corpus is not rendered, or lacks one of them.
    """
    tested = read_index(paths.split("eval"), split="test")
    tested.sort(key=lambda item: item.recording)
    plain = [item for item in tested if item.test_set == "test"]
    if paths.corpus != "maps":
        first: dict[str, Recording] = {}
        for item in plain:
            first.setdefault(item.performance, item)
        return [Excerpt(item, "test", SOFTWARE_PIANO_S) for item in first.values()]
    by_name = {item.recording: item for item in tested}
    missing = [name for name in DISKLAVIER_RECORDINGS if name not in by_name]
    if missing or len(plain) < N_SOFTWARE_PIANO:
        lacking = ", ".join(missing) or f"{N_SOFTWARE_PIANO} recordings of the unseen piano"
        raise CorpusError(
            f"{paths.split('eval')}: lacks {lacking}; get the whole of MAPS and render it again"
        )
    real = [Excerpt(by_name[name], DISKLAVIER, DISKLAVIER_S) for name in DISKLAVIER_RECORDINGS]
    real.sort(key=lambda item: item.recording)
    return real + [Excerpt(item, "test", SOFTWARE_PIANO_S) for item in plain[:N_SOFTWARE_PIANO]]


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
