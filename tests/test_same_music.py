"""No music of a test or validation part is trained on: compared by content, over all corpora."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pianoalign_lib.common.config import load_params
from pianoalign_lib.corpora.asap.folder import listed as asap_listed
from pianoalign_lib.corpora.maps.folder import VARIABLE
from pianoalign_lib.corpora.maps.folder import listed as maps_listed
from pianoalign_lib.corpora.maps.split import split
from tools import fingerprints
from tools.same_music import THRESHOLD, runs, shared
from training.quiet.performances import listed as smd_listed

TWIN, TESTED = "maps/MAPS_MUS-chpn_op10_e01_AkPnCGdD", "maps/MAPS_MUS-chpn-e01_ENSTDkCl"
LEAST = 4  # hashes in common: one or two are chance where a piece is short


def parts() -> dict[str, str]:
    """Return train, validation or test for every performance that is used."""
    params = load_params()
    found = {
        f"demo/maestro_{number}": part
        for part, numbers in params["demo"]["performances"].items()
        for number in numbers
    }
    pieces = split(maps_listed()["recording"], params["maps"])
    found |= {f"maps/{name}": part for name, (part, _) in pieces.items()}
    asap = asap_listed().query("excluded == ''")
    found |= {f"asap/{path}": "train" for path in asap["path"]}
    smd = smd_listed().query("split != ''")
    return found | {
        f"smd/{path}": part for path, part in zip(smd["path"], smd["split"], strict=True)
    }


def alike(one: str, other: str) -> bool:
    """Return whether two performances play the same music, as far as their samples tell."""
    first, second = fingerprints.load()[one], fingerprints.load()[other]
    common = max(len(a & b) for a, b in zip(first, second, strict=True))
    return common >= LEAST and shared(first, second) >= THRESHOLD


def same(found: dict[str, str]) -> set[tuple[str, str]]:
    """Return (trained on, held out) of every pair that plays the same music.

    Validation recordings are compared with those of the tests too: what is chosen by a test's piece
    is chosen by the test.
    """
    rank = {"train": 0, "validation": 1, "test": 2}
    return {
        (one, other)
        for one, first in found.items()
        for other, second in found.items()
        if rank[first] < rank[second] and alike(one, other)
    }


def test_no_music_is_in_two_splits_of_any_corpora() -> None:
    found = parts()
    assert set(found) <= set(fingerprints.load())
    assert {name.partition("/")[0] for name in found} == {"demo", "maps", "asap", "smd"}
    assert same(found) == set()


def test_the_piece_under_another_name_is_found_when_it_is_put_back() -> None:
    found = parts()
    assert TWIN not in found and found[TESTED] == "test"
    assert same(found | {TWIN: "train"}) == {(TWIN, TESTED)}


@pytest.mark.parametrize(("corpus", "table"), [("asap", asap_listed()), ("smd", smd_listed())])
def test_what_is_left_out_shares_music_with_what_is_held_out(corpus, table) -> None:
    left_out = table.query("excluded != ''")["path"]
    held_out = [name for name, part in parts().items() if part != "train"]
    assert len(left_out) >= 3
    for path in left_out:
        assert any(alike(f"{corpus}/{path}", other) for other in held_out), path


@pytest.mark.skipif(not os.environ.get(VARIABLE), reason="MAPS is not here")
def test_the_committed_hashes_are_those_of_maps() -> None:
    known = fingerprints.load()
    count = 0
    for name, notes in fingerprints.maps_recordings(Path(os.environ[VARIABLE])):
        assert fingerprints.sample(runs(notes)) == known[name]
        count += 1
    assert count == len(maps_listed())
