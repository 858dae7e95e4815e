"""Mark which performances of ASAP play music that a held-out recording also has.

``python -m tools.mark_overlaps /path/to/asap`` marks the list anew; it needs the
prepared ``data/demo`` and ``data/maps/eval``. Nobody else does: the list is committed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.common.files import PACKAGE, atomic_path
from pianoalign_lib.corpora.asap.folder import find_listed, listed
from pianoalign_lib.corpora.recordings import load_notes, read_index
from pianoalign_lib.io.notes import read_midi
from tools.same_music import RUN, THRESHOLD, Runs, runs, shared


def reason(mine: Runs, held_out: Mapping[str, Runs]) -> str:
    """Return which held-out recording has the same music, in words; empty if none has."""
    share, name = max((shared(mine, other), name) for name, other in held_out.items())
    if share < THRESHOLD:
        return ""
    return f"same music as {name} ({100 * share:.0f} % of {RUN}-note runs)"


def held_out_runs(root: Path, params: dict[str, Any]) -> dict[str, Runs]:
    """Return the runs of everything that is validated or tested on, in either corpus."""
    demo, maps = corpus_paths("demo", root), corpus_paths("maps", root).split("eval")
    performances = params["demo"]["performances"]
    found = {
        f"MAESTRO {number}": runs(
            read_midi(demo.sources / "midi" / f"maestro_{number}.mid", pedal=False)
        )
        for number in performances["validation"] + performances["test"]
    }
    for recording in read_index(maps):
        found[recording.recording] = runs(load_notes(maps, recording))
    return found


def mark(folder: Path, root: Path) -> pd.DataFrame:
    """Return the list with its column ``excluded`` computed anew from the files in a folder."""
    files = find_listed(folder, listed())
    held_out = held_out_runs(root, load_params(root))
    reasons = [reason(runs(read_midi(path, pedal=False)), held_out) for path in files]
    return listed().assign(excluded=reasons)


def main() -> None:
    """Write the list anew."""
    parser = argparse.ArgumentParser(description=mark.__doc__)
    parser.add_argument("folder", type=Path)
    table = mark(parser.parse_args().folder, corpus_paths("asap").root)
    with atomic_path(PACKAGE / "corpora" / "asap" / "listed.csv") as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
