"""Which performances play music that a held-out recording also has: compared by pitch.

Two performances of one piece agree in long runs of pitches, whatever their timing; two pieces agree
in scales and trills at most. A performance is read as two voices, all notes and the highest note of
each chord, each as steps from one pitch to the next, so that a transposed piece counts too. What is
compared is the share of its distinct runs that the other one has. On the list, pieces shared
with a held-out recording have 52 to 77 %, all others 3 % at most; two people's performances of one
piece have 27 % and more (the demo corpus has some of ASAP's pieces), of two pieces 5 % at most.

``python -m tools.mark_overlaps /path/to/asap`` marks the list anew; it needs the
prepared ``data/demo`` and ``data/maps/eval``. Nobody else does: the list is committed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.common.files import PACKAGE, atomic_path
from pianoalign_lib.corpora.asap.folder import find_listed, listed
from pianoalign_lib.corpora.recordings import load_notes, read_index
from pianoalign_lib.io.notes import read_midi

RUN = 12  # notes of a run
CHORD_S = 0.035  # onsets closer than this to the one before belong to one chord
MIN_STEPS = 4  # distinct steps in a run: scales, trills and repeated notes are nobody's own
THRESHOLD = 0.1
Runs = tuple[set[bytes], set[bytes]]


def runs(notes: pd.DataFrame) -> Runs:
    """Return the distinct runs of both voices of a note table (columns onset_s and pitch)."""
    notes = notes.sort_values(["onset_s", "pitch"])
    onset_s, pitch = notes["onset_s"].to_numpy(), notes["pitch"].to_numpy()
    chord = np.cumsum(np.diff(onset_s, prepend=onset_s[:1]) > CHORD_S)
    order = np.lexsort((pitch, chord))
    pitch, chord = pitch[order], chord[order]
    highest = pitch[np.append(np.flatnonzero(np.diff(chord)), len(chord) - 1)]
    return _runs(pitch), _runs(highest)


def shared(one: Runs, other: Runs) -> float:
    """Return the share of distinct runs in common: the largest of both voices and both ways."""
    return max(len(a & b) / max(1, min(len(a), len(b))) for a, b in zip(one, other, strict=True))


def _runs(pitch: np.ndarray) -> set[bytes]:
    if len(pitch) < RUN:
        return set()
    steps = np.diff(pitch).astype(np.int8)
    windows = np.lib.stride_tricks.sliding_window_view(steps, RUN - 1)
    ordered = np.sort(windows, axis=1)
    distinct = 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)
    return {row.tobytes() for row in windows[distinct >= MIN_STEPS]}


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
