"""The field side by side: matching, loose notes, costs, tables; other people's tools where they
are installed."""

from __future__ import annotations

import importlib.util
import itertools
import json
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import toy_audio, toy_notes

from benchmarks.field import excerpts, measure, predictions, summary
from benchmarks.field import run as field
from benchmarks.field.__main__ import main
from benchmarks.field.activations import OnTranskun
from benchmarks.field.by_note import BY_NOTE, read_field_by_note, table8e_tools
from benchmarks.field.conditions import field_notes
from benchmarks.field.figure import figure4_field
from benchmarks.field.matching import match_heard, place_on
from benchmarks.field.measured import summarize
from benchmarks.field.parangonar import group_onsets
from benchmarks.field.registry import TOOLS, adapter
from benchmarks.field.summary import paired, readings, whole_sets, write_field
from benchmarks.field.table import (
    CONDITIONS,
    MEASURED,
    MISSING_EXTRA,
    PAIRED,
    read_field,
    read_paired,
    table7_field,
)
from benchmarks.field.tables import table7_conditions, table7_extra
from pianoalign_lib.common.config import load_params
from pianoalign_lib.common.errors import ConfigError, CorpusError, InputError
from pianoalign_lib.corpora.performances import sounding
from pianoalign_lib.corpora.pianos import Piano
from pianoalign_lib.corpora.timing_errors import loose_notes
from pianoalign_lib.io.audio import SAMPLE_RATE, resample
from pianoalign_lib.io.notes import note_table

BOOTSTRAP = {"samples": 20, "seed": 1}


