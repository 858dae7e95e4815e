"""The command ``pianoalign align-set``: many recordings and their MIDI files, aligned."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import closing
from pathlib import Path

from ..alignment.command import add_choices, weights_of
from ..common.errors import ConfigError, PianoAlignError

EXAMPLE = "example: pianoalign align-set pairs.csv --out aligned/ --workers 4"
INCOMPLETE = 3  # the exit code where pairs failed or are doubtful
MOST_LINES = 20


def add_align_set_parser(commands) -> None:
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser(
        "align-set",
        help="align many recordings and MIDI files; goes on where it was stopped",
        description="Align many recordings and MIDI files; started again it goes on where it was "
        "stopped. Each pair gets an aligned MIDI file, a table of its notes and a record (.json), "
        "the set a summary.csv, a manifest.json and an overview.html. A pair that fails is a row "
        "with its reason.",
        epilog=EXAMPLE,
    )
    parser.add_argument(
        "pairs", help="a CSV file with the columns recording, midi and perhaps name; or a folder"
    )
    parser.add_argument(
        "midi",
        nargs="?",
        help="with a folder of recordings: the folder of MIDI files; what has the same path below "
        "the two folders, but for the suffix, belongs together",
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where results go")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="pairs side by side (one per core with the extra [cluster], else 1)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a Dask scheduler, tcp://host:port, whose workers find the same files",
    )
    parser.add_argument(
        "--check", action="store_true", help="only read all headers, and say what would fail"
    )
    parser.add_argument(
        "--notes", default="csv", metavar="FORMAT", help="of the tables of notes, as in align (csv)"
    )
    parser.add_argument("--reports", action="store_true", help="a page for each pair, too")
    add_choices(parser)
    parser.set_defaults(run=run_align_set)


def run_align_set(arguments: argparse.Namespace) -> int:
    """Align all pairs that are not finished, write what is over all, and return the exit code.

    Raises
    ------
    PianoAlignError
        If the pairs cannot be read, a choice is unknown, or the scheduler is lost.
    """
    from ..alignment.aligner import check_weights
    from ..alignment.formats import suffix_of
    from ..common.progress import progress
    from .job import FAILED, Task, finished
    from .overview import remove_leftovers, write_overview
    from .pairs import read_pairs
    from .running import default_workers, run_pairs

    workers = default_workers() if arguments.workers is None else arguments.workers
    if workers < 1:
        raise ConfigError(f"--workers {workers}: give a number from 1 on")
    weights = weights_of(arguments)
    check_weights(weights)
    pairs = read_pairs(arguments.pairs, arguments.midi)
    if arguments.check:
        return _check(pairs)
    start_s = time.time()
    task = Task(
        Path(arguments.out), suffix_of(arguments.notes), arguments.repeats, weights,
        arguments.keep_beats, arguments.reports,
    )  # fmt: skip
    records = {pair.name: record for pair in pairs if (record := finished(pair, task))}
    left = [pair for pair in pairs if pair.name not in records]
    if records:
        print(f"{len(records):,} of {len(pairs):,} pairs are finished", file=sys.stderr)
    try:
        if left:
            with closing(run_pairs(left, task, workers, arguments.scheduler)) as done:
                for record in progress(done, label="aligning", total=len(left)):
                    records[record["name"]] = record
    finally:
        summary = write_overview(pairs, records, task)
    remove_leftovers(task.out, start_s)
    counts = ", ".join(f"{n:,} {name}" for name, n in summary["status"].value_counts().items())
    print(f"{len(pairs):,} pairs: {counts}")
    failed = summary[summary["status"] == FAILED]
    _tell([f"{row.name}: {row.message}" for row in failed.itertuples(index=False)])
    print(task.out / "overview.html")
    return 0 if (summary["status"] == "aligned").all() else INCOMPLETE


def _check(pairs: list) -> int:
    """Read all headers and MIDI files, and tell what would fail."""
    from ..common.progress import progress
    from ..io.midi_score import read_midi_score
    from ..io.recording import open_recording

    failing = []
    for pair in progress(pairs, label="checking"):
        for read in (
            lambda pair=pair: open_recording(pair.recording, None),
            lambda pair=pair: read_midi_score(pair.midi).piano_rows(),
        ):
            try:
                read()
            except PianoAlignError as error:
                failing.append(f"{pair.name}: {error}")
    _tell(failing)
    print(f"{len(pairs):,} pairs: {len(failing):,} files would fail; nothing was written")
    return INCOMPLETE if failing else 0


def _tell(lines: list[str]) -> None:
    for line in lines[:MOST_LINES]:
        print(line, file=sys.stderr)
    if len(lines) > MOST_LINES:
        print(f"and {len(lines) - MOST_LINES:,} more", file=sys.stderr)
