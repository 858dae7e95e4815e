"""Compute the results again, compare every number with the committed one, and print a receipt.

``make verify`` (``python -m tools.verify --corpus demo``) runs the whole pipeline again, but for
its frozen stages. ``--part`` takes the shortest recordings of each test set, makes and predicts
them anew by every method, and compares what metrics_per_recording.csv says of them. How far a
number may move is in tools/tolerances.yaml. Exit code 1: one moved further, or a text changed.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pianoalign_lib.cli import run_command
from pianoalign_lib.common import __version__
from pianoalign_lib.common.config import CorpusPaths, corpus_paths, load_params
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.corpora.demo import fetch, render
from pianoalign_lib.corpora.maps.prepare import prepare_maps
from pianoalign_lib.corpora.performances import render_excerpt
from pianoalign_lib.corpora.pianos import load_piano
from pianoalign_lib.corpora.recordings import Recording, read_index, write_index
from pianoalign_lib.methods import predict
from pianoalign_lib.scoring import evaluation
from pianoalign_lib.scoring.metrics import evaluate_all
from pianoalign_lib.scoring.scores import read_scores, write_scores

from .receipt import Receipt

# Short recordings: of demo one and the same in its room, of maps some behind every table.
PART = {
    "demo": ("m01-0000_iowa", "m01-0000_iowa_room"),
    "maps": (
        *(f"MAPS_MUS-{piece}_AkPnStgb" for piece in ("chpn-p10", "scn15_13", "bor_ps5")),
        *(f"MAPS_MUS-{name}" for name in ("bach_847_AkPnBcht", "alb_esp5_SptkBGCl")),
        "MAPS_MUS-chpn_op27_1_AkPnCGdD",
        *(f"MAPS_MUS-{piece}_ENSTDkCl" for piece in ("scn15_12", "grieg_butterfly", "chpn-e01")),
        *(f"MAPS_MUS-{piece}_ENSTDkAm" for piece in ("chpn-p14", "scn15_9", "scn15_6")),
    ),
}
KEYS = ["test_set", "method", "condition", "calibrated", "recording"]
PIPELINES = {"demo": "dvc.yaml", "maps": "maps/dvc.yaml"}
PACKAGES = ("numpy", "scipy", "torch", "librosa", "onnxruntime", "synctoolbox", "pyroomacoustics")


def verify_all(root: Path, corpus: str) -> Receipt:
    """Run a corpus's pipeline and compare what it wrote with what is committed."""
    pipeline = PIPELINES[corpus]
    command = [sys.executable, "-m", "dvc", "repro", "--force", pipeline]
    if subprocess.run(command, cwd=root, check=False).returncode:
        raise PianoAlignError(f"{pipeline}: a stage failed, see above; nothing was compared")
    receipt, frozen = Receipt(), frozen_outs(root, corpus)
    for name in committed_files(root, corpus):
        if name not in frozen:
            new = root / name
            if new.is_file():
                receipt.compare(name, committed(root, name), new.read_text(encoding="utf-8"))
            else:
                receipt.changed.append(f"{name}: was not written")
    return receipt


def verify_part(root: Path, corpus: str, work: Path) -> Receipt:
    """Compute a few recordings from their sources on, in an empty folder, and compare them."""
    name = f"results/{corpus}/{evaluation.PER_RECORDING}"
    new = recompute(root, corpus, work)
    old, receipt = read_scores(root / name), Receipt()
    old = old[old["recording"].isin(PART[corpus])].set_index(KEYS).sort_index()
    new = new.set_index(KEYS)[list(old)].sort_index()
    for label in old.index.symmetric_difference(new.index):
        receipt.changed.append(
            f"{name}: only {'committed' if label in old.index else 'new'}: {label}"
        )
    texts = []
    for scores in (old, new):
        write_scores(work / "part.csv", scores.loc[old.index.intersection(new.index)].reset_index())
        texts.append((work / "part.csv").read_text(encoding="utf-8"))
    receipt.compare(name, *texts)
    return receipt


