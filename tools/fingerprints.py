"""What every performance of every corpus holds, in a few hashes, for the test of the splits.

The performances are not part of this repository, so each is kept as a sample of its runs
(:mod:`tools.same_music`): those whose hash is a multiple of `EVERY`. The share
that two samples have in common is, on average, that of the whole.

``python -m tools.fingerprints`` writes ``tests/fingerprints.npz`` anew. It needs MAPS, ASAP and the
Saarland Music Data (PIANOALIGN_MAPS, PIANOALIGN_ASAP, PIANOALIGN_SMD) and the fetched demo corpus.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.corpora.asap.folder import find_listed, listed
from pianoalign_lib.corpora.maps import folder as maps
from pianoalign_lib.corpora.maps.labels import read_labels
from pianoalign_lib.io.notes import read_midi
from tools.same_music import Runs, runs
from training.quiet import performances as smd

FILE = Path(__file__).resolve().parents[1] / "tests" / "fingerprints.npz"
EVERY = 16


def sample(of: Runs) -> tuple[set[int], set[int]]:
    """Return the hashes of a sample of both voices' runs."""
    one, other = ({h for h in map(zlib.crc32, voice) if h % EVERY == 0} for voice in of)
    return one, other


def maps_recordings(folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield name and notes of the listed recordings, whole, as their labels say."""
    found, _ = maps.find_sources(folder, maps.listed()["recording"])
    for name, (_, labels) in found.items():
        yield f"maps/{name}", read_labels(labels)


def performances() -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield corpus/name and notes of every performance; all corpora must be here."""
    yield from maps_recordings(Path(os.environ[maps.VARIABLE]))
    for path in sorted((corpus_paths("demo").sources / "midi").glob("maestro_*.mid")):
        yield f"demo/{path.stem}", read_midi(path, pedal=False)
    for corpus, variable, table in (
        ("asap", "PIANOALIGN_ASAP", listed()),
        ("smd", smd.VARIABLE, smd.listed()),
    ):
        paths = find_listed(Path(os.environ[variable]), table)
        for name, path in zip(table["path"], paths, strict=True):
            yield f"{corpus}/{name}", read_midi(path, pedal=False)


@cache
def load() -> dict[str, tuple[set[int], set[int]]]:
    """Return the samples of all performances by corpus/name."""
    with np.load(FILE) as stored:
        names, counts, hashes = (stored[key] for key in ("names", "counts", "hashes"))
    parts = np.split(hashes, np.cumsum(counts)[:-1])
    sets = [set((part.astype(np.int64) * EVERY).tolist()) for part in parts]
    return dict(zip(names.tolist(), zip(sets[::2], sets[1::2], strict=True), strict=True))


def main() -> None:
    """Write the samples anew."""
    found = {name: sample(runs(notes)) for name, notes in performances()}
    voices = [sorted(voice) for both in found.values() for voice in both]
    with atomic_path(FILE) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(
            handle,
            names=np.array(list(found)),
            counts=np.array([len(voice) for voice in voices]),
            hashes=(np.concatenate(voices).astype(np.int64) // EVERY).astype(np.uint32),
        )


if __name__ == "__main__":
    main()
