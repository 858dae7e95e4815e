"""The command line: ``pianoalign``, or ``python -m pianoalign_lib``.

Every command works inside the project's folder. Errors on purpose end with one line on stderr and
exit code 1; Ctrl-C with exit code 130.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence

from .errors import ConfigError, PianoAlignError
from .progress import end_progress

CORPORA = ("demo",)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    # One thread per process: two processes with two threads each slow each other many times over.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parser = build_parser()
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        arguments.run(arguments)
    except PianoAlignError as error:
        end_progress()
        print(f"pianoalign: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        end_progress()
        print("pianoalign: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from . import __version__

    parser = argparse.ArgumentParser(prog="pianoalign", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"pianoalign {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    data = commands.add_parser("data", help="fetch and render a corpus")
    steps = data.add_subparsers(required=True, metavar="STEP")
    _add(steps, "fetch", _fetch, "download the sources of a corpus")
    render = _add(steps, "render", _render, "make the recordings of a corpus")
    render.add_argument("--split", choices=("eval", "train"), default="eval")
    training = _add(commands, "train", _train, "train the paper's network and its variants")
    training.add_argument("--variant", help="one of params.yaml; default: all")
    _add(commands, "release", _release, "copy finished training runs to checkpoints/")
    prediction = _add(commands, "predict", _predict, "run a method on the test recordings")
    prediction.add_argument("--method", required=True)
    _add(commands, "metrics", _metrics, "compute all metrics from the predictions")
    notebook = _add(commands, "notebook", _notebook, "execute one notebook")
    notebook.add_argument("name", help="for example 03_ablations")
    _add(commands, "report", _report, "put all tables and figures on one page")
    return parser


def _add(commands, name: str, run: Callable, help_text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text)
    parser.add_argument("--corpus", default="demo")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side"
    )
    parser.set_defaults(run=run)
    return parser


def _paths(arguments: argparse.Namespace):
    from .config import corpus_paths

    if arguments.corpus not in CORPORA:
        raise ConfigError(
            f"unknown corpus '{arguments.corpus}'; choose one of {', '.join(CORPORA)}"
        )
    return corpus_paths(arguments.corpus)


def _fetch(arguments: argparse.Namespace) -> None:
    from .corpora.demo.fetch import fetch

    paths = _paths(arguments)
    fetch(paths.sources, paths.data / "downloads")


def _render(arguments: argparse.Namespace) -> None:
    from .config import load_params
    from .corpora.demo.render import render

    render(_paths(arguments), load_params(), arguments.split, arguments.jobs)


def _train(arguments: argparse.Namespace) -> None:
    from .config import load_params
    from .training_runs import train_variants

    params = load_params()
    names = [arguments.variant] if arguments.variant else list(params["variants"])
    train_variants(_paths(arguments), params, names, arguments.jobs)


def _release(arguments: argparse.Namespace) -> None:
    from .config import load_params
    from .release import release

    release(_paths(arguments), list(load_params()["variants"]))


def _predict(arguments: argparse.Namespace) -> None:
    from .config import load_params
    from .predict import predict

    predict(_paths(arguments), load_params(), arguments.method, arguments.jobs)


def _metrics(arguments: argparse.Namespace) -> None:
    from .config import load_params
    from .evaluation import write_metrics

    write_metrics(_paths(arguments), load_params())


def _notebook(arguments: argparse.Namespace) -> None:
    from .notebooks import run_notebook

    _paths(arguments)
    run_notebook(arguments.name, arguments.corpus)


def _report(arguments: argparse.Namespace) -> None:
    from .report import build_report

    print(build_report(_paths(arguments).corpus))