def random_notes(seed: int, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    onset_s = np.sort(rng.uniform(0.5, 40, n))
    return note_table(rng.integers(40, 90, n), rng.integers(30, 100, n), onset_s, onset_s + 0.2)


# --- Matching ------------------------------------------------------------------------------------


def cheapest(onset_s, heard_s, max_shift_s) -> float:
    """Return the least cost over all order-preserving assignments, each tried."""
    best = np.inf
    for n_matched in range(min(len(onset_s), len(heard_s)) + 1):
        for rows in itertools.combinations(range(len(onset_s)), n_matched):
            for columns in itertools.combinations(range(len(heard_s)), n_matched):
                shift_s = np.abs(onset_s[list(rows)] - heard_s[list(columns)])
                if (shift_s <= max_shift_s).all():
                    lost = len(onset_s) - n_matched
                    best = min(best, shift_s.sum() + lost * max_shift_s)
    return best


@pytest.mark.parametrize("seed", range(20))
def test_matching_is_the_cheapest_in_order_of_each_pitch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    onset_s, pitch = rng.uniform(0, 1.5, 9), rng.integers(60, 62, 9)
    heard = pd.DataFrame({"pitch": rng.integers(60, 62, 8), "onset_s": rng.uniform(0, 1.5, 8)})
    found_s, matched = match_heard(onset_s, pitch, heard)
    np.testing.assert_array_equal(found_s[~matched], onset_s[~matched])
    for value in (60, 61):
        rows = np.flatnonzero(pitch == value)
        rows = rows[np.argsort(onset_s[rows])]
        heard_s = np.sort(heard["onset_s"][heard["pitch"] == value].to_numpy())
        taken = found_s[rows][matched[rows]]
        assert (np.diff(taken) > 0).all()  # in order, and no onset taken twice
        assert np.isin(taken, heard_s).all()
        cost = np.abs(found_s - onset_s)[rows].sum() + 0.25 * np.count_nonzero(~matched[rows])
        assert cost == pytest.approx(cheapest(onset_s[rows], heard_s, 0.25))


def test_onsets_are_grouped_from_the_first_of_each_group() -> None:
    group, group_s = group_onsets(np.array([0.05, 1.0, 0.03, 0.0, 0.08]))
    assert group.tolist() == [1, 2, 0, 0, 1]
    np.testing.assert_allclose(group_s, [0.015, 0.065, 1.0])


# --- Loose notes and excerpts --------------------------------------------------------------------


def test_missing_and_extra_notes(repository) -> None:
    params, notes = load_params(repository), random_notes(1)
    loose = field_notes(notes, MISSING_EXTRA, "a", params)
    extra, kept = loose[loose["is_extra"]], loose[~loose["is_extra"]]
    assert (len(extra), len(kept)) == (20, 380)
    assert loose["note_id"].is_unique
    # The notes that are in both are those of note100, errors and all.
    same = loose_notes(notes, "note100", "a", params).set_index("note_id").loc[kept["note_id"]]
    np.testing.assert_array_equal(kept["onset_s"], same["onset_s"])
    true = notes.set_index("note_id").loc[kept["note_id"]]
    np.testing.assert_array_equal(kept["onset_true_s"], true["onset_s"])
    assert extra["onset_true_s"].isna().all()
    for note in extra.itertuples():
        distance_s = np.abs(notes["onset_s"] - note.onset_s)
        assert distance_s.min() <= 0.1
        assert not (notes["pitch"][distance_s < 0.3] == note.pitch).any()
        assert notes["pitch"].min() <= note.pitch <= notes["pitch"].max()
    pd.testing.assert_frame_equal(loose, field_notes(notes, MISSING_EXTRA, "a", params))
    other = field_notes(notes, MISSING_EXTRA, "b", params)
    assert set(other["note_id"]) != set(loose["note_id"])


def test_excerpts_of_a_corpus(toy_project, monkeypatch: pytest.MonkeyPatch) -> None:
    found = excerpts.field_excerpts(toy_project)
    names = [(item.recording, item.test_set) for item in found]
    assert names == [("e0", "test"), ("e1", "test"), ("v0", "validation")]
    assert [item.recording for item in excerpts.measured_excerpts(toy_project)] == ["e0", "e1"]
    audio, notes = excerpts.load_excerpt(toy_project, found[0])
    assert len(audio) == 8 * SAMPLE_RATE  # shorter than the cut: whole, with all its notes
    cut = excerpts.Excerpt(found[0].source, "test", 4.0)
    short, fewer = excerpts.load_excerpt(toy_project, cut)
    assert len(short) == 4 * SAMPLE_RATE
    assert len(fewer) == np.count_nonzero(notes["onset_s"] < 3.5) < len(notes)
    assert fewer["offset_s"].max() <= 4.0


class NoisePiano(Piano):
    """A piano that is heard at 44.1 kHz alone: noise, evenly over all frequencies."""

    RATE = 44_100

    def play(self, notes, duration_s):
        noise = np.random.default_rng(len(notes)).standard_normal(round(duration_s * self.RATE))
        return noise.astype(np.float32)


def test_a_recording_at_another_rate_is_the_same_performance(toy_project, monkeypatch) -> None:
    first, second, *_ = excerpts.field_excerpts(toy_project)
    planned = SimpleNamespace(recording=first.recording, piano="noise")
    notes = note_table([48, 60], [90] * 2, [0.5, 1.0], [0.9, 1.4])
    notes["sound_end_s"] = notes["offset_s"]
    piano = NoisePiano()
    monkeypatch.setattr(excerpts, "plan_part", lambda *_: [planned])
    monkeypatch.setattr(excerpts, "excerpt_notes", lambda _: notes)
    monkeypatch.setattr(excerpts, "load_piano", cache(lambda *_: piano))
    excerpt = excerpts.Excerpt(first.source, "test", 3.0)
    high = excerpts.rendered_at(toy_project, load_params(), excerpt, 44_100)
    assert len(high) == 3 * 44_100 and np.abs(high).max() < 0.701  # cut where the excerpt ends
    low = piano.render(*sounding(notes))[: 3 * SAMPLE_RATE]
    assert np.corrcoef(low[:-100], resample(high, 44_100)[:-100])[0, 1] > 0.999
    power = np.abs(np.fft.rfft(high)) ** 2
    above = np.fft.rfftfreq(len(high), 1 / 44_100) > 8000  # what 16 kHz cannot have
    assert power[above].sum() / power.sum() == pytest.approx(1 - 8 / 22.05, abs=0.02)
    with pytest.raises(CorpusError, match=f"{second.recording}: is not planned"):
        excerpts.rendered_at(toy_project, load_params(), second, 44_100)


def test_a_tool_at_another_rate_hears_no_rooms(toy_project) -> None:
    params = load_params(toy_project.root)
    names = [each.recording for each in excerpts.field_excerpts(toy_project)]
    index = toy_project.split("eval") / "recordings.csv"
    table = pd.read_csv(index)
    table.assign(room=table["room"].where(table["recording"] != "v0", "RT60 0.5 s")).to_csv(index)

    def heard(method: str) -> list[str]:
        return [
            task.excerpt.recording for task in field.field_tasks(toy_project, params, method, {})
        ]

    assert heard("transkun") == names and "v0" in names
    assert heard("transkun_44k") == [name for name in names if name != "v0"]
    on_maps = replace(toy_project, corpus="maps")
    note = field.run_field(on_maps, params, "transkun_44k")
    assert note == {"not_run": "the mirror of MAPS has 16 kHz only"}


def test_maps_without_the_chosen_recordings_is_refused(toy_project) -> None:
    maps = replace(toy_project, corpus="maps")
    maps.split("eval").parent.mkdir(parents=True)
    maps.split("eval").symlink_to(toy_project.split("eval"))
    with pytest.raises(CorpusError, match="lacks MAPS_MUS-chpn-e01_ENSTDkCl"):
        excerpts.measured_excerpts(maps)


# --- Measuring -----------------------------------------------------------------------------------


def test_costs_of_the_untouched_input(toy_project) -> None:
    assert main(["--method", "none"]) == 0
    assert main(["--method", "none", "--costs"]) == 0
    measured = read_field(toy_project.results / MEASURED)
    assert set(measured["condition"]) == set(CONDITIONS)
    rows = measured[~measured["calibrated"].astype(bool)].set_index("condition")
    assert rows.loc["offset2", "bias_s"] == pytest.approx(2.0)
    assert rows.loc["note50", "acc_50ms"] == 1.0
    assert rows.loc["note50", "n_recordings"] == 2
    assert rows["peak_mib"].between(30, 5000).all()
    shown = read_field(toy_project.results / "field.csv").set_index("method")
    assert shown.loc["none", "peak_mib"].iloc[0] == rows.loc["note100", "peak_mib"]
    assert shown.loc["transkun", "not_run"] == "it was not run on this corpus"


def test_stored_predictions_are_scored_without_running_a_tool(toy_project, monkeypatch) -> None:
    assert main(["--method", "none"]) == 0
    folder = predictions.predictions_folder(toy_project)
    stored = pd.read_parquet(folder / "none.parquet")
    assert stored["recording"].nunique() == 3 and stored["onset_true_s"].dtype == np.float32
    later = stored.assign(onset_s=stored["onset_true_s"] + 0.02, placed=True)
    later[predictions.FOUND].to_parquet(folder / "transkun.parquet")
    notes = predictions.read_notes(toy_project) | {"transkun": {"versions": {"transkun": "2.0.1"}}}
    (folder / "tools.json").write_text(json.dumps(notes))
    monkeypatch.setattr(measure, "adapter", None)
    assert main([]) == 0
    scores = read_field(toy_project.results / "field.csv").query("method == 'transkun'")
    share = scores.dropna(subset="condition").set_index("offset")["acc_10ms"]
    assert share.to_dict() == {"raw": 0.0, "validation": 1.0, "oracle": 1.0}
    assert scores["offset_s"].iloc[0] == pytest.approx(0.02, abs=1e-5)
    by_note = read_field_by_note(toy_project.results / BY_NOTE)
    assert set(by_note["method"]) == {"transkun"} and set(by_note["test_set"]) == {"test"}
    assert set(by_note.loc[~by_note["calibrated"], "acc_10ms"]) == {0.0}
    assert set(by_note.loc[by_note["calibrated"], "acc_10ms"]) == {1.0}
    counted = by_note[by_note["calibrated"]].groupby("kind")["n_notes"].sum()
    assert set(counted) == {int(scores["n_notes"].iloc[0])}
    shown = table8e_tools(by_note).frame()
    heard = shown.loc[shown["method"] == "transkun", "calibrated_10ms"]
    assert set(heard) == {"–", 100.0}  # fewer than 20 notes in a class, or all right
    assert set(shown.loc[shown["method"] == "localizer", "raw_10ms"]) == {"not run"}
    whole = pd.read_parquet(folder / "transkun.parquet")
    whole[whole["recording"] != "e1"].to_parquet(folder / "transkun.parquet")
    assert main([]) == 0
    scores = read_field(toy_project.results / "field.csv").query("method == 'transkun'")
    assert scores["not_run"].tolist() == ["so far run on 1 of 2 recordings of test"]
    whole[1:].to_parquet(folder / "transkun.parquet")
    with pytest.raises(CorpusError, match="of other notes than none"):
        write_field(toy_project, load_params(toy_project.root))


def test_field_goes_on_where_it_was_stopped(toy_project, monkeypatch) -> None:
    params = load_params(toy_project.root)
    assert field.run_field(toy_project, params, "none") == {"versions": {}, "weights": ""}
    parts = field.field_folder(toy_project) / "parts" / "none"
    stamp = (parts / "e0.parquet").stat().st_mtime_ns
    (parts / "e1.parquet").write_bytes(b"broken off")
    tasks = field.field_tasks(toy_project, params, "none", {})
    predictions.store(toy_project, "none", tasks, {"versions": {}})
    whole = predictions.predictions_folder(toy_project) / "none.parquet"
    assert set(pd.read_parquet(whole)["recording"]) == {"e0", "v0"}
    field.run_field(toy_project, params, "none")
    assert (parts / "e0.parquet").stat().st_mtime_ns == stamp
    assert len(pd.read_parquet(parts / "e1.parquet"))
    field.run_field(toy_project, params | {"perturbation_seed": 101}, "none")
    assert (parts / "e0.parquet").stat().st_mtime_ns > stamp


def test_a_tool_that_is_not_installed_is_not_run(toy_project, monkeypatch) -> None:
    def versions(method: str) -> dict[str, str]:
        raise importlib.metadata.PackageNotFoundError("transkun")

    monkeypatch.setattr(field, "versions", versions)
    note = field.run_field(toy_project, load_params(toy_project.root), "transkun")
    assert note == {"not_run": "transkun is not installed"}
    predictions.store(toy_project, "transkun", [], note)
    assert predictions.read_notes(toy_project) == {"transkun": note}
    with pytest.raises(CorpusError, match="not found; run"):
        write_field(toy_project, load_params(toy_project.root))


def test_an_unknown_tool_is_refused(toy_project, capsys) -> None:
    with pytest.raises(ConfigError, match="choose one of none, synctoolbox"):
        field.run_field(toy_project, load_params(toy_project.root), "magic")
    assert main(["--method", "magic"]) == 1
    assert capsys.readouterr().err.startswith("pianoalign: unknown tool 'magic'; choose one of")


def test_a_tool_that_fails_leaves_the_notes_and_says_why() -> None:
    def fails(notes):
        raise ZeroDivisionError("no frames\nat all")

    notes = random_notes(2, 5)
    found, failure = measure._placed(fails, notes)
    assert failure == "no frames"
    np.testing.assert_array_equal(found.onset_s, notes["onset_s"])
    assert (found.status == "not heard").all()


def test_what_a_transcriber_heard_is_kept(toy_project, monkeypatch) -> None:
    calls = []

    def hear(audio: np.ndarray) -> pd.DataFrame:
        calls.append(len(audio))
        return pd.DataFrame({"pitch": [60], "onset_s": [99.0]})

    tool = SimpleNamespace(start=lambda: calls.append(0), hear=hear, place_on=place_on)
    monkeypatch.setattr(measure, "adapter", lambda *_: tool)
    params, excerpt = load_params(toy_project.root), excerpts.field_excerpts(toy_project)[0]
    files = [toy_project.root / name for name in ("a.parquet", "heard.parquet")]
    for _ in range(2):
        task = measure.Task(
            "heard", excerpt, files[0], "key", files[1], "heard key", None, CONDITIONS
        )
        measure.measure(toy_project, params, task)
    assert calls == [0, 8 * SAMPLE_RATE]
    frame = measure.read_part(files[0])
    assert (frame["status"] == "not heard").all() and not frame["placed"].any()
    np.testing.assert_array_equal(frame["onset_s"], frame["onset_in_s"])


def test_costs_count_what_a_tool_needs() -> None:
    own = {"start_cpu_s": 1.0, "prepare_cpu_s": 2.0, "peak_mib": 100.0}
    heard = {"prepare_cpu_s": 80.0, "peak_mib": 900.0}
    warp = {
        "start_cpu_s": 4.0, "prepare_cpu_s": 0.5, "peak_mib": 300.0,
        "conditions": [{"place_cpu_s": 3.0}],
    }  # fmt: skip
    costs = [{"place_cpu_s": 0.25}]
    total = measure._with_costs(own, costs, [heard, warp])
    assert total == {"start_cpu_s": 5.0, "prepare_cpu_s": 82.5, "peak_mib": 900.0}
    assert costs == [{"place_cpu_s": 3.25}]


def test_processor_time_and_peak_memory_are_those_of_the_work() -> None:
    measure.forget_peak()
    before = measure.peak_mib()
    _, cpu_s = measure._timed(lambda: np.ones(2**25).sum())  # 256 MiB
    assert 0 < cpu_s < 30
    assert measure.peak_mib() - before > 200


# --- Summary, tables, figure ---------------------------------------------------------------------


def toy_frame(method: str = "transkun") -> pd.DataFrame:
    """Return four played notes and two extra ones, of one recording, with known errors."""
    errors_s = np.array([0.004, 0.012, 0.012, 0.030])
    frame = pd.DataFrame(
        {
            "test_set": "test", "recording": "r", "performance": "p", "method": method,
            "condition": MISSING_EXTRA, "note_id": range(6), "pitch": 60, "velocity": 64,
            "onset_true_s": [1.0, 2.0, 3.0, 4.0, np.nan, np.nan],
            "onset_in_s": [1.0, 2.0, 3.0, 4.0, 1.5, 2.5],
            "confidence": np.float32(0.5), "placed": True,
            "is_extra": [False] * 4 + [True] * 2,
            "status": ["aligned", "aligned", "uncertain", "aligned", "not heard", "aligned"],
        }
    )  # fmt: skip
    frame["onset_s"] = frame["onset_true_s"].fillna(frame["onset_in_s"]) + [*errors_s, 0, 0]
    whole = frame[~frame["is_extra"]].assign(condition="note100", status="aligned")
    return pd.concat([frame, whole], ignore_index=True)


def toy_costs(method: str = "transkun") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "test_set": "test", "recording": "r", "method": method, "duration_s": 30.0,
            "start_cpu_s": 3.0, "prepare_cpu_s": 10.0, "peak_mib": 512.0,
            "condition": [MISSING_EXTRA, "note100"], "place_cpu_s": [5.0, 2.0], "failure": "",
        }
    )  # fmt: skip


