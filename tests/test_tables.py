"""Tables: their numbers are the metrics', their files are well-formed and say what is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_predictions import predictions

from companion.tables import corpus as corpus_tables
from companion.tables import paper as tables
from companion.tables.latex import escape, latex
from companion.tables.model import Column, Missing, Name, Number, Percent, Table
from companion.tables.provenance import write_table
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.html_page import ShownTable
from pianoalign_lib.common.labels import condition_label, tempo_percent
from pianoalign_lib.scoring import metrics
from pianoalign_lib.scoring.scores import Scores

ABLATIONS = ["cnn", "gru", "lstm_uni", "crnn", "crnn_cqt", "crnn_logmel", "crnn_mel"]
ALIGNERS = ["none", "dtw", "crnn", "hybrid"]
PROVENANCE = ["corpus: demo", "seed: 1", "checkpoints (sha256): crnn aaaa", "cite: the_paper"]


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    data = pd.concat(
        [
            predictions([*ABLATIONS, "none", "dtw", "hybrid", "crnn_200fps"], ["note100"]),
            predictions(["none", "crnn"], ["note20", "note50", "note150"]),
            predictions(ALIGNERS, ["tempo+5", "drift10_note30", "offset1-3", "tempo+20"]),
            predictions(ALIGNERS, ["note100", "drift10"], ("room",)),
        ]
    )
    return metrics.evaluate(data, bootstrap_samples=200)


@pytest.fixture(scope="module")
def every_table(scores: pd.DataFrame) -> list[Table]:
    return [
        corpus_tables.table1_corpus(recordings()),
        tables.table1_error_size(scores),
        tables.table2_architecture(scores),
        tables.table3_representation(scores),
        tables.table4_frame_rate(scores),
        tables.table5_dtw(scores, notes=["DTW has a 50 Hz grid & a bias of 5 %."]),
        tables.table6_real(scores),
    ]


def recordings() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "recording": ["a", "b", "c", "d", "e"],
            "split": ["train", "train", "eval", "eval", "eval"],
            "test_set": ["", None, "test", "test", "validation"],
            "performance": ["p1", "p1", "p2", "p3", "p4"],
            "piano": ["two_b", "one", "iowa", "iowa", "one"],
            "duration_s": [60.0, 120.0, 30.0, 60.0, 90.0],
            "n_notes": [1000, 200, 30, 40, 50],
        }
    )


def row(scores: pd.DataFrame, **key: object) -> pd.Series:
    key = {"test_set": "test", "condition": "note100", "calibrated": False, **key}
    chosen = scores[np.logical_and.reduce([scores[name] == value for name, value in key.items()])]
    assert len(chosen) == 1
    return chosen.iloc[0]


# --- What the tables say ------------------------------------------------------------------------


def test_corpus_table_counts() -> None:
    found = corpus_tables.table1_corpus(recordings()).frame().set_index("part")
    assert list(found.index) == ["train", "validation", "test"]
    assert found.loc["train"].tolist() == ["one, two_b", 1, 2, 3.0, 1200]
    assert found.loc["test"].tolist() == ["iowa", 2, 2, 1.5, 70]


def test_architecture_table_holds_the_metrics_and_the_papers_values(scores: pd.DataFrame) -> None:
    found = tables.table2_architecture(scores).frame().set_index("method")
    assert list(found.index) == ["cnn", "gru", "lstm_uni", "crnn"]
    for method in found.index:
        expected = row(scores, method=method)
        for column in ("acc_5ms", "acc_10ms", "acc_10ms_lo", "acc_10ms_hi", "acc_100ms"):
            assert found.loc[method, column] == pytest.approx(100 * expected[column], abs=0.0051)
        assert found.loc[method, "median_abs_error_ms"] == pytest.approx(
            1000 * expected["median_abs_error_s"], abs=0.0051
        )
        assert found.loc[method, "lost"] == pytest.approx(100 * expected["lost_share"], abs=0.0051)
    assert found["paper_10ms"].tolist() == [22.06, "not in our source", "not in our source", 47.41]


def test_ablation_tables_compare_the_variants_they_are_about(scores: pd.DataFrame) -> None:
    representation = tables.table3_representation(scores)
    assert [row[0] for row in representation.shown().rows] == ["log-CQT", "CQT", "log-Mel", "Mel"]
    rates = tables.table4_frame_rate(scores).frame()
    assert rates["method"].tolist() == ["crnn_50fps", "crnn", "crnn_200fps"]
    assert "no significant gain" in " ".join(tables.table4_frame_rate(scores).notes)


def test_error_size_table(scores: pd.DataFrame) -> None:
    found = tables.table1_error_size(scores).frame().set_index("note_error_ms")
    assert list(found.index) == [20, 50, 100, 150, 200]
    for size, method in ((20, "none"), (150, "crnn")):
        expected = row(scores, method=method, condition=f"note{size}")
        assert found.loc[size, f"{method}_acc_10ms"] == pytest.approx(
            100 * expected["acc_10ms"], abs=0.0051
        )
    assert found.loc[200, "none_acc_10ms"] == "not run: no results for ±200 ms per note on “test”"
    # The reason stands once in a row.
    assert found.loc[200, "none_acc_10ms_lo"] == found.loc[200, "crnn_acc_10ms"] == "not run"


def test_dtw_table_adds_the_conditions_that_were_run(scores: pd.DataFrame) -> None:
    found = tables.table5_dtw(scores).frame()
    assert list(dict.fromkeys(found["condition"])) == [
        "note100", "tempo+5", "drift10_note30", "offset1-3", "tempo+20",
    ]  # fmt: skip
    assert found["method"].tolist() == ALIGNERS * 5


def test_real_table_shows_raw_and_calibrated_and_names_the_stand_in(scores: pd.DataFrame) -> None:
    table = tables.table6_real(scores)
    found = table.frame().set_index(["condition", "method"])
    for prefix, calibrated in (("raw", False), ("calibrated", True)):
        expected = row(
            scores, test_set="room", method="hybrid", condition="drift10", calibrated=calibrated
        )
        value = found.loc[("drift10", "hybrid"), f"{prefix}_acc_10ms"]
        assert value == pytest.approx(100 * expected["acc_10ms"], abs=0.0051)
        assert found.loc[("drift10", "hybrid"), "n_recordings"] == expected["n_recordings"]
    assert "stand-in" in table.caption
    assert any("no real recordings" in note for note in table.notes)


def test_real_table_of_a_corpus_with_real_recordings() -> None:
    data = predictions(["none", "dtw"], ["note100"], ("ENSTDkCl", "ENSTDkAm"))
    scores = metrics.evaluate(data, bootstrap_samples=50)
    table = tables.table6_real(
        scores, real_sets=("ENSTDkCl", "ENSTDkAm"), conditions=("note100",), methods=("none", "dtw")
    )
    assert table.frame()["test_set"].tolist() == ["ENSTDkCl"] * 2 + ["ENSTDkAm"] * 2
    assert "stand-in" not in table.caption + " ".join(table.notes)


def test_missing_results_say_which(scores: pd.DataFrame) -> None:
    lookup = Scores(scores, {"gru": "skipped on purpose"})
    cases = {
        ("test", "gru", "exact"): "skipped on purpose",
        ("elsewhere", "crnn", "note100"): "no results on “elsewhere”",
        ("room", "lstm_uni", "note100"): "no results of LSTM, one direction on “room”",
        ("test", "crnn", "exact"): "no results for no error on “test”",
        ("test", "cnn", "offset1-3"): "no results of CNN only for offset 1 to 3 s on “test”",
    }
    for key, reason in cases.items():
        assert lookup.find(*key) == Missing("not run", reason)
    assert isinstance(lookup.find("test", "gru", "note100"), dict)


def test_scores_must_be_unambiguous(scores: pd.DataFrame) -> None:
    with pytest.raises(PianoAlignError, match="more than once"):
        Scores(pd.concat([scores, scores.head(1)]))
    with pytest.raises(PianoAlignError, match="calibrated"):
        Scores(scores.drop(columns="calibrated"))


# --- Files --------------------------------------------------------------------------------------


def test_no_cell_is_blank_or_not_a_number(every_table: list[Table]) -> None:
    for table in every_table:
        for value in table.frame().to_numpy().ravel():
            assert value is not None
            assert str(value).strip().lower() not in ("", "nan", "none ", "inf")
        cells = [cell for row in table.shown().rows for cell in row]
        assert all(cell.strip() and "nan" not in cell.split() for cell in cells)


def test_files_are_identical_from_run_to_run(every_table: list[Table], tmp_path: Path) -> None:
    for table in every_table:
        first = write_table(table, tmp_path / "first", PROVENANCE)
        second = write_table(table, tmp_path / "second", PROVENANCE)
        assert [path.name for path in first] == [
            f"{table.name}.{end}" for end in ("csv", "md", "tex", "json")
        ]
        for one, other in zip(first, second, strict=True):
            assert one.read_bytes() == other.read_bytes()
            text = one.read_text(encoding="utf-8")
            assert not re.search(r"20\d\d-\d\d|\d\d:\d\d|/home/|/tmp/", text)
            assert all(line in text.replace("\\_", "_") for line in PROVENANCE)


def test_json_holds_the_table_as_it_is_shown(every_table: list[Table], tmp_path: Path) -> None:
    for table in every_table:
        path = write_table(table, tmp_path, PROVENANCE)[-1]
        assert ShownTable(**json.loads(path.read_text())) == table.shown(PROVENANCE)


def test_csv_is_read_back_as_it_was(every_table: list[Table], tmp_path: Path) -> None:
    for table in every_table:
        path = write_table(table, tmp_path, PROVENANCE)[0]
        found = pd.read_csv(path, comment="#", keep_default_na=False)
        expected = table.frame()
        assert list(found.columns) == list(expected.columns)
        assert found.astype(str).to_numpy().tolist() == expected.astype(str).to_numpy().tolist()


def test_latex_is_balanced_ascii_with_as_many_cells_as_columns(every_table: list[Table]) -> None:
    for table in every_table:
        text = latex(table)
        assert text.isascii()
        unescaped = re.sub(r"\\[{}\\&%$#_]", "", text)
        assert unescaped.count("{") == unescaped.count("}")
        assert unescaped.count("$") % 2 == 0
        body = text.split("\\midrule\n")[1].split("\\bottomrule")[0].strip().splitlines()
        assert len(body) == len(table.rows)
        for line in body:
            assert line.endswith("\\\\")
            assert len(re.findall(r"(?<!\\)&", line)) == len(table.columns) - 1
        for begin in re.findall(r"\\begin\{(\w+)\}", text):
            assert text.count(f"\\end{{{begin}}}") == text.count(f"\\begin{{{begin}}}")
        rules = [text.index(rule) for rule in ("\\toprule", "\\midrule", "\\bottomrule")]
        assert rules == sorted(rules)


def test_latex_groups_span_their_columns(scores: pd.DataFrame) -> None:
    text = latex(tables.table1_error_size(scores))
    assert "\\multicolumn{4}{c}{Input MIDI} & \\multicolumn{4}{c}{CRNN}" in text
    assert "\\cmidrule(lr){2-5}\\cmidrule(lr){6-9}" in text


def test_latex_escapes_what_it_must() -> None:
    assert escape("50 % of a_b & {x} #1 $") == r"50 \% of a\_b \& \{x\} \#1 \$"
    assert escape("±5 − 3 ≤ 2\\~^") == (
        r"$\pm$5 $-$ 3 $\leq$ 2\textbackslash{}\textasciitilde{}\textasciicircum{}"
    )


def test_markdown_is_a_table_with_its_notes(every_table: list[Table]) -> None:
    for table in every_table:
        lines = table.markdown().splitlines()
        assert lines[0] == f"**{table.caption}**"
        pipes = [line for line in lines if line.startswith("|")]
        assert len(pipes) == len(table.rows) + 2
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in pipes} == {len(table.columns) + 1}
        assert all(f"- {note}" in lines for note in table.notes)


def test_reasons_share_a_letter_below_the_table() -> None:
    table = Table(
        "t",
        "T",
        [Column("a", "A"), Column("b", "B"), Column("c", "C", interval=True)],
        [
            [Name("x_1", "X | 1"), Missing("not run", "why"), Percent(0.6214, 0.6, 0.643)],
            ["y", Missing("not run", "other"), Missing("not run", "why")],
            ["z", Number(1234.5, 1), Percent(0.5)],
        ],
    )
    text = table.markdown()
    assert "| X \\| 1 | not run (a) | 62.1 [60.0, 64.3] |" in text
    assert "| y | not run (b) | not run (a) |" in text
    assert "| z | 1,234.5 | 50.0 |" in text
    assert "- (a) why\n- (b) other" in text
    found = table.frame()
    assert found.iloc[0].tolist() == ["x_1", "not run: why", 62.14, 60.0, 64.3]
    assert found.iloc[1].tolist() == ["y", "not run: other", "not run: why", "not run", "not run"]
    assert found.iloc[2].tolist() == ["z", 1234.5, 50.0, "one recording", "one recording"]
    with pytest.raises(PianoAlignError, match="2 cells for 3 columns"):
        Table("t", "T", table.columns, [["a", "b"]])


def test_a_single_recording_has_no_interval_and_says_so() -> None:
    scores = metrics.evaluate(predictions(["crnn"], ["note100"], recordings=1))
    found = tables.table3_representation(scores).frame().set_index("method")
    assert found.loc["crnn", "acc_10ms_lo"] == "one recording"
    assert "nan" not in tables.table3_representation(scores).markdown().lower()


def test_a_table_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, scores) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PianoAlignError, match="cannot write"):
        write_table(tables.table2_architecture(scores), tmp_path / "file", PROVENANCE)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("condition", "label", "percent"),
    [
        ("exact", "no error", 0.0),
        ("note100", "±100 ms per note", None),
        ("tempo-20", "tempo −20 %", -20.0),
        ("tempo+5", "tempo +5 %", 5.0),
        ("drift10_note30", "drift ±10 %, ±30 ms per note", None),
        ("offset2", "offset 2 s", None),
        ("offset1-3", "offset 1 to 3 s", None),
        ("something", "something", None),
    ],
)
def test_names_of_conditions(condition: str, label: str, percent: float | None) -> None:
    assert condition_label(condition) == label
    assert tempo_percent(condition) == percent
