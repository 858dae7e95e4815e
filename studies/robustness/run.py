"""Run the methods on every case of table 9, keep what they say of each note, and score it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths, digest, topic
from pianoalign_lib.common.errors import ConfigError, CorpusError
from pianoalign_lib.common.files import PACKAGE, atomic_path, sha256_file, write_text
from pianoalign_lib.common.progress import side_by_side
from pianoalign_lib.corpora.recordings import Recording, load_recording, read_index
from pianoalign_lib.corpora.timing_errors import generator

from . import conditions
from .cases import SAMPLE_RATE, Case, spliced_audio, spliced_midi
from .conditions import BUILDS
from .methods import ROOMS_OF, place
from .scores import Score, find_scores, score_cases
from .scoring import judge, summarise
from .table import SCORE

log = logging.getLogger(__name__)

ROBUSTNESS, DRAWN = "robustness.csv", "robustness_drawn.csv"


@dataclass(frozen=True)
class Material:
    """A recording that cases are made from; `load` gives it as ``played``, and its ``score``."""

    name: str
    test_set: str
    load: Callable[[], dict[str, Case]]


def materials(
    paths: CorpusPaths, params: dict[str, Any], part: str = "test", *, scores_too: bool = True
) -> list[Material]:
    """Return the recordings of a part; of ``test``, scores are left out where they are not here.

    Raises
    ------
    CorpusError, ConfigError
        If the recordings, or for ``development`` the scores, are not here; for another corpus.
    """
    scores: list[Score] = []
    try:
        if paths.corpus == "demo" and scores_too:
            scores = find_scores(paths.root / "data" / "scores", params, part)
    except CorpusError as error:
        if part != "test":
            raise
        log.warning("scores: not run: %s", error)
    found = [Material(s.name, SCORE, partial(score_cases, s, paths.root, params)) for s in scores]
    if part == "test":
        wanted = topic(params, "robustness")["recordings"].get(paths.corpus)
        if wanted is None:
            raise ConfigError(f"params.yaml: robustness.recordings has nothing of {paths.corpus}")
        seen = set()
        for item in read_index(paths.split("eval"), split="test"):
            key = item.performance if wanted["first_only"] else item.recording
            if item.test_set in wanted["test_sets"] and key not in seen:
                seen.add(key)
                load = partial(_recording, paths, item, topic(params, "robustness")["excerpt_s"])
                found.append(Material(item.recording, item.test_set, load))
    return found


def _recording(paths: CorpusPaths, item: Recording, longest_s: float) -> dict[str, Case]:
    audio, notes = load_recording(paths.split("eval"), item)
    end_s = min(longest_s, len(audio) / SAMPLE_RATE)
    whole = Case(audio, notes, (notes["onset_s"].to_numpy()[:, None],))
    begun = spliced_midi(whole, (0.0, end_s - 1.0))  # the last of them can be heard
    return {"played": spliced_audio(begun, np.random.default_rng(0), (0.0, end_s))}


def run_robustness(
    paths: CorpusPaths,
    params: dict[str, Any],
    jobs: int = 1,
    *,
    part: str = "test",
    methods: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Score methods under conditions; of all of them on ``test``, write ``robustness.csv``.

    What a method says of a case is kept below ``data/<corpus>/robustness`` as soon as it is known:
    a stopped run goes on where it was. Other code of its own or parameters start it afresh.

    Parameters
    ----------
    part
        ``test``; or ``development``: other pieces on the training pianos, to choose on.
    methods, names
        Default: those of params.yaml and ``exact``; all conditions.

    Raises
    ------
    ConfigError
        If the corpus, a method or a condition is unknown.
    """
    chosen = methods or ["exact", *topic(params, "robustness")["methods"][paths.corpus]]
    wanted = names or [SCORE, *BUILDS]
    if unknown := {*chosen, *wanted} - {SCORE, *BUILDS, *ROOMS_OF}:
        known = ", ".join([*ROOMS_OF, SCORE, *BUILDS])
        raise ConfigError(f"unknown: {', '.join(sorted(unknown))}; there are {known}")
    run = partial(_run_one, paths, params, chosen, wanted, part)
    found = materials(paths, params, part)
    frames = side_by_side(run, found, jobs, label=f"robustness, {part}")
    table = summarise(pd.concat(frames, ignore_index=True))
    if part == "test" and methods is None and names is None:
        _write(paths.results / ROBUSTNESS, table)
    return table


def run_drawn(paths: CorpusPaths, params: dict[str, Any], jobs: int = 1) -> pd.DataFrame:
    """Align cases drawn from everything on ``test``; write ``robustness_drawn.csv``, a row each."""
    found = materials(paths, params)
    count = -(-topic(params, "robustness")["drawn"]["cases"] // len(found))
    draw = partial(draw_cases, paths, params, count)
    frames = side_by_side(draw, found, jobs, label="drawn cases")
    table = summarise(pd.concat(frames, ignore_index=True))
    _write(paths.results / DRAWN, table)
    return table


def draw_cases(
    paths: CorpusPaths, params: dict[str, Any], count: int, material: Material
) -> pd.DataFrame:
    """Return the notes of cases drawn from a recording, its score if it has one, aligned."""
    loaded = material.load()
    frames = []
    for index in range(count):
        rng = generator(topic(params, "robustness")["drawn"]["seed"], material.name, str(index))
        what, given = conditions.draw(loaded, rng)
        frame = judge(given, *place("localizer", given, paths, params))
        case = f"{material.name}, {index}: {what}"
        frames.append(frame.assign(condition=case, method="localizer"))
    return pd.concat(frames).assign(test_set=material.test_set, recording=material.name)


def _run_one(
    paths: CorpusPaths,
    params: dict[str, Any],
    methods: Sequence[str],
    names: Sequence[str],
    part: str,
    material: Material,
) -> pd.DataFrame:
    """Return one row per case, method and note of a recording, from disk where they are there."""
    load = cache(material.load)

    @cache
    def made(name: str) -> Case:
        rng = generator(topic(params, "robustness")["seed"], material.name, name)
        return conditions.build(name, load(), rng)

    frames = []
    for name in names:
        has_score = material.test_set == SCORE
        if (name == SCORE) != has_score and not (has_score and part == "development"):
            continue  # a test performance serves its score alone
        for method in methods:
            key = f"{method}-{_key(method, params)}"
            path = paths.data / "robustness" / key / f"{material.name}-{name}.parquet"
            if not path.is_file():
                as_played = method == "exact" and name in conditions.RETUNED
                given = made("start" if as_played else name)
                given = given.exact() if method == "exact" else given
                frame = judge(given, *place(method, given, paths, params))
                with atomic_path(path) as temporary:
                    frame.to_parquet(temporary, index=False)
            frames.append(pd.read_parquet(path).assign(condition=name, method=method))
    if not frames:
        return pd.DataFrame()
    test_set = part if part == "development" else material.test_set
    return pd.concat(frames).assign(test_set=test_set, recording=material.name)


def _key(method: str, params: dict[str, Any]) -> str:
    """Return digits that change with what can change a method's answers, but for the audio."""
    folders = [Path(__file__).parent, *(PACKAGE / room for room in ROOMS_OF[method])]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    files += sorted((PACKAGE / "localizer").rglob("*.onnx"))
    return digest([topic(params, "robustness"), [sha256_file(file) for file in files]])


def _write(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
