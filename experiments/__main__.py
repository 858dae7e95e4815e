"""``python -m experiments train``, then ``evaluate``: the stages of ``experiments/dvc.yaml``.

The topic ``experiment`` of ``params.yaml`` says which variant. What is trained here stays in
``data/<corpus>/experiment``; the released checkpoints and their training runs are not touched.
"""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pianoalign_lib.cli import run_command
from pianoalign_lib.common.config import (
    CorpusPaths,
    load_params,
    project_root,
    topic,
    variant_config,
)
from pianoalign_lib.common.errors import ConfigError
from pianoalign_lib.common.files import atomic_path, write_text
from pianoalign_lib.scoring.summary import CONDITION, summary

CURVE, METRICS = "training.csv", "metrics.json"
TEST_SET = "test"


class ExperimentPaths(CorpusPaths):
    """The folders of a corpus, but with a checkpoint and training runs of its own."""

    @property
    def checkpoints(self) -> Path:
        """Folder of the experiment's one checkpoint."""
        return self.data / "experiment"

    def run(self, variant: str) -> Path:
        """Folder of the training run."""
        return self.data / "experiment_runs" / variant


def main(argv: Sequence[str] | None = None) -> int:
    """Run one stage and return the exit code."""
    parser = ArgumentParser("python -m experiments", description=__doc__.splitlines()[0])
    stages = parser.add_subparsers(required=True, metavar="STAGE")
    for name, run in (("train", train_one), ("evaluate", evaluate_one)):
        stages.add_parser(name).set_defaults(run=_with_settings(run))
    return run_command(parser.parse_args(argv))


def _with_settings(run: Any) -> Any:
    def stage(_: Namespace) -> None:
        root = project_root()
        settings = topic(load_params(root), "experiment")
        paths = ExperimentPaths(root, settings["corpus"])
        run(paths, load_params(root, paths.corpus), settings)

    return stage


def train_one(paths: ExperimentPaths, params: dict[str, Any], settings: dict[str, Any]) -> None:
    """Train the variant, or take its released checkpoint; write ``experiments/training.csv``.

    Raises
    ------
    ConfigError
        If the variant or the kind of weights is unknown.
    CorpusError, CheckpointError
        If recordings or the released checkpoint are missing.
    """
    from pianoalign_lib.crnn.runs import release, train_variants

    name, weights = settings["variant"], settings["weights"]
    expected = variant_config(params, name)
    shutil.rmtree(paths.checkpoints, ignore_errors=True)
    if weights == "trained":
        train_variants(paths, params, [name], jobs=1)
        release(paths, [name])
    elif weights == "released":
        _copy_released(paths, name, expected)
    else:
        raise ConfigError(f"params.yaml: experiment.weights is {weights!r}: trained or released")
    shutil.copyfile(paths.checkpoints / f"{name}.csv", paths.root / "experiments" / CURVE)


def _copy_released(paths: ExperimentPaths, name: str, expected: Any) -> None:
    from pianoalign_lib.crnn.checkpoints import load_checkpoint

    released = CorpusPaths(paths.root, paths.corpus).checkpoints
    load_checkpoint(released / f"{name}.safetensors", expected)
    for suffix in ("safetensors", "csv"):
        with atomic_path(paths.checkpoints / f"{name}.{suffix}") as temporary:
            shutil.copyfile(released / f"{name}.{suffix}", temporary)


def evaluate_one(paths: ExperimentPaths, params: dict[str, Any], settings: dict[str, Any]) -> None:
    """Place the notes of the test set, each moved by up to 100 ms; write what is right.

    ``experiments/metrics.json`` has the share of notes within 10 and 50 ms (%), and of the training
    the number of epochs and the lowest validation loss.
    """
    from pianoalign_lib.methods.predict import predicted
    from pianoalign_lib.scoring.metrics import evaluate

    name = settings["variant"]
    run = {"methods": [name], "test_sets": [TEST_SET], "conditions": [CONDITION]}
    plan = params | {"evaluation": params["evaluation"] | {"runs": [run]}}
    scores = evaluate(predicted(paths, plan, name), bootstrap_samples=1)
    log = pd.read_csv(paths.checkpoints / f"{name}.csv")
    training = {"epochs": len(log), "validation_loss": float(log["val_loss"].min())}
    found = {TEST_SET: summary(scores)[name][TEST_SET], "training": training}
    write_text(paths.root / "experiments" / METRICS, json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
