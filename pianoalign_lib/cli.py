"""The command line: ``pianoalign``, or ``python -m pianoalign_lib``.

``align`` works anywhere, the other commands inside the project's folder. Errors on purpose, and
those of the system, end with one line on stderr and exit code 1; Ctrl-C with exit code 130.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .alignment.command import add_align_parser
from .common.errors import ConfigError, PianoAlignError

if TYPE_CHECKING:
    from .common.config import CorpusPaths

STOPPED = "stopped; the same command goes on from here"
CORPORA = ("demo", "maps", "maestro", "asap")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    # One thread per process: two processes with two threads each slow each other many times over.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parser = build_parser()
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        arguments.run(arguments)
    except (PianoAlignError, OSError, MemoryError) as error:
        return _stop(_one_line(error), 1)
    except KeyboardInterrupt:
        return _stop(getattr(arguments, "stopped", STOPPED), 130)
    return 0


def _one_line(error: BaseException) -> str:
    if isinstance(error, PianoAlignError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}; check space and rights"
    return "not enough memory; close other programs or take a shorter file"


def _stop(message: str, code: int) -> int:
    if "pianoalign_lib.common.progress" in sys.modules:
        from .common.progress import end_progress

        end_progress()
    print(f"pianoalign: {message}", file=sys.stderr)
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from . import __version__

    parser = argparse.ArgumentParser(prog="pianoalign", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"pianoalign {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_align_parser(commands)
    data = commands.add_parser("data", help="fetch and render a corpus")
    steps = data.add_subparsers(required=True, metavar="STEP")
    _add(steps, "fetch", _fetch, "download the sources of a corpus")
    render = _add(steps, "render", _render, "make or import the recordings of a corpus")
    render.add_argument("--split", choices=("eval", "train"), default="eval")
    render.add_argument(
        "--folder",
        help="where MAPS, MAESTRO or ASAP is; default: $PIANOALIGN_MAPS, $PIANOALIGN_MAESTRO or "
        "$PIANOALIGN_ASAP (MAPS and ASAP: else what was fetched)",
    )
    render.add_argument(
        "--allow-partial", action="store_true", help="go on without missing or broken recordings"
    )
    training = _add(commands, "train", _train, "train the paper's network and its variants")
    training.add_argument("--variant", help="one of params.yaml; default: all")
    _add(commands, "release", _release, "copy finished training runs to checkpoints/")
    prediction = _add(commands, "predict", _predict, "run a method on the test recordings")
    prediction.add_argument("--method", required=True)
    field = _add(commands, "field", _field, "measure a tool of table 7 beside the others")
    field.add_argument("--method", required=True)
    _add(commands, "metrics", _metrics, "compute all metrics from the predictions")
    _add(commands, "latency", _latency, "measure how long after its label a note sounds")
    _add(commands, "sensitivity", _sensitivity, "score the methods under other readings")
    robustness = _add(commands, "robustness", _robustness, "align scores, cuts, repeats, any tempo")
    robustness.add_argument("--part", choices=("test", "development"), default="test")
    robustness.add_argument("--methods", nargs="+", help="default: those of params.yaml")
    robustness.add_argument("--conditions", nargs="+", help="default: all")
    robustness.add_argument("--drawn", action="store_true", help="cases drawn at random instead")
    localizer = commands.add_parser("localizer", help="train the aligner that is released")
    localizer_steps = localizer.add_subparsers(required=True, metavar="STEP")
    _add(localizer_steps, "prepare", _localizer_prepare, "augment recordings, compute spectra")
    for name, run, text in (
        ("train", _localizer_train, "train one network; goes on after a stop"),
        ("release", _localizer_release, "calibrate one network and write its ONNX file"),
    ):
        step = _add(localizer_steps, name, run, text)
        step.add_argument("--variant", default="localizer", help="one of params.yaml: localizer")
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


def _paths(arguments: argparse.Namespace) -> CorpusPaths:
    from .common.config import corpus_paths

    if arguments.corpus not in CORPORA:
        raise ConfigError(
            f"unknown corpus '{arguments.corpus}'; choose one of {', '.join(CORPORA)}"
        )
    return corpus_paths(arguments.corpus)


def _corpus(arguments: argparse.Namespace) -> tuple[CorpusPaths, dict[str, Any]]:
    """Return the folders of the corpus asked for, and the parameters as they hold for it."""
    from .common.config import load_params

    paths = _paths(arguments)
    return paths, load_params(paths.root, paths.corpus)


def _fetch(arguments: argparse.Namespace) -> None:
    paths = _paths(arguments)
    if paths.corpus == "maps":
        from .corpora.maps.fetch import fetch_maps

        fetch_maps(paths.sources)
    elif paths.corpus == "demo":
        from .corpora.demo.fetch import fetch

        fetch(paths.sources, paths.data / "downloads")
    elif paths.corpus == "asap":
        from .corpora.asap.fetch import fetch_asap

        fetch_asap(paths.sources, paths.data / "downloads")
    else:
        raise ConfigError(
            f"{paths.corpus}: is not fetched here (over 100 GB); get it from its own site and name "
            f"its folder: pianoalign data render --corpus {paths.corpus} --folder /path/to/it"
        )


def _render(arguments: argparse.Namespace) -> None:
    paths, params = _corpus(arguments)
    if paths.corpus == "demo":
        from .corpora.demo.render import render

        render(paths, params, arguments.split, arguments.jobs)
        return
    if paths.corpus == "asap":
        from .corpora.asap.render import render_asap

        render_asap(paths, params, arguments.jobs, folder=arguments.folder)
        return
    from .corpora.maestro import prepare_maestro
    from .corpora.maps.prepare import prepare_maps

    prepare = {"maps": prepare_maps, "maestro": prepare_maestro}[paths.corpus]
    partial = arguments.allow_partial or bool(os.environ.get("PIANOALIGN_PARTIAL"))
    options = {"folder": arguments.folder, "allow_partial": partial}
    prepare(paths, params, arguments.split, arguments.jobs, **options)


def _train(arguments: argparse.Namespace) -> None:
    from .crnn.runs import train_variants

    paths, params = _corpus(arguments)
    names = [arguments.variant] if arguments.variant else list(params["variants"])
    train_variants(paths, params, names, arguments.jobs)


def _release(arguments: argparse.Namespace) -> None:
    from .crnn.release import release

    paths, params = _corpus(arguments)
    release(paths, list(params["variants"]))


def _predict(arguments: argparse.Namespace) -> None:
    from .methods.predict import predict

    paths, params = _corpus(arguments)
    predict(paths, params, arguments.method, arguments.jobs)


def _field(arguments: argparse.Namespace) -> None:
    from benchmarks.field.run import run_field
    from benchmarks.field.summary import write_field

    paths, params = _corpus(arguments)
    run_field(paths, params, arguments.method)  # one process: its CPU time is measured
    write_field(paths, params)


def _metrics(arguments: argparse.Namespace) -> None:
    from .scoring.evaluation import write_metrics

    write_metrics(*_corpus(arguments))


def _latency(arguments: argparse.Namespace) -> None:
    from .studies.latency.measure import measure_latency

    measure_latency(_paths(arguments), arguments.jobs)


def _sensitivity(arguments: argparse.Namespace) -> None:
    from .studies.sensitivity.run import run_sensitivity

    paths, params = _corpus(arguments)
    run_sensitivity(paths, params, arguments.jobs)


def _robustness(arguments: argparse.Namespace) -> None:
    from benchmarks.robustness.run import run_drawn, run_robustness

    paths, params = _corpus(arguments)
    if arguments.drawn:
        print(run_drawn(paths, params, arguments.jobs).to_string())
        return
    options = {"part": arguments.part, "methods": arguments.methods, "names": arguments.conditions}
    print(run_robustness(paths, params, arguments.jobs, **options).round(4).to_string())


def _localizer_prepare(arguments: argparse.Namespace) -> None:
    from .localizer_training.sources import build_sources

    paths, params = _corpus(arguments)
    build_sources(paths.root, params, params["localizer"]["share"], arguments.jobs)


def _localizer_train(arguments: argparse.Namespace) -> None:
    from .localizer_training.training import train_localizer

    paths, params = _corpus(arguments)
    print(train_localizer(paths.root, params, arguments.variant))


def _localizer_release(arguments: argparse.Namespace) -> None:
    from .localizer_training.release import release_localizer

    paths, params = _corpus(arguments)
    print(release_localizer(paths.root, params, arguments.variant))


def _notebook(arguments: argparse.Namespace) -> None:
    from .report.notebooks import run_notebook

    _paths(arguments)
    run_notebook(arguments.name, arguments.corpus)


def _report(arguments: argparse.Namespace) -> None:
    from .report.page import build_report

    print(build_report(_paths(arguments).corpus))
