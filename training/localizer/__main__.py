"""``python -m training.localizer STEP``, in the project's folder; ``--help`` lists the steps."""

from __future__ import annotations

import argparse
import os
import sys

from pianoalign_lib.cli import run_command
from pianoalign_lib.common.config import corpus_paths, load_params

from .release import fit_confidence, release_localizer
from .sources import build_sources, label_latencies
from .training import train_localizer


def _prepare(arguments: argparse.Namespace) -> None:
    root = corpus_paths("demo").root
    params = load_params(root)
    build_sources(root, params, params["localizer"]["share"], arguments.jobs)


def _latency(arguments: argparse.Namespace) -> None:
    """Say where ``label_latency_ms`` of ``params.yaml`` comes from."""
    folder = corpus_paths(arguments.corpus).split("train")
    latency_ms = 1000 * label_latencies(folder)
    lowest, middle, highest = latency_ms.quantile([0, 0.5, 1])
    print(f"{len(latency_ms)} recordings: median {middle:.1f} ms, {lowest:.1f} to {highest:.1f} ms")


def _train(arguments: argparse.Namespace) -> None:
    root = corpus_paths("demo").root
    print(train_localizer(root, load_params(root), arguments.variant))


def _release(arguments: argparse.Namespace) -> None:
    root = corpus_paths("demo").root
    print(release_localizer(root, load_params(root), arguments.variant))


def _confidence(arguments: argparse.Namespace) -> None:
    """Say where the constants of ``pianoalign_lib/localizer/confidence.py`` come from."""
    root = corpus_paths("demo").root
    right, softer = fit_confidence(root, load_params(root), arguments.variant)
    print(f"RIGHT = {right}, SOFTER = {softer}")


def main() -> int:
    """Run one step and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.localizer", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")
    prepare = steps.add_parser("prepare", help="augment recordings, compute spectra")
    prepare.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    prepare.set_defaults(run=_prepare)
    latency = steps.add_parser("latency", help="measure how long after its label a note sounds")
    latency.add_argument("--corpus", default="maps")
    latency.set_defaults(run=_latency)
    for name, run, text in (
        ("train", _train, "train one network; goes on after a stop"),
        ("release", _release, "calibrate one network and write its ONNX file"),
        ("confidence", _confidence, "fit how sure an onset is, all things considered"),
    ):
        step = steps.add_parser(name, help=text)
        step.add_argument("--variant", default="localizer", help="one of params.yaml: localizer")
        step.set_defaults(run=run)
    return run_command(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
