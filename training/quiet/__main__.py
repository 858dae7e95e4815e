"""``python -m training.quiet fetch | render``: the quiet corpus, in the project's folder."""

from __future__ import annotations

import argparse
import os
import sys

from pianoalign_lib.cli import run_command
from pianoalign_lib.common.config import corpus_paths, load_params

from .performances import fetch_quiet
from .render import render_quiet


def _fetch(_: argparse.Namespace) -> None:
    fetch_quiet(corpus_paths("quiet"))


def _render(arguments: argparse.Namespace) -> None:
    paths = corpus_paths("quiet")
    for part in ("train", "eval"):
        render_quiet(paths, load_params(paths.root), part, arguments.jobs)


def main() -> int:
    """Run one step and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.quiet", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")
    steps.add_parser("fetch", help="get performances and a piano").set_defaults(run=_fetch)
    render = steps.add_parser("render", help="play and render both parts")
    render.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    render.set_defaults(run=_render)
    return run_command(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
