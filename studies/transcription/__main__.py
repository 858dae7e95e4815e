"""``python -m studies.transcription labels | train | predict | score``, in the project's folder."""

from __future__ import annotations

import argparse
import sys

from pianoalign_lib.cli import corpus_of, run_command
from pianoalign_lib.common.errors import ConfigError


def main(argv: list[str] | None = None) -> int:
    """Run one step and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m studies.transcription", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")
    labels = steps.add_parser("labels", help="place the notes of the training recordings")
    labels.add_argument("--jobs", type=int, default=1, help="processes side by side")
    labels.set_defaults(run=_labels)
    train = steps.add_parser("train", help="train on some labels; goes on after a stop")
    train.add_argument("--labels", nargs="+", help="default: all that is planned")
    train.add_argument("--seeds", nargs="+", type=int, help="default: those of params.yaml")
    train.set_defaults(run=_train)
    held_out = steps.add_parser("held-out", help="F1 on a piano that is kept out of the training")
    held_out.add_argument("--piano", default="AkPnBcht")
    held_out.add_argument("--seeds", nargs="+", type=int, default=[1])
    held_out.set_defaults(run=_held_out)
    predict = steps.add_parser("predict", help="transcribe the test recordings by all checkpoints")
    predict.set_defaults(run=_predict)
    score = steps.add_parser("score", help="score what was found")
    score.set_defaults(run=_score)
    for step in (labels, train, held_out, predict, score):
        step.add_argument("--corpus", default="maps")
    return run_command(parser.parse_args(argv))


def _labels(arguments: argparse.Namespace) -> None:
    from .labels import make_labels

    print(make_labels(*corpus_of(arguments), arguments.jobs))


def _train(arguments: argparse.Namespace) -> None:
    from .plan import labels_named, planned_runs
    from .training import train

    paths, params = corpus_of(arguments)
    for name in arguments.labels or ():
        labels_named(params, name)  # an unknown one ends it before anything is trained
    chosen = [
        (name, seed)
        for name, seed in planned_runs(params)
        if name in (arguments.labels or [name]) and seed in (arguments.seeds or [seed])
    ]
    if not chosen:
        raise ConfigError("params.yaml: transcription: no training of these labels has such a seed")
    for name, seed in chosen:
        print(train(paths, params, name, seed))


def _held_out(arguments: argparse.Namespace) -> None:
    from .held_out import held_out_f1

    paths, params = corpus_of(arguments)
    for seed in arguments.seeds:
        f1 = held_out_f1(paths, params, arguments.piano, seed)
        print(f"{arguments.piano}, seed {seed}: {100 * f1:.1f} % F1 at 50 ms")


def _predict(arguments: argparse.Namespace) -> None:
    from .predict import predict

    print(f"{len(predict(*corpus_of(arguments)))} files")


def _score(arguments: argparse.Namespace) -> None:
    from .score import write_transcription

    print(write_transcription(*corpus_of(arguments)))


if __name__ == "__main__":
    sys.exit(main())
