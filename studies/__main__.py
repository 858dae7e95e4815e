"""``python -m studies latency --corpus maps``: measure what a study of MAPS needs."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from pianoalign_lib.cli import corpus_of, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run one study and return the exit code."""
    parser = ArgumentParser("python -m studies", description=__doc__.partition(": ")[2])
    commands = parser.add_subparsers(required=True, metavar="STUDY")
    for name, run, text in (
        ("latency", _latency, "measure how long after its label a note sounds"),
        ("sensitivity", _sensitivity, "score the methods under other readings of the paper"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--corpus", default="maps")
        command.add_argument(
            "--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side"
        )
        command.set_defaults(run=run)
    return run_command(parser.parse_args(argv))


def _latency(arguments: Namespace) -> None:
    from .latency.measure import measure_latency

    measure_latency(corpus_of(arguments)[0], arguments.jobs)


def _sensitivity(arguments: Namespace) -> None:
    from .sensitivity.run import run_sensitivity

    run_sensitivity(*corpus_of(arguments), arguments.jobs)


if __name__ == "__main__":
    sys.exit(main())
