"""Tables across pianos and corpora, the stamp on partial ones, and parameters of a corpus."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pandas as pd
import pytest
from synthetic_predictions import predictions

from companion.tables.corpus import table5_pianos, table_cross_corpus
from companion.tables.model import Table
from companion.tables.paper import table2_architecture
from companion.tables.provenance import publish
from pianoalign_lib.common.config import corpus_paths, load_params, training_config, variant_config
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.labels import method_label, real_or_stand_in
from pianoalign_lib.corpora.maps.folder import listed
from pianoalign_lib.corpora.maps.split import expected_recordings
from pianoalign_lib.corpora.recordings import Recording, write_index
from pianoalign_lib.methods.placing import prepare
from pianoalign_lib.scoring import metrics

RECORDINGS = pd.DataFrame({"recording": ["a", "b", "c"], "piano": ["X", "X", "Y"]})


def per_recording() -> pd.DataFrame:
    """Two recordings of one piano, with 100 and 300 notes, and one of another."""
    rows = []
    for (name, notes, test_set), method in product(
        [("a", 100, "test"), ("b", 300, "test"), ("c", 50, "pieces")], ["none", "dtw"]
    ):
        right = {("a", "dtw"): 0.9, ("b", "dtw"): 0.5, ("c", "dtw"): 0.2}.get((name, method), 0.1)
        for calibrated in (False, True):
            rows.append(
                {
                    "test_set": test_set, "method": method, "condition": "note100",
                    "calibrated": calibrated, "recording": name, "n_notes": notes,
                    "acc_10ms": 1.0 if calibrated else right, "acc_50ms": 1.0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_a_piano_counts_every_note_once():
    table = table5_pianos(
        per_recording(), RECORDINGS, methods=["none", "dtw", "crnn"], conditions=["note100"]
    )
    frame = table.frame()
    assert frame["piano"].tolist() == ["X", "Y"]  # the one that was kept out comes first
    assert frame["n_notes"].tolist() == ["400", "50"] or frame["n_notes"].tolist() == [400, 50]
    # (0.9 * 100 + 0.5 * 300) / 400
    assert [float(value) for value in frame["dtw_acc_10ms"]] == [60.0, 20.0]
    assert [float(value) for value in frame["none_acc_10ms"]] == [10.0, 10.0]
    assert frame["crnn_acc_10ms"].str.contains("not run").all()


def test_a_recording_without_a_piano_is_refused():
    with pytest.raises(PianoAlignError, match=r"c: not in recordings\.csv"):
        table5_pianos(per_recording(), RECORDINGS.iloc[:2])


def test_the_cross_corpus_table_takes_each_network_from_where_it_was_tested():
    scores = {
        "maps": metrics.evaluate(
            predictions(["crnn", "crnn_of_demo"], ["note100"], ("test", "ENSTDkCl", "pieces")),
            bootstrap_samples=20,
        ),
        "demo": metrics.evaluate(predictions(["crnn"], ["note100"]), bootstrap_samples=20),
    }
    frame = table_cross_corpus(scores).frame()
    keys = frame[["trained_on", "tested_on", "test_set"]].apply(tuple, axis=1).tolist()
    assert keys == [
        ("maps", "maps", "test"), ("demo", "maps", "test"),
        ("maps", "maps", "ENSTDkCl"), ("demo", "maps", "ENSTDkCl"),
        ("maps", "demo", "test"), ("demo", "demo", "test"),
    ]  # fmt: skip
    found = scores["maps"].set_index(["test_set", "method", "calibrated"])["acc_10ms"]
    expected = 100 * found["test", "crnn_of_demo", False]
    assert float(frame["raw_acc_10ms"][1]) == pytest.approx(expected, abs=0.006)
    expected = 100 * found["ENSTDkCl", "crnn", True]
    assert float(frame["calibrated_acc_10ms"][2]) == pytest.approx(expected, abs=0.006)
    assert "not run" in frame["raw_acc_10ms"][4]  # nobody tried the network of maps on demo


def test_table_2_has_all_trainings_beside_the_first():
    methods = ["cnn", "gru", "lstm_uni", "crnn", "transformer", "crnn_seed2", "crnn_seed3"]
    scores = metrics.evaluate(predictions(methods, ["note100"]), bootstrap_samples=20)
    table = table2_architecture(scores, notes=["another note"])
    frame = table.frame().set_index("method")
    assert frame.index.tolist() == methods[:5]
    shares = 100 * scores[~scores["calibrated"]].set_index("method")["acc_10ms"]
    crnn = shares[["crnn", "crnn_seed2", "crnn_seed3"]]
    row = frame.loc["crnn", ["acc_10ms", "mean_10ms", "deviation_10ms"]].astype(float)
    expected = [crnn["crnn"], crnn.mean(), crnn.std()]  # pandas: n − 1
    assert row.tolist() == pytest.approx(expected, abs=0.051)
    assert frame["trainings"].astype(int).tolist() == [1, 1, 1, 3, 1]
    assert float(frame.loc["cnn", "mean_10ms"]) == pytest.approx(shares["cnn"], abs=0.006)
    assert "another note" in table.notes and any("seed" in note for note in table.notes)
    once = table2_architecture(scores[~scores["method"].str.contains("seed")])
    assert "trainings" not in once.frame() and not any("seed" in note for note in once.notes)


def test_names_of_seeds_and_of_other_corpora_networks():
    assert method_label("crnn_seed2") == "CRNN, seed 2"
    assert method_label("crnn_of_demo") == "CRNN trained on demo"
    assert method_label("crnn_50fps") == "CRNN, 50 frames/s"
    assert real_or_stand_in(["test", "ENSTDkAm", "pieces", "ENSTDkCl"]) == ["ENSTDkCl", "ENSTDkAm"]
    assert real_or_stand_in(["test", "room"]) == ["room"]


def test_a_corpus_has_its_own_settings_over_the_general_ones(repository):
    general, own = load_params(repository), load_params(repository, "maps")
    assert own["training"]["epochs"] == general["maps"]["training"]["epochs"]
    assert own["training"]["learning_rate"] == general["training"]["learning_rate"]
    added = set(own["variants"]) - set(general["variants"])
    compared = ("cnn", "crnn", "gru", "lstm_uni", "crnn_cqt", "crnn_logmel", "crnn_mel")
    again = {
        f"{name}_seed{n}" for name in (*compared, "crnn_200fps", "transformer") for n in (2, 3)
    }
    questions = {"excerpt_2s", "excerpt_5s", "excerpt_10s", "pooling", "one_rate"}
    assert added == again | questions | {"transformer", "transformer_long"}
    assert own["evaluation"]["tolerances_ms"] == general["evaluation"]["tolerances_ms"]
    assert training_config(own, "crnn_seed2") == replace(training_config(own, "crnn"), seed=2)
    assert variant_config(own, "crnn_seed2") == replace(
        variant_config(own, "crnn"), name="crnn_seed2"
    )


def test_a_network_of_another_corpus_comes_from_there(toy_project, copy_checkpoint):
    params = load_params()
    elsewhere = corpus_paths("demo")
    copy_checkpoint(elsewhere, "cnn")
    paths = corpus_paths("maps")
    audio = 0.1 * pd.Series(range(16000)).mod(7).to_numpy(float)
    notes = pd.DataFrame(
        {"note_id": [0], "pitch": [60], "velocity": [64], "onset_s": [0.5], "offset_s": [0.7]}
    )
    there = prepare("cnn", audio, elsewhere, params)(notes)
    assert prepare("cnn_of_demo", audio, paths, params)(notes).onset_s == there.onset_s
    with pytest.raises(PianoAlignError, match="checkpoints"):
        prepare("cnn", audio, paths, params)


def test_a_table_on_a_part_of_maps_says_so(tmp_path, repository, monkeypatch):
    params = load_params(repository, "maps")
    whole = expected_recordings("maps", params)
    real = listed()["recording"].str.contains("ENSTDk").sum()
    assert real < whole < len(listed())
    assert expected_recordings("demo", params) is None
    paths = replace(corpus_paths("maps", repository), root=tmp_path)
    monkeypatch.setattr("companion.tables.provenance._trained_on", lambda _: {"crnn": "0123"})
    row = Recording("r", "test", "test", "p", "X", "software", 60.0, 5, "ab")
    for count, stamp in ((3, f"(partial: 3 of {whole} recordings)"), (whole, None)):
        rows = [replace(row, recording=f"r{index}") for index in range(count)]
        write_index(paths.split("eval"), rows)
        caption = publish(Table("t", "A table", [], []), paths, params).caption
        assert caption == (f"A table {stamp}" if stamp else "A table")
        text = (paths.results / "tables" / "t.csv").read_text()
        assert f"{count} tested, {count} min" in text
        assert "MAPS: Emiya" in text and "CITATION.cff" in text
