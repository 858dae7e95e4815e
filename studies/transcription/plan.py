"""Which trainings there are: kinds of labels, and seeds. Loads no torch: tables use it, too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pianoalign_lib.common.config import CorpusPaths, topic
from pianoalign_lib.common.errors import ConfigError
from pianoalign_lib.common.labels import condition_label, method_label

TOPIC = "transcription"
EXACT, KEEP = "exact", "none"  # the condition without errors, the method that changes nothing
LOCALIZER = "localizer"
_FLAWED, _STRONGER = "_flawed", "_stronger"
SCORES, QUALITY = "transcription.csv", "transcription_labels.csv"  # in results/<corpus>


@dataclass(frozen=True)
class Labels:
    """One kind of labels to train on: the errors of a MIDI file, and what mended its times.

    Attributes
    ----------
    timing
        A condition of ``params.yaml``; ``exact`` for true times.
    flawed
        Whether notes are missing and wrong.
    method
        What placed the notes.
    stronger
        Whether the stronger transcriber is trained on them.
    """

    timing: str
    flawed: bool
    method: str
    stronger: bool = False

    @property
    def name(self) -> str:
        """As in files: ``note100_flawed-dtw``."""
        return f"{self.condition}-{self.method}" + _STRONGER * self.stronger

    @property
    def condition(self) -> str:
        """What is wrong with the MIDI file: ``note100_flawed``."""
        return self.timing + _FLAWED * self.flawed

    @property
    def loose(self) -> Labels:
        """The same file's labels as they are."""
        return replace(self, method=KEEP)

    @property
    def ideal(self) -> Labels:
        """What no placing of notes can better: true times, of the same notes.

        Where the times are true and only notes are wrong, nothing wrong at all.
        """
        flawed = self.flawed and self.timing != EXACT
        return replace(self, timing=EXACT, flawed=flawed, method=KEEP)


TRUE = Labels(EXACT, False, KEEP)


def planned(params: dict[str, Any]) -> list[Labels]:
    """Return all kinds of labels, the true ones first, those with flaws last."""
    settings = topic(params, TOPIC)
    kinds = []
    for flawed in (False, True):
        kinds.append(Labels(EXACT, flawed, KEEP))
        kinds += [
            Labels(timing, flawed, method)
            for timing in settings["timing"]
            for method in settings["methods"]
        ]
    return kinds


def planned_stronger(params: dict[str, Any]) -> list[Labels]:
    """Return the kinds of labels that the stronger transcriber is trained on, too."""
    return [replace(kind, stronger=True) for kind in planned(params) if not kind.flawed]


def labels_named(params: dict[str, Any], name: str) -> Labels:
    """Return the kind of labels of that name; an unknown one is a `ConfigError`."""
    known = {kind.name: kind for kind in [*planned(params), *planned_stronger(params)]}
    if name not in known:
        raise ConfigError(f"unknown labels '{name}'; params.yaml has {', '.join(known)}")
    return known[name]


def run_name(name: str, seed: int) -> str:
    """Return the name of one training's files: ``note100-dtw_seed1``."""
    return f"{name}_seed{seed}"


def planned_runs(params: dict[str, Any]) -> list[tuple[str, int]]:
    """Return labels and seed of all trainings."""
    settings = topic(params, TOPIC)
    runs = [(kind.name, seed) for seed in settings["seeds"] for kind in planned(params)]
    seeds = settings["stronger"]["seeds"]
    return runs + [(kind.name, seed) for seed in seeds for kind in planned_stronger(params)]


def midi_label(kind: Labels) -> str:
    """Return what is wrong with the MIDI file, to print."""
    return condition_label(kind.timing) + ", notes missing and wrong" * kind.flawed


def placed_by(kind: Labels) -> str:
    """Return what placed the notes, to print."""
    if kind.method == KEEP:
        return "true times" if kind.timing == EXACT else "as it is"
    heard_before = kind.method == LOCALIZER  # with true labels: its weights were trained on them
    return method_label(kind.method) + " (has heard them)" * heard_before


def checkpoint_folder(paths: CorpusPaths) -> Path:
    """Folder of the weights and logs of all trainings."""
    return paths.root / "checkpoints" / TOPIC / paths.corpus


def prediction_folder(paths: CorpusPaths) -> Path:
    """Folder of the notes that the trained networks find."""
    return paths.results / TOPIC


def working_folder(paths: CorpusPaths) -> Path:
    """Folder of labels and of interrupted trainings, which are not in git."""
    return paths.data / TOPIC
