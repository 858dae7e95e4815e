"""The receipt of `make verify`: what it counts, what it lets pass, and what it does not."""

from __future__ import annotations

import pytest

from tools import verify
from tools.receipt import Receipt

TABLE = "results/demo/tables/table2_architecture.csv"
COMMITTED = """# Table 2
# corpus: demo, sha256 0123
method,n_notes,acc_10ms,acc_10ms_lo,interval,median_abs_error_ms,paper_10ms
crnn,120,54.71,50.7,"[50.7, 58.7] %",7.1,47.41
cnn,120,48.6,44.5,"[44.5, 52.7] %",9.8,not in our source
"""


def compared(new: str, name: str = TABLE, old: str = COMMITTED) -> Receipt:
    receipt = Receipt()
    receipt.compare(name, old, new)
    return receipt


def test_the_same_numbers_hold_whatever_caption_and_provenance_say():
    receipt = compared(COMMITTED.replace("sha256 0123", "sha256 4567"))
    assert receipt.holds and receipt.numbers == 9 and receipt.texts == 5 and not receipt.moved
    assert receipt.lines()[-1] == "verdict: the results hold"


def test_a_number_within_its_tolerance_is_counted_and_the_largest_named():
    new = COMMITTED.replace("54.71", "54.79").replace("9.8", "9.9")
    receipt = compared(new.replace("[50.7, 58.7]", "[50.8, 58.7]"))
    assert receipt.holds and len(receipt.moved) == 2
    text = "\n".join(receipt.lines())
    assert "moved within their tolerance: 2; outside of it: 0" in text
    assert f"54.71 → 54.79 (allowed: 0.2), {TABLE}, crnn [50.7, 58.7] %, acc_10ms" in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("54.71", "54.95"),  # more than 0.2 points
        ("crnn,120", "crnn,121"),  # notes are counted exactly
        ("9.8,", "11.1,"),  # more than a millisecond
        ("47.41", "not in our source"),
        ("[44.5, 52.7]", "[41.5, 52.7]"),
        ("cnn,120", "gru,120"),
        ("acc_10ms_lo", "acc_20ms_lo"),
        ("cnn,120,48.6,44.5", "cnn,120,48.6,44.5,44.5"),
    ],
)
def test_anything_else_does_not_hold(old, new):
    receipt = compared(COMMITTED.replace(old, new, 1))
    assert not receipt.holds
    assert any(line.startswith(("OUTSIDE", "CHANGED")) for line in receipt.lines())
    assert receipt.lines()[-1] == "verdict: NOT REPRODUCED"


def test_a_row_less_does_not_hold_nor_does_nothing_at_all():
    assert not compared(COMMITTED[: COMMITTED.index("cnn,")]).holds
    assert not Receipt().holds


def test_json_and_hashes():
    name, old = "results/demo/summary/crnn.json", '{"test": {"within_10_ms": 54.7}}'
    assert compared(old.replace("54.7", "54.8"), name, old).holds
    assert not compared(old.replace("54.7", "55.8"), name, old).holds
    name, old = "results/demo/corpus.csv", "recording,n_notes,sha256_audio\nm01,12,ab\n"
    receipt = compared(old.replace("ab", "cd"), name, old)
    assert receipt.holds and "other samples: 1 of 1" in "\n".join(receipt.lines())


@pytest.mark.parametrize("corpus", ["demo", "maps"])
def test_every_committed_result_is_read_and_equals_itself(repository, corpus):
    receipt, names = Receipt(), verify.committed_files(repository, corpus)
    for name in names:
        text = (repository / name).read_text(encoding="utf-8")
        receipt.compare(name, text, text)
    assert receipt.holds and not receipt.moved
    assert receipt.files == len(names) > 40 and receipt.numbers > 10_000
    frozen = verify.frozen_outs(repository, corpus)
    assert f"results/{corpus}/field_measured.csv" in frozen
    assert {name for name in frozen if name.endswith(".csv")} <= set(names)
