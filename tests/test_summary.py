"""The few numbers that DVC shows: those of metrics.csv, and none of methods that are gone."""

from __future__ import annotations

import json
import shutil

import pytest
from conftest import ROOT

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.scoring.scores import Scores, read_scores
from pianoalign_lib.scoring.summary import write_summary


@pytest.mark.parametrize("corpus", ["demo", "maps"])
def test_the_committed_summary_is_that_of_the_metrics(corpus, tmp_path):
    paths, committed = corpus_paths(corpus, tmp_path), corpus_paths(corpus, ROOT).results
    (paths.results / "summary").mkdir(parents=True)
    (paths.results / "summary" / "gone.json").write_text("{}")
    shutil.copyfile(committed / "metrics.csv", paths.results / "metrics.csv")
    write_summary(paths)
    names = [
        "accuracy_by_tolerance.csv",
        *(f"summary/{p.name}" for p in (committed / "summary").iterdir()),
    ]
    for name in names:
        assert (paths.results / name).read_bytes() == (committed / name).read_bytes(), name
    assert not (paths.results / "summary" / "gone.json").exists()
    row = Scores(read_scores(committed / "metrics.csv")).find("test", "crnn", "note100")
    crnn = json.loads((paths.results / "summary" / "crnn.json").read_text())
    assert crnn["test"]["within_10_ms"] == pytest.approx(100 * row["acc_10ms"], abs=0.0051)