def recompute(root: Path, corpus: str, work: Path) -> pd.DataFrame:
    """Return the scores of each recording of `PART`, made and predicted anew by every method."""
    shutil.copyfile(root / "params.yaml", work / "params.yaml")
    shutil.copytree(root / "checkpoints", work / "checkpoints")
    paths, params = corpus_paths(corpus, work), load_params(work, corpus)
    make = {"demo": _render_demo, "maps": _import_maps}[corpus]
    rows = [row for row in make(paths, params, root) if row.recording in PART[corpus]]
    write_index(paths.split("eval"), rows)
    methods = {name for run in params["evaluation"]["runs"] for name in run["methods"]}
    for method in sorted(methods, key=lambda name: (name == "hybrid", name)):  # it reads DTW's
        predict.predict(paths, params, method, jobs=1)
    return evaluate_all(evaluation.load_predictions(paths), bootstrap_samples=1)[1]


def _render_demo(paths: CorpusPaths, params: dict[str, Any], root: Path) -> list[Recording]:
    # Packages fetched by an earlier `make repro` are used again; a fresh checkout downloads them.
    fetch.fetch(paths.sources, root / "data" / "demo" / "downloads")
    plan = render.plan_part(paths.sources, params["demo"], "eval")
    wanted = [excerpt for excerpt in plan if excerpt.recording in PART["demo"]]
    load = partial(load_piano, sources=paths.sources)
    room = partial(render.in_room, params["demo"])
    return [render_excerpt(paths.split("eval"), load, room, excerpt) for excerpt in wanted]


def _import_maps(paths: CorpusPaths, params: dict[str, Any], root: Path) -> list[Recording]:
    sources = root / "data" / "maps" / "sources"
    prepare_maps(paths, params, "eval", jobs=1, folder=sources if sources.is_dir() else None)
    return read_index(paths.split("eval"))


def frozen_outs(root: Path, corpus: str) -> set[str]:
    """Return the outputs of a pipeline's frozen stages, which are not computed again."""
    text = (root / PIPELINES[corpus]).read_text(encoding="utf-8").replace("${corpus}", corpus)
    stages = [stage for stage in yaml.safe_load(text)["stages"].values() if stage.get("frozen")]
    outs = [out for stage in stages for out in stage["outs"]]
    return {next(iter(out)) if isinstance(out, dict) else out for out in outs}


def committed_files(root: Path, corpus: str) -> list[str]:
    """Return the committed results that hold numbers: tables, scores and the data of figures."""
    listed = _git(root, "ls-files", f"results/{corpus}", f"figures/{corpus}").splitlines()
    return [n for n in listed if n.endswith(".csv") or "/summary/" in n]


def committed(root: Path, name: str) -> str:
    """Return a file's text as it was committed."""
    return _git(root, "show", f"HEAD:{name}")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise PianoAlignError(f"git: {done.stderr.strip()}; what is committed is read from a clone")
    return done.stdout


def circumstances(root: Path) -> list[str]:
    """Return what a result was computed with: commit, versions, processor."""
    changes = "" if not _git(root, "status", "--porcelain", "*.py", "*.yaml") else ", with changes"
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        f"pianoalign {__version__}, commit {_git(root, 'rev-parse', 'HEAD')[:12]}{changes}",
        f"Python {platform.python_version()}, {packages}",
        f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
    ]


def processor() -> str:
    """Return the processor's name, as Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _run(arguments: argparse.Namespace) -> int:
    root, corpus = corpus_paths("demo").root, arguments.corpus
    if arguments.part:
        with tempfile.TemporaryDirectory() as folder:
            receipt = verify_part(root, corpus, Path(folder))
        what = f"recomputed: {len(PART[corpus])} recordings of {corpus}, every method and condition"
    else:
        frozen = ", ".join(sorted(frozen_outs(root, corpus)))
        receipt = verify_all(root, corpus)
        what = f"recomputed: all of {corpus}; taken as committed: checkpoints, {frozen}"
    print("\n".join(["", "--- receipt", *circumstances(root), what, *receipt.lines()]))
    return 0 if receipt.holds else 1


def main() -> int:
    """Run the comparison and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify", description=__doc__)
    parser.add_argument("--corpus", choices=sorted(PIPELINES), default="demo")
    parser.add_argument("--part", action="store_true", help="a few recordings only: minutes")
    parser.set_defaults(run=_run)
    return run_command(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
