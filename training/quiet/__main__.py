"""``python -m training.quiet fetch | render | score``, in the project's folder."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pianoalign_lib.cli import run_command
from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.localizer.runner import WEIGHTS, Runner, load_runner

from .performances import fetch_quiet
from .render import render_quiet
from .score import score


def _fetch(_: argparse.Namespace) -> None:
    fetch_quiet(corpus_paths("quiet"))


def _render(arguments: argparse.Namespace) -> None:
    paths = corpus_paths("quiet")
    for part in ("train", "eval"):
        render_quiet(paths, load_params(paths.root), part, arguments.jobs)


def _score(arguments: argparse.Namespace) -> None:
    root = corpus_paths("quiet").root
    runners = {name: load_named(name, root) for name in arguments.weights}
    table = score(root, load_params(root), runners)
    with atomic_path(root / "results" / "quiet" / "validation.csv") as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    print(table.to_markdown(index=False))


def load_named(name: str, root: Path) -> Runner:
    """Return released weights, or those of ``checkpoints/localizer``."""
    beside = root / "checkpoints" / "localizer"
    return load_runner(name, beside if (beside / f"{name}.onnx").is_file() else WEIGHTS)


def main() -> int:
    """Run one step and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.quiet", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")
    steps.add_parser("fetch", help="get performances and a piano").set_defaults(run=_fetch)
    render = steps.add_parser("render", help="play and render both parts")
    render.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    render.set_defaults(run=_render)
    scoring = steps.add_parser("score", help="compare weights on the validation recordings")
    scoring.add_argument("weights", nargs="+", help="names, such as localizer_1")
    scoring.set_defaults(run=_score)
    return run_command(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
