"""Who is trained on and who is tested on: by piece, with one piano kept out altogether."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...common.config import topic
from ...common.errors import CorpusError
from .folder import REAL, listed, split_name

UNSEEN_PIANO = "test"  # unseen pieces on the piano that is kept out: the main test set
UNSEEN_PIECES = "pieces"  # unseen pieces on the pianos of the training part
# One piece under two names, as its notes say: all corpora are compared in tests/test_same_music.py.
TWINS = (("chpn-e01", "chpn_op10_e01"), ("chpn-p11", "chpn-p11-format0"))


def expected_recordings(corpus: str, params: dict[str, Any]) -> int | None:
    """Return how many recordings the evaluated part of a corpus has; None where it is not fixed."""
    if corpus != "maps" or topic(params, "maps")["recordings"] != "listed":
        return None
    parts = split(listed()["recording"], params["maps"]).values()
    return sum(part != "train" for part, _ in parts)


def split(recordings: Iterable[str], settings: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return split and test set of every recording.

    No piece of the Disklavier or of the piano kept out is trained or validated on. Of the other
    pieces, a few for each piano are drawn for the test set of unseen pieces and for validation, and
    all recordings of a drawn piece follow it. A piece whose twin (`TWINS`) is held out is left out
    where it would be trained on, or chosen by.

    Parameters
    ----------
    recordings
        Names, ``MAPS_MUS-<piece>_<instrument>``.
    settings
        Topic ``maps`` of ``params.yaml``: seed, test_piano, test_pieces and validation_pieces.

    Returns
    -------
    dict
        name → (``train`` | ``validation`` | ``test``, test set or ""), but for what is left out.

    Raises
    ------
    CorpusError
        If the piano to keep out is the Disklavier.
    """
    held_out = settings["test_piano"]
    if held_out in REAL:
        raise CorpusError(f"params.yaml: maps.test_piano: {held_out} is tested on anyway")
    parts = {name: split_name(name) for name in sorted(recordings)}
    pianos = sorted({piano for _, piano in parts.values()} - {held_out, *REAL})
    rng = np.random.default_rng(settings["seed"])
    tested = {piece for piece, piano in parts.values() if piano in (held_out, *REAL)}
    validated: set[str] = set()
    for drawn, count in (
        (tested, settings["test_pieces"]),
        (validated, settings["validation_pieces"]),
    ):
        for piano in pianos:
            free = sorted({p for p, i in parts.values() if i == piano} - tested - validated)
            drawn.update(rng.choice(free, size=min(count, len(free)), replace=False).tolist())
    test_sets = {held_out: UNSEEN_PIANO} | {piano: piano for piano in REAL}
    twins = dict(TWINS) | {second: first for first, second in TWINS}
    found = {}
    for name, (piece, piano) in parts.items():
        if piano in test_sets or piece in tested:
            found[name] = ("test", test_sets.get(piano, UNSEEN_PIECES))
        elif piece in validated and twins.get(piece) not in tested:
            found[name] = ("validation", "")
        elif twins.get(piece) not in tested | validated:
            found[name] = ("train", "")
    return found
