"""Throw mutated pairs at the command, one after the other, and count what becomes of them.

Each pair's outcome is a line of a file, so that a run goes on where it was stopped. The command
runs in a process beside this one, so that a pair which ends it, or has no end, is one line.
"""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import tempfile
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import mido
import numpy as np
import pandas as pd

from pianoalign_lib import cli
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.files import write_text
from pianoalign_lib.common.progress import progress
from pianoalign_lib.io.midi_score import read_midi_score

from .pairs import Mutation, make, matched_truth

COLUMNS = (
    "number", "kind", "what", "outcome", "notes", "sure", "known", "wrong", "message",
)  # fmt: skip
WRONG_S = 0.1
LONGEST_S = 60  # of CPU time, for a pair that takes less than one; then its process is ended
TO_BE_REFUSED = ("MIDI: odd", "another piece")
OUTCOMES = {0: "aligned", 1: "refused", 3: "doubtful"}
RESULTS = Path("results") / "robustness"


def run_mutations(count: int, working: Path) -> pd.DataFrame:
    """Throw the pairs 0 to `count` that have not been, and write the report.

    Parameters
    ----------
    count
        How many pairs in all.
    working
        A folder for the outcomes of each pair.
    """
    working.mkdir(parents=True, exist_ok=True)
    path = working / "outcomes.csv"
    if not path.exists():
        path.write_text(",".join(COLUMNS) + "\n")
    done = set(pd.read_csv(path)["number"])
    left = [number for number in range(count) if number not in done]
    for row in progress(_outcomes(left), label="mutations", total=len(left)):
        _append(path, row)
    return write_report(pd.read_csv(path, keep_default_na=False))


def _outcomes(left: list[int]) -> Iterator[list]:
    """Yield the columns of pairs; where one ends the process, another process goes on."""
    while left:
        with ProcessPoolExecutor(1, get_context("fork")) as pool:
            try:
                while left:
                    yield [left[0], *pool.submit(_thrown, left[0]).result()]
                    left = left[1:]
            except BrokenProcessPool:
                mutation = make(left[0])
                yield [left[0], mutation.kind, mutation.what, "ended the process", *[0] * 4, ""]
                left = left[1:]


def _thrown(number: int) -> list:
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    try:
        return throw(make(number))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def throw(mutation: Mutation) -> list:
    """Return the columns from ``kind`` on of a pair: run the command and check what is left."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        audio, midi = folder / f"a.{mutation.suffix}", folder / "m.mid"
        audio.write_bytes(mutation.audio)
        midi.write_bytes(mutation.midi)
        out = folder / "out"
        options = ["-o", str(out / "r.mid"), "--notes", str(out / "n.csv")]
        try:
            code, told = _run(["align", str(audio), str(midi), *options], folder / "told")
            outcome = OUTCOMES.get(code, f"exit code {code}")
        except BaseException:  # whatever it is, it is what is looked for
            code, told, outcome = -1, traceback.format_exc(), "traceback"
        last = told.strip().splitlines()[-1:] or [""]
        message = last[0].replace(name + "/", "")
        numbers = [0, 0, 0, 0]
        left = sorted(path.name for path in out.iterdir()) if out.exists() else []
        if left != (["n.csv", "r.mid"] if code in (0, 3) else []):
            outcome = "half-written"
        elif code == 1 and not (str(audio) in last[0] or str(midi) in last[0]):
            outcome = "names no file"
        elif code in (0, 3):
            try:
                numbers = _counts(mutation, midi, out)
            except Exception:
                outcome, message = "unreadable result", traceback.format_exc().splitlines()[-1]
        return [mutation.kind, mutation.what, outcome, *numbers, message if code else ""]


def _run(arguments: list[str], told: Path) -> tuple[int, str]:
    """Run the command; also what libraries in C print is caught."""
    with told.open("w+") as file, contextlib.redirect_stderr(file):
        with contextlib.redirect_stdout(None):
            kept = os.dup(2)
            os.dup2(file.fileno(), 2)
            try:
                code = cli.main(arguments)
            finally:
                os.dup2(kept, 2)
                os.close(kept)
        file.flush()
    return code, told.read_text(errors="replace")


def _counts(mutation: Mutation, midi: Path, out: Path) -> list[int]:
    """Return numbers of notes: all, aligned, of these known, and of these wrong by over 100 ms.

    A note that is called aligned and is known not to be in the recording is wrong, too.
    """
    notes = pd.read_csv(out / "n.csv")
    written = [each for track in mido.MidiFile(out / "r.mid").tracks for each in track]
    starts = sum(each.type == "note_on" and each.velocity > 0 for each in written)
    if starts != (notes["onset_s"] >= 0).sum():
        raise PianoAlignError(f"{starts} notes in the MIDI file, {len(notes)} in the table")
    if len(read_midi_score(midi).notes) != len(notes):
        raise PianoAlignError("notes are missing")
    sure = notes["status"] == "aligned"
    if mutation.truth is None or mutation.truth.empty:
        return [len(notes), int(sure.sum()), 0, 0]
    true_s = matched_truth(notes, mutation.truth)
    known = sure & ~np.isnan(true_s)
    wrong = known & ~(np.abs(notes["onset_s"] - true_s) <= WRONG_S)
    return [len(notes), int(sure.sum()), int(known.sum()), int(wrong.sum())]


def write_report(cases: pd.DataFrame) -> pd.DataFrame:
    """Write outcomes by kind, and the cases that are not as they should be; return the former."""
    good = list(OUTCOMES.values())
    cases = cases.assign(outcome=cases["outcome"].astype(str))
    table = pd.crosstab(cases["kind"], cases["outcome"])
    table = table.reindex(columns=[*good, *sorted(set(map(str, table)) - set(good))], fill_value=0)
    sums = cases.groupby("kind")[["notes", "sure", "known", "wrong"]].sum()
    answered = cases[cases["outcome"] == "aligned"]
    silent = answered[answered["wrong"] > 0.05 * answered["known"].clip(lower=1)]
    table = table.assign(
        **sums, silently_wrong=silent.groupby("kind").size().reindex(table.index, fill_value=0)
    )
    table.insert(0, "pairs", cases.groupby("kind").size())
    table.loc["all"] = table.sum()
    write_text(RESULTS / "mutations.csv", table.to_csv(lineterminator="\n"))
    is_odd = (cases["wrong"] > 0) | ~cases["outcome"].isin(good)
    is_odd |= (cases["outcome"] == "aligned") & cases["kind"].isin(TO_BE_REFUSED)
    odd = cases[is_odd].sort_values("number")
    write_text(
        RESULTS / "mutations_to_look_at.csv",
        odd.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL),
    )
    return table


def _append(path: Path, row: list) -> None:
    with path.open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(row)