def toy_field() -> pd.DataFrame:
    parts = [
        summarize(toy_frame(), toy_costs(), BOOTSTRAP, "transkun 2.0.1"),
        summarize(toy_frame("none"), toy_costs("none"), BOOTSTRAP),
        pd.DataFrame({"method": ["parangonar"], "not_run": ["parangonar is not installed"]}),
    ]
    return pd.concat(parts, ignore_index=True)


def test_summary_by_hand() -> None:
    rows = summarize(toy_frame(), toy_costs(), BOOTSTRAP).set_index(["condition", "calibrated"])
    raw, calibrated = rows.loc[(MISSING_EXTRA, False)], rows.loc[(MISSING_EXTRA, True)]
    assert raw["n_notes"] == 4
    assert [raw[f"acc_{ms}ms"] for ms in (5, 10, 25, 50)] == [0.25, 0.25, 0.75, 1.0]
    assert raw["median_abs_error_s"] == pytest.approx(0.012)
    # The median error of 12 ms removed: -8, 0, 0, 18.
    assert [calibrated[f"acc_{ms}ms"] for ms in (5, 10, 25)] == [0.5, 0.75, 1.0]
    assert raw["cpu_s_per_minute"] == pytest.approx(30.0)
    assert rows.loc[("note100", False), "cpu_s_per_minute"] == pytest.approx(24.0)
    assert (raw["extra_flagged"], raw["played_flagged"]) == (0.5, 0.25)
    assert summarize(toy_frame("none"), toy_costs("none"), BOOTSTRAP)["extra_flagged"].isna().all()


