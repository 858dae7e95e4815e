"""``python -m benchmarks.align_set``: see the package."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from . import __doc__ as text
from .making import make
from .reporting import report
from .running import run


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.align_set", description=text.split("\n")[0]
    )
    steps = parser.add_subparsers(required=True, dest="step")
    step = steps.add_parser("make", help="write a set")
    step.add_argument("folder", type=Path)
    step.add_argument("--pairs", type=int, default=1000)
    step.add_argument("--seconds", type=float, nargs=2, default=(6.0, 8.0))
    step.add_argument(
        "--hours", type=float, default=0.0, help="of the first one, if it is to be long"
    )
    step = steps.add_parser("run", help="align it")
    step.add_argument("folder", type=Path)
    step.add_argument("--out", type=Path, required=True)
    step.add_argument("--workers", type=int, default=2)
    step.add_argument("--kills", type=int, default=0)
    step = steps.add_parser("report", help="compare runs and write results/robustness")
    step.add_argument("folder", type=Path)
    step.add_argument("outs", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.step == "make":
        make(arguments.folder, arguments.pairs, tuple(arguments.seconds), arguments.hours)
    elif arguments.step == "run":
        told = run(arguments.folder, arguments.out, arguments.workers, arguments.kills)
        print(json.dumps(told, indent=1))
    else:
        report(arguments.folder, arguments.outs)


if __name__ == "__main__":
    main()
