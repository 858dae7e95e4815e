"""What several notebooks say by the numbers, so that it stays true: who is ahead, which epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import CorpusPaths
from pianoalign_lib.common.errors import CheckpointError
from pianoalign_lib.common.labels import condition_label, first_training, method_label, set_label

from ..comparison import compare_scores

_LOGGED = ("epoch", "train_loss", "val_loss", "val_acc_10ms", "seconds", "audio_s_per_s")


def differences(
    per_recording: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    *,
    conditions: Sequence[str] = ("note100",),
    tolerances_ms: Sequence[float] = (10,),
    test_set: str = "test",
    bootstrap: Mapping[str, Any] | None = None,
) -> str:
    """Return how the first method of each pair differs from the second, a list in Markdown.

    Parameters
    ----------
    per_recording : DataFrame
        ``metrics_per_recording.csv``.
    bootstrap : mapping, optional
        ``samples`` and ``seed``, as in ``params.yaml``.

    Raises
    ------
    PianoAlignError
        If a method was not run under a condition.
    """
    where = "" if test_set == "test" else f", {set_label(test_set)}"
    lines = []
    for condition, ms, (a, b) in product(conditions, tolerances_ms, pairs):
        found = compare_scores(
            per_recording, a, b, condition, ms, test_set=test_set, **(bootstrap or {})
        )
        ahead = a if found.lo > 0 else b if found.hi < 0 else None
        verdict = f"{method_label(ahead)} is ahead" if ahead else "no clear difference"
        lines.append(
            f"- {condition_label(condition)}, within {ms:g} ms{where}: "
            f"{method_label(a)} {100 * found.a:.1f} %, {method_label(b)} {100 * found.b:.1f} %, "
            f"difference {_points(found.difference)} points "
            f"[{_points(found.lo)}, {_points(found.hi)}]: {verdict}."
        )
    return "\n".join(lines)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def read_logs(paths: CorpusPaths, variants: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Return the training log of each variant, one row per epoch, from ``checkpoints/<corpus>``.

    Raises
    ------
    CheckpointError
        If a log is missing or lacks a column.
    """
    logs = {}
    for variant in variants:
        path = paths.checkpoints / f"{variant}.csv"
        try:
            logs[variant] = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path}: missing or corrupt; restore it from git") from error
        missing = [column for column in _LOGGED if column not in logs[variant].columns]
        if missing or logs[variant].empty:
            raise CheckpointError(
                f"{path}: no {', '.join(missing) or 'epoch'}; restore it from git"
            )
    return logs


def trainings(params: Mapping[str, Any], networks: Iterable[str]) -> list[str]:
    """Return the networks that a corpus has, each followed by its trainings with other seeds."""
    known = params["variants"]
    return [each for name in networks for each in known if first_training(each) == name]


def cost_note(paths: CorpusPaths, logs: Mapping[str, pd.DataFrame]) -> str:
    """Return a sentence on what each network costs: its weights, and the time of an epoch.

    The checkpoints hold two bytes a weight. Of all trainings of a network (``gru``, ``gru_seed2``)
    the fastest epoch counts, since machines and what else they did differed.
    """
    least_s: dict[str, float] = {}
    for name, log in logs.items():
        network = name.partition("_seed")[0]
        least_s[network] = min(float(log["seconds"].min()), least_s.get(network, np.inf))
    parts = []
    for name, seconds in least_s.items():
        weights = (paths.checkpoints / f"{name}.safetensors").stat().st_size / 2
        parts.append(f"{method_label(name)} {weights / 1e6:.1f} million, {seconds:.0f} s")
    return (
        f"Weights, and seconds that an epoch took on one core at best: {'; '.join(parts)}. Not all "
        "were trained on one machine, so that these compare roughly."
    )


def kept_note(logs: Mapping[str, pd.DataFrame], planned_epochs: int) -> str:
    """Return a sentence for the foot of a table: which epoch of each training was kept.

    A training that stopped before its planned end never reached its lowest learning rates: its
    accuracy can be too low for that reason alone.
    """
    parts = []
    for name, log in logs.items():
        kept = int(log["epoch"].iloc[int(log["val_loss"].argmin())])
        stopped = f", stopped early at {len(log)}" if len(log) < planned_epochs else ""
        stopped = f" of {len(log)}" if len(log) > planned_epochs else stopped
        parts.append(f"{method_label(name)} {kept}{stopped}")
    return (
        f"Epoch kept of {planned_epochs} (lowest validation loss): {'; '.join(parts)}. A training "
        "that stopped early or kept an early epoch may be short of its best."
    )
