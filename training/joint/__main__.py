"""``python -m training.joint crnn | localizer | score``, in the project's folder."""

from __future__ import annotations

import argparse
import os
import sys

from pianoalign_lib.cli import run_command
from pianoalign_lib.common.config import CorpusPaths, load_params, project_root
from pianoalign_lib.common.files import atomic_path
from pianoalign_lib.crnn.runs import release
from pianoalign_lib.crnn.training import train
from training.localizer.release import release_localizer
from training.localizer.sources import build_sources
from training.localizer.training import train_localizer
from training.quiet.__main__ import load_named
from training.quiet.score import score

from .corpora import JOINT, VARIANT, join_corpora, joint_params


def _crnn(_: argparse.Namespace) -> None:
    root = project_root()
    paths, params = CorpusPaths(root, JOINT), load_params(root, JOINT)
    join_corpora(root)
    train(paths, params, "crnn")
    release(paths, ["crnn"])


def _localizer(arguments: argparse.Namespace) -> None:
    root = project_root()
    params = joint_params(load_params(root))
    build_sources(root, params, params["localizer"]["share"], arguments.jobs)
    train_localizer(root, params, VARIANT)
    print(release_localizer(root, params, VARIANT))


def _score(arguments: argparse.Namespace) -> None:
    root = project_root()
    runners = {name: load_named(name, root) for name in arguments.weights}
    table = score(root, joint_params(load_params(root)), runners)
    with atomic_path(root / "results" / JOINT / "validation.csv") as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    print(table.to_markdown(index=False))


def main() -> int:
    """Run one step and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.joint", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")
    add = steps.add_parser
    add("crnn", help="train and release; goes on after a stop").set_defaults(run=_crnn)
    localizer = add("localizer", help="compute spectra, train and release; goes on after a stop")
    localizer.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    localizer.set_defaults(run=_localizer)
    scoring = add("score", help="compare localizers on the validation recordings")
    scoring.add_argument("weights", nargs="*", default=["localizer", VARIANT])
    scoring.set_defaults(run=_score)
    return run_command(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
