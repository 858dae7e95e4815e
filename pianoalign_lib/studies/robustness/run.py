"""Run methods on every case of table 9, keep what they say of each note, and score it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...common.config import CorpusPaths, digest, topic
from ...common.errors import CorpusError
from ...common.files import PACKAGE, atomic_path, sha256_file
from ...common.progress import progress
from ...corpora.recordings import Recording, load_recording, read_index
from ...corpora.timing_errors import generator
from .cases import Case, case, part_of_midi, splice
from .conditions import CONDITIONS, draw
from .methods import ROOMS_OF, Placer
from .scores import Score, find_scores, score_cases
from .scoring import judge, summarise

SCORES = "scores"  # the set of scores against performances; all others are made from recordings
ROBUSTNESS, DRAWN = "robustness.csv", "robustness_drawn.csv"


@dataclass(frozen=True)
class Material:
    """A recording that cases are made from: of a corpus, or a performance with its score."""

    name: str
    test_set: str
    recording: Recording | None = None
    score: Score | None = None
    folder: Path | None = None

    def load(self, paths: CorpusPaths, params: dict[str, Any]) -> tuple[Case, Case | None]:
        """Return what was played, as an exact case, and beside its score if there is one."""
        if self.score and self.folder:
            return score_cases(self.score, self.folder, paths.root, params)
        assert self.recording
        audio, notes = load_recording(paths.split("eval"), self.recording)
        end_s = min(float(topic(params, "robustness")["excerpt_s"]), len(audio) / 16_000)
        whole = part_of_midi(case(audio, notes), 0.0, end_s - 1.0)
        return splice(whole, [(0.0, end_s)], np.random.default_rng(0)), None


def materials(paths: CorpusPaths, params: dict[str, Any], part: str) -> tuple[list[Material], str]:
    """Return what a part (``test`` or ``development``) is made from, and why scores are missing."""
    settings = topic(params, "robustness")
    found, missing = [], ""
    if paths.corpus == "demo":
        try:
            folder, scores = find_scores(paths.root / "data" / SCORES, params)
            found += [
                Material(score.name, SCORES, score=score, folder=folder)
                for score in scores
                if score.split == part
            ]
        except CorpusError as error:
            missing = str(error)
    if part == "test":
        wanted = settings["recordings"][paths.corpus]
        seen = set()
        for item in read_index(paths.split("eval"), split="test"):
            place = item.performance if wanted["first_only"] else item.recording
            if item.test_set in wanted["test_sets"] and place not in seen:
                seen.add(place)
                found.append(Material(item.recording, item.test_set, recording=item))
    if not found:
        raise CorpusError(missing or f"{paths.corpus}: nothing to align in the part '{part}'")
    return found, missing


def run_robustness(
    paths: CorpusPaths,
    params: dict[str, Any],
    jobs: int = 1,
    *,
    part: str = "test",
    methods: list[str] | None = None,
    conditions: list[str] | None = None,
) -> pd.DataFrame:
    """Score every method under every condition; ``robustness.csv`` for the part ``test``.

    What a method says of a recording is kept below ``data/<corpus>/robustness`` as soon as it is
    known, so a stopped run goes on where it was; other code or parameters start it afresh.

    Parameters
    ----------
    part
        ``test``; or ``development``: other pieces on training pianos, to choose on.
    methods, conditions
        Default: those of params.yaml with ``exact``, and all.

    Raises
    ------
    CorpusError, CheckpointError
        If recordings or a checkpoint are missing or corrupt.
    """
    methods = methods or ["exact", *topic(params, "robustness")["methods"]]
    found, missing = materials(paths, params, part)
    plan = partial(_run_one, paths, params, methods, conditions or ["score", *CONDITIONS], part)
    frames = list(_map(plan, found, jobs, f"robustness {part}"))
    table = summarise(pd.concat(frames, ignore_index=True))
    if part == "test" and conditions is None:
        _write(paths.results / ROBUSTNESS, table, f"# scores: {missing}\n" if missing else "")
    return table


def run_drawn(paths: CorpusPaths, params: dict[str, Any], jobs: int = 1) -> pd.DataFrame:
    """Align cases drawn from everything on the test recordings; write ``robustness_drawn.csv``."""
    found, _ = materials(paths, params, "test")
    count = topic(params, "robustness")["drawn"]["cases"]
    shares = [len(part) for part in np.array_split(np.arange(count), len(found))]
    plan = partial(_draw_some, paths, params)
    frames = _map(plan, list(zip(found, shares, strict=True)), jobs, "drawn cases")
    table = pd.concat(list(frames), ignore_index=True)
    _write(paths.results / DRAWN, table)
    return table


def _map(run: Callable, items: list, jobs: int, label: str) -> Iterator[pd.DataFrame]:
    if jobs == 1:
        yield from progress(map(run, items), total=len(items), label=label)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from progress(pool.map(run, items), total=len(items), label=label)


def _run_one(
    paths: CorpusPaths,
    params: dict[str, Any],
    methods: list[str],
    conditions: list[str],
    part: str,
    material: Material,
) -> pd.DataFrame:
    """Return one row per note, condition and method of a recording, from disk where it is there."""
    frames = []
    loaded: dict[str, Placer] = {}

    def placer(condition: str) -> Placer:
        if not loaded:
            played, written = material.load(paths, params)
            loaded[""] = Placer(played, paths, params)
            if written is not None:
                loaded["score"] = Placer(written, paths, params)
        if condition not in loaded:
            rng = generator(params["robustness"]["seed"], material.name, condition)
            loaded[condition] = Placer(
                CONDITIONS[condition](loaded[""].case, rng), paths, params, loaded[""]
            )
        return loaded[condition]

    for method in methods:
        folder = paths.data / "robustness" / f"{method}-{_key(method, params, paths)}"
        for condition in conditions:
            is_score = material.test_set == SCORES
            if (condition == "score") != is_score and not (is_score and part == "development"):
                continue
            path = folder / f"{material.name}-{condition}.parquet"
            if not path.is_file():
                frame = judge(placer(condition), method)
                with atomic_path(path) as temporary:
                    frame.to_parquet(temporary, index=False)
            frames.append(
                pd.read_parquet(path).assign(
                    test_set=SCORES
                    if condition == "score"
                    else material.test_set.replace(SCORES, part),
                    recording=material.name,
                    condition=condition,
                    method=method,
                )
            )
    return pd.concat(frames, ignore_index=True)


def _draw_some(
    paths: CorpusPaths, params: dict[str, Any], item: tuple[Material, int]
) -> pd.DataFrame:
    """Return one row per case drawn from a recording."""
    material, count = item
    played, written = material.load(paths, params)
    rows = []
    for index in range(count):
        rng = generator(params["robustness"]["drawn"]["seed"], material.name, str(index))
        what, drawn = draw(played if written is None else written, rng)
        row = summarise(
            judge(Placer(drawn, paths, params), "localizer").assign(
                test_set=material.test_set,
                recording=material.name,
                condition=what,
                method="localizer",
            )
        )
        rows.append(row.assign(recording=material.name))
    return pd.concat(rows, ignore_index=True)


def _key(method: str, params: dict[str, Any], paths: CorpusPaths) -> str:
    """Return digits that change with what can change a method's answers, but for the audio."""
    code = [
        path
        for room in ("studies/robustness", *ROOMS_OF[method])
        for path in sorted((PACKAGE / room).rglob("*.py"))
    ]
    weights = sorted((PACKAGE / "localizer").glob("*.onnx")) + sorted(
        paths.checkpoints.glob("*.safetensors")
    )
    return digest([topic(params, "robustness"), [sha256_file(path) for path in [*code, *weights]]])


def _write(path: Path, table: pd.DataFrame, head: str = "") -> None:
    text = io.StringIO()
    text.write(head)
    table.to_csv(text, index=False, float_format="%.6f", lineterminator="\n")
    with atomic_path(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
