"""What the released trainings look like: the variants, their logs and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ..common.config import CorpusPaths, variant_config
from ..common.errors import CheckpointError
from ..common.labels import method_label
from ..tables.provenance import read_header

CONVERGED = 0.02  # validation accuracy that the last two epochs may still gain
_NEEDED = ["epoch", "train_loss", "val_loss", "val_acc_10ms", "seconds", "audio_s_per_s"]
_REPRESENTATIONS = {"log_cqt": "log-CQT", "cqt": "CQT", "log_mel": "log-Mel", "mel": "Mel"}


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
            log = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path}: missing or corrupt; restore it from git") from error
        missing = [column for column in _NEEDED if column not in log.columns]
        if missing or log.empty:
            raise CheckpointError(
                f"{path}: no {', '.join(missing) or 'epoch'}; restore it from git"
            )
        logs[variant] = log
    return logs


def variant_table(paths: CorpusPaths, params: dict[str, Any]) -> pd.DataFrame:
    """Return one row per variant: what it hears, how it looks across time, its size.

    Raises
    ------
    CheckpointError
        If a checkpoint is missing or corrupt.
    """
    rows = []
    for name in params["variants"]:
        config = variant_config(params, name)
        header = read_header(paths.checkpoints / f"{name}.safetensors")
        recurrence = "none" if config.recurrence == "none" else config.recurrence.upper()
        directions = "both" if config.bidirectional else "one"
        rows.append(
            {
                "variant": method_label(name),
                "input": _REPRESENTATIONS[config.representation],
                "frames per s": config.fps,
                "recurrence": recurrence,
                "directions": "–" if recurrence == "none" else directions,
                "weights": f"{header['n_weights']:,}",
                "threshold": header["threshold"],
            }
        )
    return pd.DataFrame(rows).set_index("variant")


def cost_table(logs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return, per variant, the epoch that was kept (lowest validation loss) and what it took.

    Minutes are those of the weight updates of all epochs, without validation; "last 2 epochs" is
    what they changed in the accuracy, in points.
    """
    rows = []
    for name, log in logs.items():
        kept = log.iloc[int(log["val_loss"].argmin())]
        rows.append(
            {
                "variant": method_label(name),
                "epochs": len(log),
                "kept epoch": int(kept["epoch"]),
                "validation loss": round(kept["val_loss"], 4),
                "within 10 ms (%)": round(100 * kept["val_acc_10ms"], 1),
                "last 2 epochs": round(100 * last_gain(log), 1),
                "minutes": round(log["seconds"].sum() / 60, 1),
                "audio s per s": round(log["audio_s_per_s"].median(), 1),
            }
        )
    return pd.DataFrame(rows).set_index("variant")


def last_gain(log: pd.DataFrame) -> float:
    """Return the change of the validation accuracy at 10 ms over the last two epochs."""
    accuracy = log["val_acc_10ms"]
    return float(accuracy.iloc[-1] - accuracy.iloc[max(len(log) - 3, 0)])


def convergence_note(logs: Mapping[str, pd.DataFrame]) -> str:
    """Return a sentence on which trainings still gained :data:`CONVERGED` or more at their end."""
    gains = {name: last_gain(log) for name, log in logs.items()}
    moving = [f"{method_label(n)} ({100 * g:+.1f})" for n, g in gains.items() if g >= CONVERGED]
    return (
        f"Converged, by our criterion, is a training whose last two epochs gained less than "
        f"{100 * CONVERGED:.0f} points of validation accuracy at 10 ms, its learning rate having "
        f"fallen to zero. Not converged: {', '.join(moving) or 'none'}."
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
        parts.append(f"{method_label(name)} {kept}{stopped}")
    return (
        f"Epoch kept of {planned_epochs} (lowest validation loss): {'; '.join(parts)}. A training "
        "that stopped early or kept an early epoch may be short of its best."
    )
