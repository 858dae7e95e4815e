"""The command line: ``pianoalign``, or ``python -m pianoalign_lib``.

``align`` works anywhere, the other commands inside the project's folder. Errors on purpose, and
those of the system, end with one line on stderr and exit code 1; Ctrl-C with exit code 130; an
alignment of which less than half is sure with 3.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .alignment.command import add_align_parser
from .alignment_set.command import add_align_set_parser
from .common import __version__
from .common.errors import ConfigError, PianoAlignError

if TYPE_CHECKING:
    from .common.config import CorpusPaths

STOPPED = "stopped; the same command goes on from here"
Params = dict[str, Any]
DESCRIPTION = (
    "Align piano MIDI files and scores to recordings. 'align', 'align-set' and 'models' work "
    "anywhere; the other commands make the corpora, networks and results of the companion, inside "
    "its folder."
)
CORPORA = ("demo", "maps", "maestro", "asap", "guitarset", "folder")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    return run_command(build_parser().parse_args(argv))


def run_command(arguments: Namespace) -> int:
    """Run what a parser chose, ``arguments.run``, and return the exit code."""
    # One thread per process: two processes with two threads each slow each other many times over.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # The name of a file may have what the terminal's encoding lacks.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        return arguments.run(arguments) or 0
    except PianoAlignError as error:
        return _stop(str(error), 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _stop(f"{where}{error.strerror or error}; check space and rights", 1)
    except MemoryError:
        return _stop("not enough memory; close other programs or take a shorter file", 1)
    except KeyboardInterrupt:
        return _stop(getattr(arguments, "stopped", STOPPED), 130)


def _stop(message: str, code: int) -> int:
    if "pianoalign_lib.common.progress" in sys.modules:
        from .common.progress import end_progress

        end_progress()
    print(f"pianoalign: {message}", file=sys.stderr)
    return code


def build_parser() -> ArgumentParser:
    """Return the parser of all commands."""
    parser = ArgumentParser(prog="pianoalign", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"pianoalign {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_align_parser(commands)
    models = commands.add_parser("models", help="the localizer's weights: sizes, training, licence")
    models.set_defaults(run=_models)
    add_align_set_parser(commands)
    data = commands.add_parser("data", help="fetch and render a corpus")
    steps = data.add_subparsers(required=True, metavar="STEP")
    _add(steps, "fetch", _fetch, "download the sources of a corpus")
    render = _add(steps, "render", _render, "make or import the recordings of a corpus")
    render.add_argument("--split", choices=("eval", "train"), default="eval")
    render.add_argument(
        "--folder",
        help="where the corpus is, for `folder` any recordings with MIDI or JAMS; default: "
        "$PIANOALIGN_MAPS, $PIANOALIGN_GUITARSET ... (MAPS and ASAP: else what was fetched)",
    )
    render.add_argument(
        "--allow-partial", action="store_true", help="go on without missing or broken recordings"
    )
    training = _add(commands, "train", _train, "train the paper's network and its variants")
    training.add_argument("--variant", help="one of params.yaml; default: all")
    _add(commands, "release", _release, "copy finished training runs to checkpoints/")
    prediction = _add(commands, "predict", _predict, "run a method on the test recordings")
    prediction.add_argument("--method", required=True)
    _add(commands, "metrics", _metrics, "compute all metrics from the predictions")
    return parser


def _add(commands, name: str, run: Callable, help_text: str) -> ArgumentParser:
    parser = commands.add_parser(name, help=help_text)
    parser.add_argument("--corpus", default="demo")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side"
    )
    parser.set_defaults(run=lambda arguments: run(arguments, *corpus_of(arguments)))
    return parser


def _models(_: Namespace) -> None:
    from .localizer.runner import WEIGHTS

    print((WEIGHTS / "MODELS.md").read_text(encoding="utf-8"), end="")


def corpus_of(arguments: Namespace) -> tuple[CorpusPaths, Params]:
    """Return the folders of the corpus asked for, and the parameters as they hold for it."""
    from .common.config import corpus_paths, load_params

    if arguments.corpus not in CORPORA:
        raise ConfigError(
            f"unknown corpus '{arguments.corpus}'; choose one of {', '.join(CORPORA)}"
        )
    paths = corpus_paths(arguments.corpus)
    return paths, load_params(paths.root, paths.corpus)


def _fetch(arguments: Namespace, paths: CorpusPaths, params: Params) -> None:
    if paths.corpus == "maps":
        from .corpora.maps.folder import fetch_maps

        fetch_maps(paths.sources)
    elif paths.corpus == "demo":
        from .corpora.demo.fetch import fetch

        fetch(paths.sources, paths.data / "downloads")
    elif paths.corpus == "asap":
        from .corpora.asap.folder import fetch_asap

        fetch_asap(paths.sources, paths.data / "downloads")
    else:
        raise ConfigError(
            f"{paths.corpus}: is not fetched here; get it from its own site and name its "
            f"folder: pianoalign data render --corpus {paths.corpus} --folder /path/to/it"
        )


def _render(arguments: Namespace, paths: CorpusPaths, params: Params) -> None:
    split, jobs, folder = arguments.split, arguments.jobs, arguments.folder
    partial = arguments.allow_partial or bool(os.environ.get("PIANOALIGN_PARTIAL"))
    if paths.corpus == "demo":
        from .corpora.demo.render import render

        render(paths, params, split, jobs)
    elif paths.corpus == "asap":
        from .corpora.asap.render import render_asap

        render_asap(paths, params, jobs, folder=folder)
    elif paths.corpus == "maps":
        from .corpora.maps.prepare import prepare_maps

        prepare_maps(paths, params, split, jobs, folder=folder, allow_partial=partial)
    elif paths.corpus == "maestro":
        from .corpora.maestro import prepare_maestro

        prepare_maestro(paths, params, split, jobs, folder=folder, allow_partial=partial)
    else:
        from .corpora.annotated import prepare_annotated

        prepare_annotated(paths, params, split, jobs, folder=folder, allow_partial=partial)


def _train(arguments: Namespace, paths: CorpusPaths, params: Params) -> None:
    from .crnn.runs import train_variants

    names = [arguments.variant] if arguments.variant else list(params["variants"])
    train_variants(paths, params, names, arguments.jobs)


def _release(arguments: Namespace, paths: CorpusPaths, params: Params) -> None:
    from .crnn.runs import release

    release(paths, list(params["variants"]))


def _predict(arguments: Namespace, paths: CorpusPaths, params: Params) -> None:
    from .methods.predict import predict

    predict(paths, params, arguments.method, arguments.jobs)


def _metrics(arguments: Namespace, paths: CorpusPaths, params: Params) -> None:
    from .scoring.evaluation import write_metrics
    from .scoring.summary import write_summary

    write_metrics(paths, params)
    write_summary(paths)
