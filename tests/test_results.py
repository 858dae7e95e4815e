"""The committed results, recomputed from the shipped checkpoints.

A few test recordings of each corpus are made and predicted anew with every method and condition
(MAPS only where it is), and the accuracies compared with the committed ones: within `TOLERANCE`,
since another processor rounds otherwise. From metrics to tables all is exact arithmetic, and must
agree to the last printed digit.
"""

from __future__ import annotations

import os
import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest

from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.corpora.demo import fetch, render
from pianoalign_lib.corpora.maps.folder import VARIABLE
from pianoalign_lib.corpora.maps.prepare import prepare_maps
from pianoalign_lib.corpora.performances import render_excerpt
from pianoalign_lib.corpora.pianos import load_piano
from pianoalign_lib.corpora.recordings import read_index, write_index
from pianoalign_lib.methods import predict
from pianoalign_lib.scoring import evaluation
from pianoalign_lib.scoring.metrics import evaluate_all

# Three recordings or more behind every table, the shortest ones.
RECORDINGS = {
    "demo": ("m01-0000_iowa", "m01-0000_iowa_room"),
    "maps": (
        *(f"MAPS_MUS-{piece}_AkPnStgb" for piece in ("chpn-p10", "scn15_13", "bor_ps5")),
        *(f"MAPS_MUS-{name}" for name in ("bach_847_AkPnBcht", "alb_esp5_SptkBGCl")),
        "MAPS_MUS-chpn_op27_1_AkPnCGdD",
        *(f"MAPS_MUS-{piece}_ENSTDkCl" for piece in ("scn15_12", "grieg_butterfly", "chpn-e01")),
        *(f"MAPS_MUS-{piece}_ENSTDkAm" for piece in ("chpn-p14", "scn15_9", "scn15_6")),
    ),
}
TOLERANCE = 0.01  # of the notes of a recording: one point
NAMES = ["test_set", "method", "condition", "calibrated", "recording"]


@pytest.fixture(scope="module", params=["demo", "maps"])
def corpus(request):
    return request.param


@pytest.fixture(scope="module")
def recomputed(tmp_path_factory, request, corpus):
    """Return the per-recording scores of `RECORDINGS`, from the sources on."""
    if corpus == "maps" and not os.environ.get(VARIABLE):
        pytest.skip(f"MAPS is not here: {VARIABLE} is not set")
    repository = request.config.rootpath
    root = tmp_path_factory.mktemp("project")
    shutil.copyfile(repository / "params.yaml", root / "params.yaml")
    shutil.copytree(repository / "checkpoints", root / "checkpoints")
    paths, params = corpus_paths(corpus, root), load_params(root, corpus)
    make = {"demo": render_demo, "maps": import_maps}[corpus]
    rows = [row for row in make(paths, params, repository) if row.recording in RECORDINGS[corpus]]
    assert len(rows) == len(RECORDINGS[corpus])
    write_index(paths.split("eval"), rows)
    for method in {name for run in params["evaluation"]["runs"] for name in run["methods"]}:
        if method != "hybrid":
            predict.predict(paths, params, method, jobs=1)
    predict.predict(paths, params, "hybrid", jobs=1)
    return evaluate_all(evaluation.load_predictions(paths), bootstrap_samples=1)[1]


def render_demo(paths, params, repository):
    # Packages fetched by an earlier `make repro` are used again; a fresh checkout downloads them.
    fetch.fetch(paths.sources, repository / "data" / "demo" / "downloads")
    plan = render.plan_part(paths.sources, params["demo"], "eval")
    wanted = [excerpt for excerpt in plan if excerpt.recording in RECORDINGS["demo"]]
    load = partial(load_piano, sources=paths.sources)
    room = partial(render.in_room, params["demo"])
    return [render_excerpt(paths.split("eval"), load, room, excerpt) for excerpt in wanted]


def import_maps(paths, params, repository):
    prepare_maps(paths, params, "eval", jobs=1)
    return read_index(paths.split("eval"))


@pytest.fixture(scope="module")
def committed(request, corpus):
    path = request.config.rootpath / "results" / corpus / evaluation.PER_RECORDING
    return pd.read_csv(path)


def test_every_method_reaches_its_committed_accuracy(recomputed, committed, corpus):
    both = recomputed.merge(committed, on=NAMES, suffixes=("", "_committed"), how="left")
    assert len(both) == len(recomputed) > 50
    assert set(both["method"]) == set(committed["method"])
    assert {"none", "dtw", "hybrid", *load_params(corpus=corpus)["variants"]} < set(both["method"])
    for tolerance_ms in (5, 10, 25, 50):
        column = f"acc_{tolerance_ms}ms"
        difference = (both[column] - both[f"{column}_committed"]).abs()
        worst = both.loc[difference.idxmax(), NAMES].to_dict()
        assert difference.max() <= TOLERANCE, (worst, column, difference.max())


def test_pooled_metrics_are_the_recordings_weighted_by_their_notes(request, committed, corpus):
    """metrics.csv against the per-recording file, by pandas alone."""
    pooled = pd.read_csv(request.config.rootpath / "results" / corpus / evaluation.METRICS)
    hits = committed.assign(hits=committed["acc_10ms"] * committed["n_notes"])
    sums = hits.groupby(NAMES[:-1])[["hits", "n_notes"]].sum()
    expected = (sums["hits"] / sums["n_notes"]).rename("expected")
    merged = pooled.set_index(NAMES[:-1]).join(expected)
    np.testing.assert_allclose(merged["acc_10ms"], merged["expected"], atol=2e-6)
    assert (merged["acc_10ms_lo"] <= merged["acc_10ms"] + 1e-9).all()
    assert (merged["acc_10ms"] <= merged["acc_10ms_hi"] + 1e-9).all()


def test_table_2_says_what_the_metrics_say(request, corpus):
    results = request.config.rootpath / "results" / corpus
    pooled = pd.read_csv(results / evaluation.METRICS)
    chosen = pooled.query("test_set == 'test' and condition == 'note100' and not calibrated")
    accuracy = 100 * chosen.set_index("method")["acc_10ms"]
    table = pd.read_csv(results / "tables" / "table2_architecture.csv", comment="#")
    assert {"cnn", "gru", "lstm_uni", "crnn"} <= set(table["method"])
    for row in table.to_dict("records"):
        assert float(row["acc_10ms"]) == pytest.approx(accuracy[row["method"]], abs=0.051)
    assert accuracy["crnn"] > 40, "the full network must reach the paper's range"
    assert accuracy["crnn"] > accuracy["none"] + 25


def test_the_checkpoints_are_those_of_the_parameters(repository, corpus):
    """Every shipped checkpoint loads for its variant, and was trained with these settings."""
    from pianoalign_lib.common.config import training_config, variant_config
    from pianoalign_lib.crnn.checkpoints import load_checkpoint

    params = load_params(repository, corpus)
    hashes = set()
    for name in params["variants"]:
        path = repository / "checkpoints" / corpus / f"{name}.safetensors"
        _, info = load_checkpoint(path, expected=variant_config(params, name))
        assert info.training == vars(training_config(params, name))
        assert path.stat().st_size < 3_000_000
        hashes.add(info.corpus_sha256)
    assert len(hashes) == 1, "all variants were trained on the same recordings"
