"""Scores beside performances, for table 9: one CSV each, from the match files of (n)ASAP.

``python -m tools.scores_from_asap CLONE FOLDER``, with a clone of github.com/CPJKU/asap-dataset at
commit 4097b45757, writes ``FOLDER/notes/<name>.csv``, a row a note: score_onset_beat,
score_duration_beat, pitch, onset_s, offset_s, velocity. Without times, a note is in the score and
was not played; without beats, it was played and is not in the score (Peter et al., TISMIR 2023).
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pandas as pd

from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import write_text
from studies.robustness.scores import listed

COLUMNS = (
    "score_onset_beat", "score_duration_beat", "pitch", "onset_s", "offset_s", "velocity",
)  # fmt: skip
CLOCK = re.compile(r"info\(midiClock(Units|Rate),(\d+)\)")
NUMBER = r"(-?[\d.]+)"
IN_SCORE = re.compile(
    rf"snote\([^,]+,\[([A-G]),([^\]]*)\],(-?\d+),[^,]+,[^,]+,[^,]+,{NUMBER},{NUMBER},\["
)
PLAYED = re.compile(r"-note\([^,]+,(\d+),(\d+),(\d+),(\d+)")
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ALTERATIONS = {"n": 0, "": 0, "#": 1, "##": 2, "x": 2, "b": -1, "bb": -2}


def read_match(text: str) -> pd.DataFrame:
    """Return the notes of a match file, version 1.0.0, in its order.

    Raises
    ------
    CorpusError
        If it does not say how long a tick is, or has no notes.
    """
    clock = {name: int(value) for name, value in CLOCK.findall(text)}
    rows: list[tuple] = []
    for line in text.splitlines():
        written, played = IN_SCORE.match(line), PLAYED.search(line)
        if not written and not (played and line.startswith("insertion-")):
            continue  # a header, a pedal, or an ornament, whose notes are not in the score
        onset, end, pitch = None, None, 0
        if written:
            step, alteration, octave = written[1], written[2], int(written[3])
            onset, end = float(written[4]), float(written[5])
            pitch = 12 * (octave + 1) + STEPS[step] + ALTERATIONS[alteration]
        ticks = (int(played[2]), int(played[3])) if played else (None, None)
        pitch, velocity = (int(played[1]), int(played[4])) if played else (pitch, None)
        length = None if onset is None or end is None else end - onset
        rows.append((onset, length, pitch, *ticks, velocity))
    if not rows or set(clock) != {"Units", "Rate"}:
        raise CorpusError("no match file of version 1.0.0; check the repository's commit")
    notes = pd.DataFrame(rows, columns=list(COLUMNS))
    notes[["onset_s", "offset_s"]] *= clock["Rate"] / clock["Units"] / 1e6
    return notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    for name, path in listed().items():
        notes = read_match((arguments.clone / f"{path}.match").read_text(encoding="utf-8"))
        csv = notes.to_csv(index=False, float_format="%.4f", lineterminator="\n")
        write_text(arguments.folder / "notes" / f"{name}.csv", csv)


if __name__ == "__main__":
    main()
