"""Scores beside performances: (n)ASAP's alignments, rendered on pianos of the demo corpus."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import digest
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.corpora.asap import folder as asap
from pianoalign_lib.corpora.performances import LEAD_S, Excerpt, read_performance, render_excerpt
from pianoalign_lib.corpora.pianos import load_piano
from pianoalign_lib.corpora.recordings import load_recording
from pianoalign_lib.corpora.sources import corpus_folder
from pianoalign_lib.corpora.timing_errors import generator
from pianoalign_lib.io.notes import note_table

from .cases import Case

VARIABLE = "PIANOALIGN_SCORES"
HOW_TO_GET = (
    "clone github.com/CPJKU/asap-dataset at commit 4097b45757 and run 'python -m "
    f"tools.scores_from_asap CLONE FOLDER', then name the folder in {VARIABLE}"
)
SCORE_VELOCITY = 64  # a score has none
GRACE_S = 0.05  # length of a note that has none in the score


@dataclass(frozen=True)
class Score:
    """A score with the performance beside it, by its path in ASAP, and the piano it is played on.

    `notes` is the file with both times of each note.
    """

    name: str
    notes: Path
    path: str
    piano: str


def listed() -> pd.Series:
    """Return where each score is in the repository, without ending, by its name."""
    return pd.read_csv(Path(__file__).with_suffix(".csv")).set_index("name")["path"]


def find_scores(fetched: Path, params: dict[str, Any], part: str) -> list[Score]:
    """Return the scores of a part, ``test`` or ``development``.

    The pieces of the list beside this module are shuffled by the seed of topic ``robustness``; the
    first go to test, the next to development, so many of a composer at most. A piece with and
    without its repeats is one.

    Raises
    ------
    CorpusError
        If the folder is not there.
    """
    folder = corpus_folder("(n)ASAP's scores", VARIABLE, HOW_TO_GET, None, fetched)
    paths = listed()
    settings, pianos = params["robustness"]["scores"], params["demo"]["pianos"]
    names = generator(settings["seed"], "scores").permutation(sorted(paths.index)).tolist()
    pieces: set[str] = set()
    scores: list[Score] = []
    for split in ("test", "development"):
        scores, composers = [], Counter[str]()
        voices = pianos["test" if split == "test" else "train"]
        for name in names:
            path = Path(paths[name])
            piece, composer = re.sub("_(no_)?repeat", "", str(path.parent)), path.parts[0]
            is_free = piece not in pieces and composers[composer] < settings["per_composer"]
            if is_free and len(scores) < settings["count"]:
                composers[composer] += 1
                pieces.add(piece)
                midi, piano = f"{path}.mid", voices[len(scores) % len(voices)]
                scores.append(Score(name, folder / "notes" / f"{name}.csv", midi, piano))
        if split == part:
            break
    return scores


def score_cases(score: Score, root: Path, params: dict[str, Any]) -> dict[str, Case]:
    """Return a performance as it was ``played``, and beside the MIDI of its ``score``.

    The audio is rendered once and then kept on disk.

    Raises
    ------
    CorpusError
        If ASAP's performance, the score or the piano is missing.
    """
    settings, demo = params["robustness"]["scores"], root / "data" / "demo"
    fetched = root / "data" / "asap" / "sources" / "midi"
    midi = corpus_folder("ASAP", asap.VARIABLE, asap.HOW_TO_GET, None, fetched)
    (file,) = asap.find_listed(midi, asap.listed().query("path == @score.path"))
    first_s = float(read_performance(file)["onset_s"].min())
    end_s = first_s + settings["excerpt_s"]
    piano = load_piano(score.piano, demo / "sources")
    excerpt = Excerpt(
        recording=score.name,
        split="test",
        test_set="",
        performance=score.path,
        piano=score.piano,
        midi=file,
        start_s=0.0,
        end_s=end_s,
        key=digest([score.path, score.piano, end_s]),
    )
    folder = demo / "robustness" / "rendered"
    audio, notes = load_recording(folder, render_excerpt(folder, lambda _: piano, None, excerpt))
    played = Case(audio, notes, (notes["onset_s"].to_numpy()[:, None],))
    if not score.notes.is_file():
        raise CorpusError(f"{score.notes}: not found; {HOW_TO_GET}")
    rows = pd.read_csv(score.notes).dropna(subset="score_onset_beat")
    attack_s = piano.attack_s(rows["pitch"].to_numpy(), rows["velocity"].fillna(1).to_numpy(int))
    rows = rows.assign(true_s=rows["onset_s"] + LEAD_S - first_s + attack_s)
    return {"played": played, "score": score_to_midi(audio, rows, end_s, settings["slower"])}


def score_to_midi(audio: np.ndarray, rows: pd.DataFrame, end_s: float, slower: float) -> Case:
    """Return the case of a score until `end_s` of its performance, slower than that by a share.

    The tempo is rounded to whole beats a minute. Where two voices share a key, it is struck once.
    """
    onset_beat = "score_onset_beat"
    rows = rows.sort_values([onset_beat, "pitch", "onset_s"]).drop_duplicates([onset_beat, "pitch"])
    heard = rows[rows["onset_s"] < end_s]
    first, last = heard[onset_beat].min(), heard[onset_beat].max()
    rows = rows[rows[onset_beat].between(first, last) & ~(rows["onset_s"] >= end_s)]
    beats_per_s = (last - first) / (heard["onset_s"].max() - heard["onset_s"].min())
    beat_s = 60.0 / round(60.0 * beats_per_s * (1.0 - slower))
    onset_s = (rows[onset_beat].to_numpy() - first) * beat_s
    length_s = np.maximum(rows["score_duration_beat"].to_numpy() * beat_s, GRACE_S)
    velocity = np.full(len(rows), SCORE_VELOCITY)
    notes = note_table(rows["pitch"], velocity, onset_s, onset_s + length_s)
    return Case(audio, notes, (rows["true_s"].to_numpy()[:, None],))
