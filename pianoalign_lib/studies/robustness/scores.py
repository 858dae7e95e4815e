"""Scores and performances of them: (n)ASAP's alignments, rendered on pianos of the demo corpus.

A MIDI of the score at one tempo is what a user has; the performance is what was recorded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...common.config import digest
from ...common.errors import CorpusError
from ...corpora.asap import folder as asap
from ...corpora.performances import LEAD_S, TAIL_S, attacked, cut_excerpt, read_performance
from ...corpora.pianos import Piano, load_piano
from ...corpora.place import corpus_folder
from ...corpora.rooms import normalise
from ...corpora.timing_errors import generator
from ...io.audio import load_audio, write_flac
from ...io.notes import note_table
from .cases import Case, case

VARIABLE = "PIANOALIGN_SCORES"
HOW_TO_GET = (
    "give the folder of the score-to-performance notes made from CPJKU/asap-dataset (its match "
    f"files, as CSV) in {VARIABLE}"
)
SCORE_VELOCITY = 64
GRACE_S = 0.05


@dataclass(frozen=True)
class Score:
    """A score with a performance of it, the piano it is rendered on, and the split."""

    name: str
    path: str
    piano: str
    split: str


def find_scores(fetched: Path, params: dict[str, Any]) -> tuple[Path, list[Score]]:
    """Return the folder of scores and those that are used, development first.

    Pieces are drawn by `seed` (topic ``robustness``, ``scores``), at most `per_composer` of a
    composer in a split; a piece that recurs (with and without its repeats) counts once.

    Raises
    ------
    CorpusError
        If the folder is not there, or not one of scores.
    """
    folder = corpus_folder("(n)ASAP's scores", VARIABLE, HOW_TO_GET, None, fetched)
    try:
        listed = pd.read_csv(folder / "MANIFEST.csv")
        paths = dict(zip(listed["file"], listed["upstream_path"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(f"{folder}: has no MANIFEST.csv of scores; {HOW_TO_GET}") from error
    settings = params["robustness"]["scores"]
    rng = generator(settings["seed"], "scores")
    names = rng.permutation(sorted(paths)).tolist()
    chosen: list[Score] = []
    pieces: set[str] = set()
    for split in ("test", "development"):
        taken: dict[str, int] = {}
        for name in names:
            path = Path(paths[name])
            piece, composer = re.sub("_(no_)?repeat", "", str(path.parent)), path.parts[0]
            if piece in pieces or taken.get(composer, 0) == settings["per_composer"]:
                continue
            if sum(taken.values()) == settings["count"]:
                break
            taken[composer] = taken.get(composer, 0) + 1
            pieces.add(piece)
            pianos = params["demo"]["pianos"]["test" if split == "test" else "train"]
            piano = pianos[len(chosen) % len(pianos)]
            chosen.append(Score(name, str(path.with_suffix(".mid")), piano, split))
    return folder, sorted(chosen, key=lambda score: (score.split, score.name))


def score_cases(
    score: Score, folder: Path, root: Path, params: dict[str, Any]
) -> tuple[Case, Case]:
    """Return a performance as it was played, and beside the MIDI of its score at one tempo.

    The audio is rendered once and then kept on disk.

    Raises
    ------
    CorpusError
        If ASAP's performance, the piano or the score's file is missing.
    """
    settings = params["robustness"]["scores"]
    rows = pd.read_csv(folder / "notes" / f"{score.name}.csv")
    listed = asap.listed()
    midi = asap.find_folder(None, root / "data" / "asap" / "sources" / "midi")
    (file,) = asap.find_listed(midi, listed[listed["path"] == score.path])
    performance = read_performance(file)
    first_s = float(performance["onset_s"].min())
    end_s = first_s + settings["excerpt_s"]
    excerpt = cut_excerpt(performance, 0.0, end_s)
    piano = _piano(score.piano, root / "data" / "demo" / "sources")
    key = digest([score.piano, end_s, len(excerpt)])
    path = root / "data" / "demo" / "robustness" / "audio" / f"{score.name}-{key}.flac"
    if not path.is_file():
        duration_s = round(float(excerpt["sound_end_s"].max()) + TAIL_S, 2)
        sounding = excerpt.assign(offset_s=excerpt["sound_end_s"])
        write_flac(path, normalise(piano.render(sounding, duration_s)))
    audio = load_audio(path)
    attack_s = piano.attack_s(excerpt["pitch"].to_numpy(), excerpt["velocity"].to_numpy())
    played = case(audio, attacked(excerpt, attack_s))
    return played, _at_one_tempo(audio, rows, end_s, LEAD_S - first_s, piano, settings["slower"])


def _at_one_tempo(
    audio: np.ndarray, rows: pd.DataFrame, end_s: float, shift_s: float, piano: Piano, slower: float
) -> Case:
    """Return the case of a score's notes until `end_s`, at a rounded tempo below the played one."""
    written = rows.dropna(subset=["score_onset_beat"])
    # Where two voices share a key, it is struck once; the note that was matched stands for it.
    written = written.sort_values(["score_onset_beat", "pitch", "onset_s"]).drop_duplicates(
        ["score_onset_beat", "pitch"]
    )
    heard = written[written["onset_s"] < end_s]
    first, last = heard["score_onset_beat"].min(), heard["score_onset_beat"].max()
    excerpt = written[written["score_onset_beat"].between(first, last)]
    excerpt = excerpt[~(excerpt["onset_s"] >= end_s)]
    beat_s = (heard["onset_s"].max() - heard["onset_s"].min()) / (last - first)
    beat_s = 60.0 / max(1, round(60.0 / beat_s * (1.0 - slower)))
    onset_s = (excerpt["score_onset_beat"].to_numpy() - first) * beat_s
    length_s = np.maximum(excerpt["score_duration_beat"].to_numpy() * beat_s, GRACE_S)
    next_s = pd.Series(onset_s).groupby(excerpt["pitch"].to_numpy()).shift(-1).fillna(np.inf)
    offset_s = np.minimum(onset_s + length_s, next_s.to_numpy())
    pitch = excerpt["pitch"].to_numpy(np.int64)
    velocity = excerpt["velocity"].fillna(SCORE_VELOCITY).to_numpy(np.int64)
    true_s = excerpt["onset_s"].to_numpy() + shift_s + piano.attack_s(pitch, velocity)
    notes = note_table(pitch, np.full(len(pitch), SCORE_VELOCITY), onset_s, offset_s)
    return Case(audio, notes, (true_s[:, None],))


@cache
def _piano(name: str, sources: Path) -> Piano:
    return load_piano(name, sources)