def test_offset_of_validation_and_sets_of_the_disklavier(monkeypatch) -> None:
    notes = toy_frame().query("condition == 'note100'").assign(test_set="ENSTDkCl")
    other = notes.assign(recording="s", performance="q", onset_s=notes["onset_s"] + 0.01)
    validation = notes.assign(test_set="validation", recording="v", performance="v")
    monkeypatch.setattr(summary, "DEVELOPMENT_RECORDINGS", ("s",))
    frame = pd.concat([notes, other, validation])
    whole, missing = whole_sets(frame, frame)
    assert whole["test_set"].value_counts().to_dict() == {
        "ENSTDkCl": 8, "disklavier": 8, "development": 4, "validation": 4,
    }  # fmt: skip
    assert missing == ""
    scores, each = readings(whole, BOOTSTRAP)
    assert scores["offset_s"].tolist() == pytest.approx([0.012] * len(scores))
    row = scores.set_index(["test_set", "offset"]).loc[("development", "validation")]
    # Errors of 14, 22, 22, 40 ms less 12.
    assert (row["acc_5ms"], row["acc_10ms"], row["acc_50ms"]) == (0.25, 0.75, 1.0)
    fewer, missing = whole_sets(notes, frame)
    assert fewer.empty
    assert missing.startswith("so far run on 1 of 2 recordings of ENSTDkCl, 0 of 1 recordings of")
    ours = each.assign(method="localizer", **{"acc_10ms": 1.0})
    rows = paired(pd.concat([each, ours]), BOOTSTRAP).set_index(
        ["test_set", "offset", "tolerance_ms"]
    )
    found = rows.loc[("ENSTDkCl", "raw", 10)]
    assert found["difference"] == pytest.approx(1 - 1 / 8)
    assert found["lo"] <= found["difference"] <= found["hi"]
    assert rows.loc[("ENSTDkCl", "oracle", 50), "difference"] == 0.0


