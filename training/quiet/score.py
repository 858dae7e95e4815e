"""How well weights place the notes of the validation recordings, by velocity and by repetition.

What is released is chosen by this table alone: by its rows of ``quiet``, provided that ``demo`` and
``maps`` (the validation piano AkPnBsdf) lose nothing. Every note is off by up to ±100 ms; each
recording is scored as it is and as augmented.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import topic
from pianoalign_lib.common.errors import InputError
from pianoalign_lib.corpora.timing_errors import generator, perturb
from pianoalign_lib.localizer.locate import locate
from pianoalign_lib.localizer.runner import Runner
from training.localizer.examples import Source
from training.localizer.release import CONDITION
from training.localizer.sources import load_sources

TOLERANCES_MS = (5, 10, 50)
VELOCITIES = (0, 25, 35, 50, 128)  # edges of the classes
GAPS_S = (0.0, 0.12, 0.25, 0.5, np.inf)  # to the nearest note of the same key


def score(root: Path, params: dict[str, Any], runners: dict[str, Runner]) -> pd.DataFrame:
    """Return the share of notes within each tolerance, in %.

    Returns
    -------
    DataFrame
        One row for each corpus, class of notes and weights: corpus, notes ("all", a class of
        velocity or of repetition), weights, count, within_5_ms, within_10_ms and within_50_ms; the
        same with each recording's median error taken off (calibrated_…), since labels of MAPS are
        a constant away from the sound; spread_ms, between the quartiles of the errors.
    """
    sources = load_sources(root, params, "validation", topic(params, "localizer")["copies"], True)
    rows = []
    for weights, runner in runners.items():
        notes = pd.concat([_errors(source, runner) for source in sources], ignore_index=True)
        for corpus, own in notes.groupby("corpus"):
            for name, part in _classes(own):
                error_ms = 1000.0 * part["error_s"]
                row = {"corpus": corpus, "notes": name, "weights": weights, "count": len(part)}
                for kind, column in (("within", "error_s"), ("calibrated", "centred_s")):
                    off_ms = 1000.0 * part[column].abs()
                    row |= {
                        f"{kind}_{t}_ms": round(100.0 * float((off_ms <= t).mean()), 2)
                        for t in TOLERANCES_MS
                    }
                low, high = error_ms.quantile([0.25, 0.75])
                rows.append(row | {"spread_ms": round(high - low, 2)})
    return pd.DataFrame(rows).sort_values(["corpus", "notes", "weights"], ignore_index=True)


def _errors(source: Source, runner: Runner) -> pd.DataFrame:
    """Return each note's error in seconds and what it is sorted by; NaN where nothing is placed."""
    notes = pd.DataFrame({"pitch": source.pitch, "velocity": source.velocity})
    notes = notes.assign(onset_s=source.onset_s, offset_s=source.onset_s + 0.5)
    key = notes.groupby("pitch")["onset_s"]
    gap_s = np.minimum(key.diff().fillna(np.inf), -key.diff(-1).fillna(-np.inf))
    placed_s = np.full(len(notes), np.nan)
    with contextlib.suppress(InputError):  # so noisy that it is taken for another piece
        loose = perturb(notes, CONDITION, generator(1, source.name))
        placed_s = locate(source.spectra, loose, runner).onset_s
    error_s, corpus = placed_s - source.onset_s, source.name.partition("/")[0]
    centred_s = error_s - np.median(error_s)
    return notes.assign(corpus=corpus, gap_s=gap_s, error_s=error_s, centred_s=centred_s)


def _classes(notes: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    """Yield name and notes of every class that has any."""
    yield "all", notes
    for label, column, edges in (
        ("velocity", "velocity", VELOCITIES),
        ("same key within", "gap_s", GAPS_S),
    ):
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            inside = notes[notes[column].ge(low) & notes[column].lt(high)]
            if len(inside):
                yield f"{label} {low:g} to {high:g}", inside
