"""Tables in files: CSV, Markdown, LaTeX and JSON, each with what its numbers depend on.

In CSV, caption, notes and provenance are leading lines that start with ``# `` (read it with
``pandas.read_csv(..., comment="#")``); the JSON holds the table as it is shown, for the report. The
provenance comes from ``params.yaml``, the index of the evaluated recordings and the checkpoints'
headers; no network is loaded. No form holds a date, a duration or a path: equal numbers make equal
bytes.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from pianoalign_lib.common import __version__
from pianoalign_lib.common.config import HYBRID_VARIANT, CorpusPaths, digest, topic
from pianoalign_lib.common.errors import CheckpointError
from pianoalign_lib.common.files import sha256_file, write_text
from pianoalign_lib.corpora.maps.split import expected_recordings
from pianoalign_lib.corpora.recordings import corpus_hash, read_index

from .latex import latex
from .model import Table

# The topics of params.yaml that can change a table; these are given in full ...
SHOWN = ("audio", "crnn", "training", "decoding")
# ... and these, which are long, by the digest over all of them.
HASHED = (*SHOWN, "conditions", "perturbation_seed", "variants", "evaluation")
CITE = "pianoalign (CITATION.cff) and the paper, arXiv:2506.22237"
# What else to cite with the tables of a corpus.
CITE_TOO = {
    "demo": "; MAESTRO: Hawthorne et al., ICLR 2019",
    "maps": "; MAPS: Emiya, Bertin, David, Badeau, INRIA research report, 2010",
}


def publish(
    table: Table, paths: CorpusPaths, params: dict[str, Any], methods: Iterable[str] = ()
) -> Table:
    """Write a table into the corpus's results, with its :func:`provenance`, and return it.

    The caption of a table on a part of a corpus says so: "partial: 80 of 85 recordings".
    """
    found, whole = len(read_index(paths.split("eval"))), expected_recordings(paths.corpus, params)
    if whole is not None and found < whole:
        stamp = f"{table.caption} (partial: {found} of {whole} recordings)"
        table = replace(table, caption=stamp)
    write_table(table, paths.results / "tables", provenance(paths, params, methods))
    return table


def write_table(table: Table, folder: Path, provenance: Sequence[str]) -> list[Path]:
    """Write ``<name>.csv``, ``.md``, ``.tex`` and ``.json``; return their paths, in this order."""
    head = "".join(f"# {line}\n" for line in [table.caption, *table.notes, *provenance])
    texts = {
        "csv": head + table.frame().to_csv(index=False, lineterminator="\n"),
        "md": table.markdown(provenance),
        "tex": "".join(f"% {line}\n" for line in provenance) + latex(table),
        "json": json.dumps(asdict(table.shown(provenance)), ensure_ascii=False, indent=1) + "\n",
    }
    files = {folder / f"{table.name}.{suffix}": text for suffix, text in texts.items()}
    for path, text in files.items():
        write_text(path, text)
    return list(files)


def provenance(
    paths: CorpusPaths, params: dict[str, Any], methods: Iterable[str] = ()
) -> list[str]:
    """Return what a table's numbers depend on, as lines of text in a fixed order.

    Of the `methods` in the table, a variant counts with its checkpoint, ``hybrid`` with that of the
    full network, ``<variant>_of_<corpus>`` with that of the other corpus, others with none.

    Raises
    ------
    CorpusError, CheckpointError, ConfigError
        If the index of the ``eval`` part, a checkpoint or a topic of the parameters is missing or
        corrupt.
    """
    parameters = {name: topic(params, name) for name in SHOWN}
    everything = {name: topic(params, name) for name in (*HASHED, paths.corpus)}
    seeds = {
        "corpus": everything[paths.corpus]["seed"],
        "errors": params["perturbation_seed"],
        "training": params["training"]["seed"],
        "bootstrap": params["evaluation"]["bootstrap"]["seed"],
    }
    recordings = read_index(paths.split("eval"))
    tested = [item for item in recordings if item.split == "test"]
    minutes = sum(item.duration_s for item in tested) / 60
    weights = ", ".join(sorted(_checkpoints(paths, params, methods)))
    hashes = _trained_on(paths)
    most = _commonest(hashes)
    others = (f"of {name}: {value}" for name, value in hashes.items() if value != most)
    return [
        f"corpus: {paths.corpus}, sha256 {corpus_hash(recordings)} (validation and test), "
        f"{', '.join([most, *others])} (training)",
        f"recordings: {len(tested)} tested, {minutes:.0f} min; which ones: corpus.csv",
        f"parameters: {_json(parameters | {'digest': digest(everything)})}",
        f"seed: {_json(seeds)}",
        f"checkpoints (sha256): {weights or 'none used'}",
        f"library: pianoalign {__version__}",
        f"cite: {CITE}{CITE_TOO.get(paths.corpus, '')}",
        "The numbering of the tables is ours.",
    ]


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _checkpoints(paths: CorpusPaths, params: dict[str, Any], methods: Iterable[str]) -> set[str]:
    """Return name and first digits of the SHA-256 of every checkpoint behind the methods."""
    found = set()
    for method in methods:
        name = HYBRID_VARIANT if method == "hybrid" else method
        variant, _, trained_on = name.partition("_of_")
        if variant in params["variants"]:
            path = replace(paths, corpus=trained_on or paths.corpus).checkpoints
            path /= f"{variant}.safetensors"
            read_header(path)  # refuses one that is missing or corrupt
            found.add(f"{name} {sha256_file(path)[:12]}")
    return found


def training_hash(paths: CorpusPaths) -> str:
    """Return the hash of the recordings that most released checkpoints were trained on.

    That there is none is a `CheckpointError`.
    """
    return _commonest(_trained_on(paths))


def _commonest(hashes: dict[str, str]) -> str:
    ((most, _),) = Counter(hashes.values()).most_common(1)
    return most


def _trained_on(paths: CorpusPaths) -> dict[str, str]:
    """Return each released variant and the hash of its training recordings."""
    files = sorted(paths.checkpoints.glob("*.safetensors"))
    if not files:
        raise CheckpointError(f"{paths.checkpoints}: holds no checkpoint; restore it from git")
    return {file.stem: read_header(file)["corpus_sha256"] for file in files}


def read_header(path: Path) -> dict[str, Any]:
    """Return what a checkpoint says of itself, and in ``n_weights`` how many weights it has.

    The other keys are those of :class:`~pianoalign_lib.crnn.checkpoints.CheckpointInfo`. A missing
    or corrupt file is a `CheckpointError`.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: not found; restore it from git or train it")
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads(file.metadata()["info"])
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path}: corrupt ({reason}); restore it from git") from error
    return header | {"n_weights": sum(math.prod(shape) for shape in shapes)}