def test_tables_and_their_missing_rows(tmp_path) -> None:
    pair = {"test_set": "test", "offset": "raw", "method": "localizer", "other": "transkun"}
    values = {"tolerance_ms": 10, "difference": -0.02, "lo": -0.05, "hi": 0.01}
    pd.DataFrame([pair | values]).to_csv(tmp_path / PAIRED, index=False)
    table = table7_field(toy_field(), read_paired(tmp_path / PAIRED))
    frame = table.frame().set_index("method")
    assert list(frame.index) == [*TOOLS, "localizer-transkun"]
    assert frame.loc["localizer-transkun", ["acc_10ms", "acc_10ms_lo"]].tolist() == [-2.0, -5.0]
    assert frame.loc["localizer-transkun", "acc_5ms"].startswith("–")
    assert frame.loc["transkun", "acc_25ms"] == 75.0
    assert frame.loc["transkun", "speed"] == 2.5
    assert frame.loc["transkun", "calibrated_acc_10ms"] == 75.0
    assert frame.loc["none", "speed"] == "–"
    assert frame.loc["parangonar", "acc_5ms"] == "not run: parangonar is not installed"
    assert "transkun 2.0.1" in table.markdown()
    assert "1 recordings with 4 notes" in table.notes[0]
    assert not any("error" in note for note in table.notes)
    failed = toy_field().assign(failures=2)
    assert any("Transkun + matching 4 times" in note for note in table7_field(failed).notes)

    frame = table7_extra(toy_field()).frame().set_index("method")
    assert frame.loc["transkun", "extra_flagged"] == 50.0
    assert frame.loc["transkun", "lost_10ms"] == 0.0
    assert frame.loc["none", "extra_flagged"].startswith("–")
    assert frame.loc["parangonar", "acc_10ms"] == "not run: parangonar is not installed"

    frame = table7_conditions(toy_field()).frame().set_index(["tolerance_ms", "method"])
    assert frame.loc[(50, "transkun"), "note100"] == 100.0
    assert frame.loc[(10, "transkun"), "tempo+20"].startswith("not run")


