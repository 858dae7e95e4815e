"""A wrong tempo inside short excerpts: the excerpts, their scores, table and figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from pianoalign_lib.common.config import load_params
from pianoalign_lib.common.errors import CorpusError, InputError
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import note_table
from studies.claims.tempo import lost_to_tempo
from studies.short_tempo import run
from studies.short_tempo.excerpts import at_tempo, cut, draw_starts
from studies.short_tempo.table import figure_short_tempo, read_short_tempo, table_short_tempo

rng = np.random.default_rng
CHOSEN = {"margin_s": 0.25, "least_notes": 2}


def notes_at(onset_s: list[float], length_s: float = 0.5) -> pd.DataFrame:
    onset_s, n = np.array(onset_s), len(onset_s)
    return note_table(60 + np.arange(n), np.full(n, 64), onset_s, onset_s + length_s)


def test_excerpts_begin_at_an_onset_and_lie_within_the_recording() -> None:
    # 0.1 is too early, 3.0 has one note within a second, 9.5 too late: two are left.
    onset_s = np.array([0.1, 1.0, 1.0, 2.0, 2.5, 3.0, 9.5, 9.6])
    found = draw_starts(onset_s, 10.0, 1.0, 5, rng(1), **CHOSEN)
    # A note a whole second after the first belongs to the next one.
    assert found.tolist() == [1.0, 2.0, 2.5]
    seeds = [draw_starts(onset_s, 10.0, 1.0, 1, rng(seed), **CHOSEN)[0] for seed in range(30)]
    assert set(seeds) == {1.0, 2.0, 2.5}
    assert len(draw_starts(onset_s, 10.0, 20.0, 3, rng(1), **CHOSEN)) == 0


def test_an_excerpt_has_its_margins_and_its_notes_only() -> None:
    audio = np.arange(10 * SAMPLE_RATE, dtype=np.float32)
    notes = notes_at([1.9, 2.0, 2.6, 3.0, 3.2], length_s=0.5)
    sound, inside = cut(audio, notes, 2.0, 1.0, 0.25)
    assert sound[0] == 1.75 * SAMPLE_RATE and len(sound) == 1.5 * SAMPLE_RATE
    assert inside["onset_s"].tolist() == pytest.approx([0.25, 0.85])
    # The second would end at 1.35 s of 1.5; one that rings on ends with the sound.
    assert inside["offset_s"].tolist() == pytest.approx([0.75, 1.35])
    _, ringing = cut(audio, notes_at([2.0, 2.6], length_s=4.0), 2.0, 1.0, 0.25)
    assert ringing["offset_s"].tolist() == [1.5, 1.5]


def test_a_tempo_is_wrong_from_the_first_onset_on() -> None:
    fast = at_tempo(notes_at([0.25, 1.35]), 10)
    assert fast["onset_s"].tolist() == pytest.approx([0.25, 1.25])  # 1.1 s later becomes 1 s
    assert fast["offset_s"].tolist() == pytest.approx([0.25 + 0.5 / 1.1, 0.25 + 1.6 / 1.1])
    slow = at_tempo(notes_at([0.25, 1.15]), -10)
    assert slow["onset_s"].tolist() == pytest.approx([0.25, 1.25])  # 0.9 s become 1 s
    assert at_tempo(notes_at([0.25, 1.0]), 0).equals(notes_at([0.25, 1.0]))


def rows(performance: str, errors_s: list[float], **key) -> pd.DataFrame:
    n = len(errors_s)
    given = {"length_s": 1.0, "tempo_percent": 10, "method": "crnn", "recording": performance}
    given |= {"performance": performance, "start_s": 2.0, "placed": True} | key
    since_s = np.linspace(0.0, 0.9, n)
    return pd.DataFrame({"error_s": errors_s, "since_s": since_s}).assign(**given)


def test_scores_by_hand() -> None:
    notes = pd.concat(
        [
            rows("p", [0.0, -0.03]),
            rows("q", [0.01, 0.08]),
            rows("q", [0.5], method="dtw", placed=False),
        ]
    )
    found = run.summarise(notes, 20_000, 1)
    whole = found[(found["until_s"] == 1.0) & (found["since_s"] == 0)].set_index("method")
    crnn = whole.loc["crnn"]
    # Means per performance 15 and 45 ms: their mean 30, its error half of their distance.
    assert crnn["mean_abs_error_s"] == pytest.approx(0.03)
    assert crnn["mean_abs_error_se"] == pytest.approx(0.015, rel=0.02)
    assert crnn["median_abs_error_s"] == pytest.approx(0.02)  # of 0, 10, 30 and 80 ms
    counts = ["n_excerpts", "n_performances", "n_notes"]
    assert crnn[counts].tolist() == [2, 2, 4] and crnn["lost_share"] == 0
    assert whole.loc["dtw", "lost_share"] == 1
    assert np.isnan(whole.loc["dtw", "mean_abs_error_se"])
    parts = found[(found["method"] == "crnn") & (found["until_s"] - found["since_s"] < 0.5)]
    assert parts["since_s"].tolist() == pytest.approx([0.0, 0.8])  # in the others are no notes
    assert parts["mean_abs_error_s"].tolist() == pytest.approx([0.005, 0.055])


@pytest.fixture
def toy(toy_project, monkeypatch):
    """Return a toy project whose methods keep the input, and the names that were asked for."""
    params = load_params(toy_project.root)
    params["short_tempo"] |= {"lengths_s": [1, 2], "excerpts": [2, 1], "least_notes": 2}
    params["short_tempo"]["methods"] = ["none", "dtw", "crnn", "hybrid"]
    path = toy_project.checkpoints / "crnn.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    asked = []

    def prepare(name, audio, paths, params):
        asked.append(name)
        if name == "dtw" and len(audio) < 2 * SAMPLE_RATE:
            raise InputError("too short")
        return real("none", audio, paths, params)

    real = run.prepare
    monkeypatch.setattr(run, "prepare", prepare)
    return toy_project, params, asked


def test_a_run_scores_every_method_and_goes_on_from_what_it_kept(toy) -> None:
    paths, params, asked = toy
    frame = read_short_tempo(run.run_short_tempo(paths, params))
    whole = frame[(frame["until_s"] == frame["length_s"]) & (frame["since_s"] == 0)]
    assert len(whole) == 2 * 5 * 4
    key = ["length_s", "tempo_percent", "method"]
    errors = whole.set_index(key)["mean_abs_error_s"]
    assert (errors.xs(0, level="tempo_percent") < 1e-9).all()
    assert (errors.xs(10, level="tempo_percent") > 0.005).all()
    # DTW refused excerpts of 1 s (and their margins): they stay as they were, and count as lost.
    lost = whole.set_index(key)["lost_share"]
    assert (lost.loc[1.0].xs("dtw", level="method") == 1).all()
    assert (lost.loc[2.0] == 0).all()
    first, count = (paths.results / run.FILE).read_bytes(), len(asked)
    assert count == 2 * 3 * 3  # recordings, excerpts, and methods but for the hybrid
    run.run_short_tempo(paths, params)
    assert len(asked) == count and (paths.results / run.FILE).read_bytes() == first
    params["short_tempo"]["seed"] += 1
    run.run_short_tempo(paths, params)
    assert len(asked) == 2 * count and (paths.results / run.FILE).read_bytes() != first
    assert len(list((paths.data / "short_tempo").iterdir())) == 1  # what was kept before is gone


def test_the_hybrid_starts_from_what_dtw_returns(toy, monkeypatch) -> None:
    paths, params, _ = toy
    seen = {}

    def prepare(name, audio, paths, params):
        def place(notes):
            seen.setdefault(name, []).append(notes["onset_s"].to_numpy())
            return run.Placement(
                notes["onset_s"].to_numpy() + (0.3 if name == "dtw" else 0.0),
                np.full(len(notes), 0.9, np.float32),
                np.full(len(notes), "aligned", object),
            )

        return place

    monkeypatch.setattr(run, "prepare", prepare)
    params["short_tempo"]["tempo_percent"] = [10]
    notes = notes_at([0.25, 0.8, 1.1])
    found = run.place_excerpt(np.zeros(2 * SAMPLE_RATE, np.float32), notes, paths, params)
    given, warped = seen["crnn"]
    assert warped == pytest.approx(given + 0.3)
    error_s = found.set_index("method")["error_s"]
    assert error_s["hybrid"].to_numpy() == pytest.approx(error_s["none"].to_numpy() + 0.3)


def test_recordings_that_are_not_there_or_too_short_are_named(toy) -> None:
    paths, params, _ = toy
    params["short_tempo"] |= {"lengths_s": [60], "excerpts": [1]}
    with pytest.raises(CorpusError, match="no recording of 'test' is long enough"):
        run.run_short_tempo(paths, params)
    params["short_tempo"]["test_set"] = "hall"
    with pytest.raises(CorpusError, match="no recordings of test set 'hall'"):
        run.run_short_tempo(paths, params)


def scored() -> pd.DataFrame:
    parts = [
        rows(performance, list(scale * np.linspace(0.0, 0.1, 10)), **key)
        for performance in ("p", "q")
        for key, scale in (
            ({"method": "crnn", "tempo_percent": 10}, 1.0),
            ({"method": "crnn", "tempo_percent": -10}, 2.0),
            ({"method": "crnn", "tempo_percent": 0}, 0.0),
            ({"method": "dtw", "tempo_percent": 10}, 0.5),
        )
    ]
    return run.summarise(pd.concat(parts), 50, 1).assign(test_set="test")


def test_the_table_has_a_row_per_length_and_tempo() -> None:
    frame = table_short_tempo(scored(), methods=["crnn", "dtw"]).frame()
    assert frame["tempo_percent"].tolist() == ["−10", "0", "+10"]
    assert frame["crnn_mean_ms"].tolist() == [100, 0, 50]
    assert frame["crnn_median_ms"].tolist() == [100, 0, 50]
    assert frame["dtw_mean_ms"].tolist() == ["not run", "not run", 25]
    notes = table_short_tempo(scored()).notes
    assert any("1 s: 2 excerpts, 20 notes; of 2 performances" in note for note in notes)
    assert any("DTW suffers at the edges" in note for note in notes)


def test_the_figure_draws_tempo_above_and_time_below() -> None:
    figure, data = figure_short_tempo(scored(), methods=["crnn", "dtw"])
    assert len(figure.axes) == 2
    tempo = data[(data["panel"] == "tempo") & (data["method"] == "crnn")].set_index("x")
    assert tempo["mean_abs_error_ms"].to_dict() == pytest.approx({-10: 100, 0: 0, 10: 50})
    time = data[(data["panel"] == "time") & (data["method"] == "crnn")]
    assert time["x"].tolist() == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    # Both deviations joined: errors of 0 and 1/90 s times one and two, on average.
    assert time["mean_abs_error_ms"].iloc[0] == pytest.approx(1000 * (1 + 2) / 2 * (0.1 / 9) / 2)
    assert time["mean_abs_error_ms"].is_monotonic_increasing


def test_the_claim_reads_what_the_study_writes() -> None:
    """Both methods at +10 %, mean 50 and 25 ms: DTW is clearly below 40 ms, performances alike."""
    from studies.claims.evidence import Evidence

    both = scored()[lambda frame: frame["tempo_percent"] == 10]
    given = Evidence(pd.DataFrame(), (), {}, short_tempo=both)
    limits = load_params(ROOT)["claims"]["rules"]["C8"]["limits"]
    found = lost_to_tempo(given, **limits)
    assert found.ours == "CRNN 50 ms; DTW 25 ms (excerpts of 1 s)"
    assert found.p < 1e-9 and not found.as_claimed
