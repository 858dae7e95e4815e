"""The shipped checkpoints are those of ``checkpoints/provenance.csv``, and score as they did."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import ROOT

from pianoalign_lib.common.files import sha256_file
from tools import checkpoint_provenance as provenance

LISTED = pd.read_csv(ROOT / provenance.TARGET).set_index("checkpoint")
REMEDY = "after a release: python -m tools.checkpoint_provenance"


def test_every_shipped_checkpoint_is_listed() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in provenance.shipped(ROOT)]
    assert names == list(LISTED.index), REMEDY
    assert LISTED["commit"].str.fullmatch("[0-9a-f]{40}").all()


@pytest.mark.parametrize("name", LISTED.index)
def test_a_checkpoint_is_the_listed_one_and_scores_the_same(name: str) -> None:
    path, row = ROOT / name, LISTED.loc[name]
    assert sha256_file(path) == row["sha256"], REMEDY
    if path.suffix == ".safetensors":
        assert provenance.settings(ROOT, path, "") == row["settings"]
    for key, value in provenance.scores(ROOT, path).items():
        assert value == pytest.approx(row[key], abs=1e-4), key
