"""``python -m studies latency --corpus maps``: measure what a study of MAPS needs."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from pianoalign_lib.cli import corpus_of, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run one study and return the exit code."""
    parser = ArgumentParser("python -m studies", description=__doc__.partition(": ")[2])
    commands = parser.add_subparsers(required=True, metavar="STUDY")
    for name, run, text in (
        ("latency", _latency, "measure how long after its label a note sounds"),
        ("sensitivity", _sensitivity, "score the methods under other readings of the paper"),
        ("short_tempo", _short_tempo, "score the methods at wrong tempos inside short excerpts"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--corpus", default="maps")
        command.add_argument(
            "--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side"
        )
        command.set_defaults(run=run)
    command = commands.add_parser("by_note", help="score the methods by velocity and repetition")
    command.add_argument("--corpus", default="maps")
    command.set_defaults(run=_by_note)
    command = commands.add_parser("pedal", help="train on both readings of the pedal, and score")
    command.add_argument("--corpus", default="demo")
    command.add_argument("--jobs", type=int, default=1, help="processes side by side")
    command.set_defaults(run=_pedal)
    command = commands.add_parser("robustness", help="align scores, cuts, repeats, at any tempo")
    command.add_argument("--corpus", default="demo")
    command.add_argument("--jobs", type=int, default=1, help="processes side by side")
    command.add_argument("--part", choices=("test", "development"), default="test")
    command.add_argument("--methods", nargs="+", help="default: those of params.yaml")
    command.add_argument("--conditions", nargs="+", help="default: all")
    command.add_argument("--drawn", action="store_true", help="cases drawn at random instead")
    command.set_defaults(run=_robustness)
    command = commands.add_parser("instruments", help="other instruments: corpus and measurements")
    steps = command.add_subparsers(required=True, metavar="STEP")
    steps.add_parser("fetch", help="download the instruments").set_defaults(run=_fetch_instruments)
    step = steps.add_parser("render", help="render the corpus strings")
    step.add_argument("--split", choices=("eval", "train"), default="eval")
    step.add_argument("--jobs", type=int, default=1, help="processes side by side")
    step.set_defaults(run=_render_instruments)
    step = steps.add_parser("real", help="import real recordings ($PIANOALIGN_OTHER or --folder)")
    step.add_argument("--folder")
    step.set_defaults(run=_real_instruments)
    step = steps.add_parser("measure", help="run methods and score them")
    step.add_argument("--on", nargs="+", help="of strings, others, demo; default: what is there")
    step.add_argument("--methods", nargs="+", help="default: all")
    step.add_argument("--jobs", type=int, default=1, help="processes side by side")
    step.set_defaults(run=_measure_instruments)
    command = commands.add_parser("mutations", help="throw damaged and odd pairs at the command")
    command.add_argument("--count", type=int, default=10_000)
    command.add_argument("--working", default="data/mutations", help="folder of what is done")
    command.set_defaults(run=_mutations)
    return run_command(parser.parse_args(argv))


def _latency(arguments: Namespace) -> None:
    from .latency.measure import measure_latency

    measure_latency(corpus_of(arguments)[0], arguments.jobs)


def _sensitivity(arguments: Namespace) -> None:
    from .sensitivity.run import run_sensitivity

    run_sensitivity(*corpus_of(arguments), arguments.jobs)


def _by_note(arguments: Namespace) -> None:
    from .by_note.scores import write_by_note

    write_by_note(*corpus_of(arguments))


def _pedal(arguments: Namespace) -> None:
    from .choices.pedal import run_pedal

    run_pedal(*corpus_of(arguments), arguments.jobs)


def _short_tempo(arguments: Namespace) -> None:
    from .short_tempo.run import run_short_tempo

    run_short_tempo(*corpus_of(arguments), arguments.jobs)


def _fetch_instruments(_: Namespace) -> None:
    from pianoalign_lib.common.config import corpus_paths

    from .instruments.voices import fetch_voices

    fetch_voices(corpus_paths("strings"))


def _render_instruments(arguments: Namespace) -> None:
    from pianoalign_lib.common.config import corpus_paths, load_params

    from .instruments.render import render_strings

    paths = corpus_paths("strings")
    render_strings(paths, load_params(paths.root), arguments.split, arguments.jobs)


def _real_instruments(arguments: Namespace) -> None:
    from pianoalign_lib.common.config import corpus_paths
    from pianoalign_lib.corpora.annotated import prepare_annotated

    from .instruments.names import OTHERS, VARIABLE

    folder = arguments.folder or os.environ.get(VARIABLE)
    if not folder:
        print(f"not run: name the folder of real recordings (--folder, ${VARIABLE})")
        return
    prepare_annotated(corpus_paths(OTHERS), {}, "eval", 1, folder=folder)


def _measure_instruments(arguments: Namespace) -> None:
    from pianoalign_lib.common.config import load_params, project_root

    from .instruments.measure import run_instruments
    from .instruments.names import CORPUS, METHODS, OTHERS, PIANO

    root = project_root()
    there = (root / "data" / OTHERS / "eval" / "recordings.csv").is_file()
    on = arguments.on or [CORPUS, PIANO, *[OTHERS] * there]
    run_instruments(root, load_params(root), on, arguments.methods or METHODS, arguments.jobs)


def _mutations(arguments: Namespace) -> None:
    from pathlib import Path

    from .mutations.run import run_mutations

    print(run_mutations(arguments.count, Path(arguments.working)).to_string())


def _robustness(arguments: Namespace) -> None:
    from .robustness.run import run_drawn, run_robustness

    paths, params = corpus_of(arguments)
    if arguments.drawn:
        print(run_drawn(paths, params, arguments.jobs).to_string())
        return
    options = {"part": arguments.part, "methods": arguments.methods, "names": arguments.conditions}
    print(run_robustness(paths, params, arguments.jobs, **options).round(4).to_string())


if __name__ == "__main__":
    sys.exit(main())