def test_figure_shows_every_tool_that_was_run() -> None:
    figure, data = figure4_field(toy_field())
    rows = data.set_index(["method", "calibrated"])
    assert rows.loc[("transkun", False), "speed"] == pytest.approx(2.5)
    assert rows.loc[("transkun", True), "accuracy"] == pytest.approx(75.0)
    assert np.isnan(rows.loc[("none", False), "speed"])
    assert "parangonar" not in data["method"].tolist()
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"


# --- Other people's tools, where they are installed ------------------------------------------


def test_cqt_dtw_finds_an_offset_and_a_tempo() -> None:
    from benchmarks.field import cqt_dtw

    rng = np.random.default_rng(3)
    notes = toy_notes(rng, 10.0)
    audio = cqt_dtw._synthesizer().render(notes, 10.0)
    align = cqt_dtw.prepare(audio)
    loose = notes.assign(
        onset_s=notes["onset_s"] * 1.1 + 1.0, offset_s=notes["offset_s"] * 1.1 + 1.0
    )
    error_s = align(loose).onset_s - notes["onset_s"].to_numpy()
    assert np.median(np.abs(error_s)) < 0.02
    assert np.mean(np.abs(error_s) < 0.05) > 0.9


def test_notes_are_warped_to_those_that_a_transcriber_heard() -> None:
    """At another tempo, with a tenth of them missing and as many that were never played."""
    rng = np.random.default_rng(5)
    notes = toy_notes(rng, 20.0)
    heard = pd.concat([notes.sample(frac=0.9, random_state=1), random_notes(1, len(notes) // 10)])
    heard = heard.assign(onset_s=heard["onset_s"] * 0.9 + 0.7)[["pitch", "onset_s"]]
    error_s = OnTranskun.place_on(heard)(notes).onset_s - (notes["onset_s"] * 0.9 + 0.7)
    assert np.mean(np.abs(error_s) < 0.04) > 0.95
    with pytest.raises(InputError, match="no notes were heard"):
        OnTranskun.place_on(heard.iloc[:0])


def test_the_combination_uses_what_the_transcriber_heard_alone(toy_project, monkeypatch) -> None:
    monkeypatch.setattr(field, "versions", lambda _: {"transkun": "1", "torch": "2"})
    params = load_params(toy_project.root)
    tasks = [
        field.field_tasks(toy_project, params, method, {"transkun": "1", "torch": "2"} | more)[0]
        for method, more in (("transkun", {}), ("synctoolbox_transkun", {"synctoolbox": "1"}))
    ]
    assert tasks[0].heard_path == tasks[1].heard_path
    assert tasks[0].path != tasks[1].path


@pytest.mark.parametrize(
    "method",
    ["parangonar", "basic_pitch", "transkun", "basic_pitch_score", "synctoolbox_basic_pitch"],
)
def test_peers_place_notes(method: str, tmp_path) -> None:
    for package in TOOLS[method].packages:
        if importlib.util.find_spec(package.replace("-", "_")) is None:
            pytest.skip(f"{package} is not installed (pip install .[peers])")
    rng = np.random.default_rng(4)
    notes = toy_notes(rng, 6.0)
    audio = toy_audio(notes, 6.0)
    tool = adapter(method, None, {})  # type: ignore[arg-type]
    placed = (tool.place_on(tool.hear(audio)) if hasattr(tool, "hear") else tool.prepare(audio))(
        notes
    )
    assert placed.onset_s.shape == (len(notes),)
    error_s = np.abs(placed.onset_s - notes["onset_s"].to_numpy())
    assert np.mean(error_s < 0.1) > 0.8
