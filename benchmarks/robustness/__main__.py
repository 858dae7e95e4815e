"""``python -m benchmarks.robustness --corpus demo``: align scores, cuts, repeats, at any tempo."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from pianoalign_lib.cli import corpus_of, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run table 9, or a part of it, print its scores and return the exit code."""
    about = __doc__.partition(": ")[2]
    parser = ArgumentParser("python -m benchmarks.robustness", description=about)
    parser.add_argument("--corpus", default="demo")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--part", choices=("test", "development"), default="test")
    parser.add_argument("--methods", nargs="+", help="default: those of params.yaml")
    parser.add_argument("--conditions", nargs="+", help="default: all")
    parser.add_argument("--drawn", action="store_true", help="cases drawn at random instead")
    parser.set_defaults(run=_run)
    return run_command(parser.parse_args(argv))


def _run(arguments: Namespace) -> None:
    from .run import run_drawn, run_robustness

    paths, params = corpus_of(arguments)
    if arguments.drawn:
        print(run_drawn(paths, params, arguments.jobs).to_string())
        return
    options = {"part": arguments.part, "methods": arguments.methods, "names": arguments.conditions}
    print(run_robustness(paths, params, arguments.jobs, **options).round(4).to_string())


if __name__ == "__main__":
    sys.exit(main())
