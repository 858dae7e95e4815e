"""Table 8, the ablations of the localizer; built from ``metrics.csv``.

As in :mod:`.paper`, nothing is computed here: rows are looked up and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from pianoalign_lib.common.files import PACKAGE, sha256_file
from pianoalign_lib.common.labels import condition_label
from pianoalign_lib.scoring.scores import Scores

from .columns import SET, score_table
from .model import Column, Table

TOLERANCES_MS = (5, 10, 25, 50)
RELEASED, REFERENCE = "localizer", "localizer_short_run"
# What each row is; those after the reference are trained like it but for what they name.
INGREDIENTS = {
    RELEASED: "Released",
    "localizer_independent": "– joint decoding (each note on its own)",
    "localizer_no_tendency": "– second decoding (what most notes tend to)",
    REFERENCE: "Short training",
    "localizer_no_short_window": "– short window (32 ms)",
    "localizer_no_augmentation": "– augmentation",
    "localizer_upper_harmonics": "+ harmonics above the eighth (released: with)",
    "localizer_context": "+ context (expected onsets of other notes)",
    "localizer_attention": "+ self-attention across neighbouring notes",
}
# Each ablation with what it is to be compared with: the first two are the released network.
PAIRS = tuple(
    (name, RELEASED if name in ("localizer_independent", "localizer_no_tendency") else REFERENCE)
    for name in INGREDIENTS
    if name not in (RELEASED, REFERENCE)
)


def table8_localizer(
    metrics: pd.DataFrame, *, test_sets: Sequence[str] = ("test",), notes: Sequence[str] = ()
) -> Table:
    """Return the accuracy of the localizer with each ingredient removed or added."""
    keys = [(test_set, method, "note100") for test_set, method in product(test_sets, INGREDIENTS)]
    caption = (
        "Table 8. Ablations of the localizer: notes within a tolerance (%); "
        f"{condition_label('note100')}"
    )
    columns = [SET, Column("method", "Localizer", label=INGREDIENTS.__getitem__)]
    notes = ["– removed, + added. Each network was trained once.", *notes]
    return score_table(
        "table8_localizer", caption, columns, Scores(metrics), keys, TOLERANCES_MS,
        lost=False, notes=notes,
    )  # fmt: skip


def pairs_that_ran(metrics: pd.DataFrame, test_set: str = "test") -> list[tuple[str, str]]:
    """Return the pairs to compare of which both have results on a test set."""
    ran = set(metrics.loc[metrics["test_set"] == test_set, "method"])
    return [pair for pair in PAIRS if ran.issuperset(pair)]


def training_note(localizer: Mapping[str, Any]) -> str:
    """Say how the trainings of table 8 differ, by the topic ``localizer`` of ``params.yaml``."""
    variants = localizer["variants"]
    short, released = variants["short_run"], variants[RELEASED]
    return (
        f"The released network had {localizer['training']['updates']:,} updates on "
        f"{', '.join(variants[released['start']]['corpora'])}, and {released['updates']:,} more on "
        f"{', '.join(localizer['share'])}; the short trainings {short['updates']:,} on "
        f"{', '.join(short['corpora'])}. Compare each of them with the short training."
    )


def weights_note(root: Path, methods: Iterable[str]) -> str:
    """Return the first digits of the SHA-256 of every network behind the methods."""
    digits = []
    for method in methods:
        name = method.removeprefix("localizer_")
        folder = root / "checkpoints" if method != RELEASED else PACKAGE
        file = folder / "localizer" / ("weights" if method == RELEASED else "") / f"{name}.onnx"
        if file.is_file():  # the decoding ablations have none of their own
            digits.append(f"{name} {sha256_file(file)[:12]}")
    return f"Networks: {', '.join(digits)}."
