"""Make ``maps/dvc.yaml``, the pipeline on the paper's data, from that of the demo corpus.

Both are the same but for these, so that only ``dvc.yaml`` is edited:

- `corpus` and `other` are swapped, and stages run in the folder above;
- nothing is fetched: MAPS lies outside of the project, and `make repro` checks it;
- ``maps.evaluation.runs`` says what is evaluated, and ``maps.variants`` adds seeds;
- notebooks also write what ``results.yaml`` lists for maps only;
- ``maps/own.yaml`` has whole stages, what others depend on besides, and which it is without.

``python -m tools.maps_pipeline`` writes it; ``tests/test_pipeline.py`` says when it is due.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from companion.report.contents import read_contents
from pianoalign_lib.common.config import project_root

HEAD = """\
# The paper's data: the pipeline of ../dvc.yaml on MAPS, for those who have it (`make repro
# CORPUS=maps`, which checks the folder of MAPS every time: DVC cannot watch it). Made by
# `python -m tools.maps_pipeline` from ../dvc.yaml, own.yaml and ../results.yaml: edit those.
"""
SOURCES = "data/${corpus}/sources"


def maps_pipeline(root: Path) -> str:
    """Return the text of ``maps/dvc.yaml`` for the project in `root`."""
    demo, own = (_read(root / name) for name in ("dvc.yaml", "maps/own.yaml"))
    stages = demo["stages"]
    for name in ("fetch", *own["without"]):
        del stages[name]
    stages["predict_crnn_of_demo"] = stages.pop("predict_crnn_of_maps")
    stages["predict_seed"] = _replaced(stages["predict"], "variants", "maps.variants")
    stages |= own["stages"]
    for name, deps in own["also"].items():
        stages[name]["deps"] += deps
    for file, notebook in _only_of_maps(root):
        stages[notebook]["outs"].append({file: {"cache": False}})
    for stage in stages.values():
        body = stage.get("do", stage)
        body["deps"] = [dep for dep in body["deps"] if dep != SOURCES]
        body["wdir"] = ".."
    stages = _replaced(stages, "evaluation.runs", "maps.evaluation.runs")
    variables = [{"corpus": "maps"}, {"other": "demo"}, "../params.yaml"]
    pipeline = {"vars": variables, "stages": stages, "plots": _plots(demo["plots"])}
    options: dict[str, Any] = {"default_flow_style": None, "width": 100, "sort_keys": False}
    return HEAD + "\n" + yaml.dump(pipeline, Dumper=_Dumper, allow_unicode=True, **options)


class _Dumper(yaml.SafeDumper):
    """Writes a list anew wherever it stands, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _only_of_maps(root: Path) -> list[tuple[str, str]]:
    """Return the files of tables and figures that only maps has, each with its notebook."""
    contents = read_contents(root, "maps")
    kinds = (
        (contents.tables, "results/${corpus}/tables", ("csv", "md", "tex", "json")),
        (contents.figures, "figures/${corpus}", ("csv", "pdf", "png", "svg")),
    )
    return [
        (f"{folder}/{name}.{suffix}", entry.notebook)
        for entries, folder, suffixes in kinds
        for name, entry in entries.items()
        if entry.corpora
        for suffix in suffixes
    ]


def _replaced(value: Any, old: str, new: str) -> Any:
    """Return a copy of a value of YAML with `new` for `old` in every string."""
    return yaml.safe_load(yaml.safe_dump(value, sort_keys=False).replace(old, new))


def _plots(plots: list[Any]) -> list[Any]:
    """Return plots whose files lie above: DVC looks for them where the pipeline's file is."""
    for folder in ("checkpoints/", "figures/", "results/"):
        plots = _replaced(plots, folder, f"../{folder}")
    return plots


if __name__ == "__main__":
    root = project_root()
    (root / "maps" / "dvc.yaml").write_text(maps_pipeline(root), encoding="utf-8")
