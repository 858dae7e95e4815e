"""``python -m benchmarks.field --corpus maps --method transkun``: measure a tool of table 7."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from pianoalign_lib.cli import corpus_of, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Measure a tool, write ``field.csv`` and return the exit code."""
    parser = ArgumentParser("python -m benchmarks.field", description=__doc__.partition(": ")[2])
    parser.add_argument("--corpus", default="demo")
    parser.add_argument("--method", required=True, help="one of those of table 7")
    parser.set_defaults(run=_measure)
    return run_command(parser.parse_args(argv))


def _measure(arguments: Namespace) -> None:
    from .run import run_field
    from .summary import write_field

    paths, params = corpus_of(arguments)
    run_field(paths, params, arguments.method)  # one process: its CPU time is measured
    write_field(paths, params)


if __name__ == "__main__":
    sys.exit(main())
