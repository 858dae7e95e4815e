"""A data set in one command: stopped, killed and started again, it ends the same."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pretty_midi
import pytest
import soundfile as sf

from pianoalign_lib import cli
from pianoalign_lib.alignment_set import running
from pianoalign_lib.alignment_set.job import Task
from pianoalign_lib.alignment_set.pairs import Pair, read_pairs
from pianoalign_lib.common.errors import ConfigError, InputError, PianoAlignError

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
SECONDS = 8.0
ALONE = ["--workers", "1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pairs that fit, one that is damaged and one that is not there."""
    folder = tmp_path_factory.mktemp("set")
    audio, rate = sf.read(EXAMPLES / "recording.flac")
    (folder / "sounds" / "b").mkdir(parents=True)
    (folder / "scores" / "b").mkdir(parents=True)
    loose = pretty_midi.PrettyMIDI(str(EXAMPLES / "loose.mid"))
    for each in loose.instruments:
        each.notes = [note for note in each.notes if note.start < SECONDS - 2]
    for number, name in enumerate(("one", "b/two", "b/three")):
        cut = audio[: round((SECONDS + number / 10) * rate)]
        sf.write(folder / "sounds" / f"{name}.flac", cut, rate)
        loose.write(str(folder / "scores" / f"{name}.mid"))
    sf.write(folder / "sounds" / "silent.wav", np.zeros(rate), rate)
    shutil.copy(folder / "scores" / "one.mid", folder / "scores" / "silent.mid")
    shutil.copy(folder / "scores" / "one.mid", folder / "scores" / "alone.mid")
    with (folder / "pairs.csv").open("w") as file:
        file.write("recording,midi\n")
        for name in ("silent", "one", "b/two", "alone", "b/three"):
            suffix = "wav" if name == "silent" else "flac"
            file.write(f"sounds/{name}.{suffix},scores/{name}.mid\n")
    return folder


def without_times(path: Path) -> list[dict[str, str]]:
    """Return the rows of a summary without the one column that no two runs share."""
    rows = list(csv.DictReader(path.open(newline="")))
    assert all(float(row.pop("seconds")) >= 0 for row in rows if row["status"] != "not run")
    return rows


def run(*arguments: object) -> int:
    return cli.main(["align-set", *map(str, arguments)])


@pytest.fixture(scope="module")
def reference(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results of a run that nobody stopped."""
    out = tmp_path_factory.mktemp("reference") / "aligned"
    assert run(data / "pairs.csv", "--out", out, *ALONE) == 3
    return out


# --- which belong together ------------------------------------------------------------------------


def test_a_table_and_two_folders_give_the_same_pairs(data: Path) -> None:
    listed = {pair.name: pair for pair in read_pairs(data / "pairs.csv")}
    matched = {pair.name: pair for pair in read_pairs(data / "sounds", data / "scores")}
    assert set(listed) == set(matched) == {"one", "b/two", "b/three", "silent", "alone"}
    assert not matched.pop("alone").recording.exists() and listed.pop("alone")
    assert matched == listed


def test_names_of_results(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text("recording,midi\nx/a.wav,1.mid\nx/y/a.wav,2.mid\n")
    assert [pair.name for pair in read_pairs(table)] == ["a", "y/a"]
    table.write_text("name,midi,recording\n first , 1.mid,a.wav\nsecond,2.mid,a.wav\n")
    pairs = read_pairs(table)
    assert [pair.name for pair in pairs] == ["first ", "second"]
    assert pairs[1] == Pair("second", tmp_path / "a.wav", tmp_path / "2.mid")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("recording,midi\n", "holds no pairs"),
        ("", "no readable CSV file"),
        ("audio,midi\na.wav,a.mid\n", "no column recording"),
        ("recording,midi\na.wav,\n", "row 2 names no file"),
        ("recording,midi\na.wav,1.mid\na.flac,2.mid\n", "2 pairs would be written as 'a'"),
        ("recording,midi,name\na.wav,1.mid,../x\n", "'../x' is no name"),
        ("recording,midi,name\na.wav,1.mid,/x\n", "'/x' is no name"),
        ("recording,midi\na.wav,1.mid\na,b,c,d\n", "no readable CSV file"),
        ("recording,midi,name\na.wav,1.mid,x/\n", "'x/' is no name"),
        ("recording,midi\nManifest.wav,1.mid\n", "'Manifest' is no name"),
        ("recording,midi\na\0.wav,1.mid\n", "not in UTF-8"),
    ],
)
def test_tables_that_cannot_be_used(text: str, told: str, tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        read_pairs(table)
    assert str(table) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("separator", [",", ";", "\t", " , "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_tables_of_spreadsheets(encoding: str, separator: str, tmp_path: Path) -> None:
    rows = [("Recording", "MIDI"), ("ü, b.wav", "1.mid")]
    rows[1:] = [rows[1]] if separator in ";\t" else [("ü b.wav", "1.mid")]
    text = "\r\n".join(separator.join(row) for row in rows)
    (tmp_path / "pairs.csv").write_text(text, encoding=encoding)
    (pair,) = read_pairs(tmp_path / "pairs.csv")
    assert pair.recording.name.strip() == rows[1][0] and pair.midi == tmp_path / "1.mid"


def test_names_that_are_not_text(data: Path, tmp_path: Path, capsys) -> None:
    """Latin-1, from an old archive; before anything is aligned."""
    for folder, suffix in (("s", b"wav"), ("m", b"mid")):
        (tmp_path / folder).mkdir()
        Path(os.fsdecode(os.fsencode(tmp_path / folder) + b"/F\xfcr Elise." + suffix)).touch()
    assert run(tmp_path / "s", tmp_path / "m", "--out", tmp_path / "out") == 1
    assert "is not in UTF-8; rename the file" in capsys.readouterr().err
    (midi,) = (tmp_path / "m").iterdir()
    assert cli.main(["align", str(data / "x.wav"), str(midi), "-o", str(tmp_path / "a.mid")]) == 1
    assert "its name is not in UTF-8" in capsys.readouterr().err


def test_folders_that_cannot_be_used(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name the folder of MIDI files"):
        read_pairs(data)
    with pytest.raises(InputError, match="is no folder"):
        read_pairs(data / "sounds", tmp_path / "nothing")
    with pytest.raises(InputError, match="holds no pairs"):
        read_pairs(tmp_path, tmp_path)
    for suffix in ("wav", "mp3"):
        (tmp_path / f"a.{suffix}").touch()
    with pytest.raises(InputError, match="has the same name"):
        read_pairs(tmp_path, tmp_path)


# --- what comes out -------------------------------------------------------------------------------


def test_results_summary_and_manifest(data: Path, reference: Path) -> None:
    rows = {row["name"]: row for row in without_times(reference / "summary.csv")}
    assert list(rows) == ["silent", "one", "b/two", "alone", "b/three"]
    assert {name: row["status"] for name, row in rows.items()} == {
        "silent": "failed", "alone": "failed",
        "one": "aligned", "b/two": "aligned", "b/three": "aligned",
    }  # fmt: skip
    assert "is silent" in rows["silent"]["message"] and "no such file" in rows["alone"]["message"]
    notes = pd.read_csv(reference / "b" / "two.csv")
    assert int(rows["b/two"]["aligned"]) == (notes["status"] == "aligned").sum()
    assert float(rows["b/two"]["sure_share"]) == pytest.approx(
        (notes["status"] == "aligned").mean(), abs=1e-4
    )
    written = pretty_midi.PrettyMIDI(str(reference / "b" / "two.mid"))
    assert sum(len(each.notes) for each in written.instruments) == len(notes)
    manifest = json.loads((reference / "manifest.json").read_text())
    weights = ROOT / "pianoalign_lib" / "localizer" / "weights" / "localizer.onnx"
    assert manifest["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    for pair in manifest["pairs"]:
        if pair["status"] == "failed":
            assert not pair["results_sha256"] and not (reference / f"{pair['name']}.mid").exists()
            continue
        files = {reference / name: digest for name, digest in pair["results_sha256"].items()}
        assert len(files) == 2
        files |= {Path(pair[key]): pair[f"{key}_sha256"] for key in ("recording", "midi")}
        for path, digest in files.items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_the_page_shows_first_what_needs_a_human(reference: Path) -> None:
    text = (reference / "overview.html").read_text()
    places = [text.index(f">{name}<") for name in ("silent", "alone")]
    assert max(places) < min(text.index(f'href="{name}.mid"') for name in ("one", "b/two"))


def test_only_what_changed_is_done_again(data: Path, reference: Path, tmp_path: Path) -> None:
    inputs, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(data, inputs)
    shutil.copytree(reference, out)
    assert run(inputs / "pairs.csv", "--out", out, *ALONE) == 3  # other files: all of them
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json")}
    shutil.copy(inputs / "sounds" / "silent.wav", inputs / "sounds" / "one.flac")
    (out / "b" / "two.csv").unlink()
    leftover = out / "b" / ".two-abcdefgh.mid"
    leftover.touch()
    os.utime(leftover, (1e9, 1e9))
    assert run(inputs / "pairs.csv", "--out", out, *ALONE) == 3
    changed = {path for path, time_ns in before.items() if path.stat().st_mtime_ns != time_ns}
    assert changed == {out / "manifest.json", out / "one.json", out / "b" / "two.json"}
    assert not (out / "one.mid").exists() and not (out / "one.csv").exists()  # it is silent now
    assert (out / "b" / "two.csv").exists() and not leftover.exists()


def test_check_reads_headers_and_writes_nothing(data: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "scores" / "one.mid").write_bytes(b"MThd")
    out = tmp_path / "out"
    assert run(tmp_path / "data" / "pairs.csv", "--out", out, "--check") == 3
    printed = capsys.readouterr()
    assert "5 pairs: 2 files would fail" in printed.out and not out.exists()
    told = [line for line in printed.err.splitlines() if ": " in line and "checking" not in line]
    assert [line.split(":")[0] for line in told] == ["one", "alone"]


def test_choices_are_checked_before_the_work(data: Path, tmp_path: Path, capsys) -> None:
    for option in (["--workers", "0"], ["--notes", "xlsx"], ["--weights", "none"]):
        assert run(data / "pairs.csv", "--out", tmp_path / "out", *option) == 1
        assert option[1] in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


# --- stops and deaths -----------------------------------------------------------------------------


def start(data: Path, out: Path, workers: int = 1) -> subprocess.Popen:
    command = [sys.executable, "-m", "pianoalign_lib", "align-set", data / "pairs.csv"]
    return subprocess.Popen(
        [*map(str, command), "--out", str(out), "--workers", str(workers)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C for all of it
    )


def records(out: Path) -> list[Path]:
    """Return the records of the pairs that are finished."""
    return [path for path in out.rglob("[!.]*.json") if path.name != "manifest.json"]


def wait_for_records(out: Path, n_records: int, process: subprocess.Popen) -> None:
    """Wait for so many records, or for the end of the run: a fast machine may be done before."""
    end_s = time.monotonic() + 120
    while len(records(out)) < n_records and process.poll() is None and time.monotonic() < end_s:
        time.sleep(0.01)


def test_killed_at_random_moments_it_ends_the_same(
    data: Path, reference: Path, tmp_path: Path
) -> None:
    rng, out = np.random.default_rng(14), tmp_path / "out"
    kept: dict[Path, int] = {}
    for n_records in (1, 2):
        process = start(data, out)
        wait_for_records(out, n_records, process)
        time.sleep(rng.uniform(0.0, 0.5))
        process.kill()
        process.communicate()
        # What was finished before is not done again.
        assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in kept.items())
        kept = {path: path.stat().st_mtime_ns for path in records(out)}
        assert all(json.loads(path.read_text())["status"] for path in kept)  # none is half
    assert kept
    process = start(data, out)
    wait_for_records(out, len(kept) + 1, process)
    with suppress(ProcessLookupError):  # it may be done
        os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate()
    assert "Traceback" not in told
    if process.returncode == 130:  # else it was done before
        assert "stopped; the same command goes on" in told
    assert run(data / "pairs.csv", "--out", out, *ALONE) == 3
    assert without_times(out / "summary.csv") == without_times(reference / "summary.csv")
    assert (out / "manifest.json").read_bytes() == (reference / "manifest.json").read_bytes()
    names, expected = (
        sorted(path.relative_to(each) for path in each.rglob("*")) for each in (out, reference)
    )
    assert names == expected


def test_a_worker_of_dask_that_is_killed_loses_no_finished_pair(
    data: Path, reference: Path, tmp_path: Path
) -> None:
    """The run goes on by itself: another worker comes, and takes the pair that was begun."""
    psutil = pytest.importorskip("psutil")
    pytest.importorskip("distributed")
    out = tmp_path / "out"
    process = start(data, out, workers=2)
    wait_for_records(out, 1, process)
    kept = {path: path.stat().st_mtime_ns for path in records(out)}
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [each for each in children if "spawn_main" in " ".join(each.cmdline())]
    assert len(workers) == 2
    for worker in workers:  # whichever of them has the pair that is finished, and not yet told
        worker.kill()
    assert process.poll() is None and not (out / "summary.csv").exists()  # in the middle of it
    _, told = process.communicate(timeout=300)
    assert process.returncode == 3 and "Traceback" not in told
    assert kept and all(path.stat().st_mtime_ns == time_ns for path, time_ns in kept.items())
    assert without_times(out / "summary.csv") == without_times(reference / "summary.csv")
    assert (out / "manifest.json").read_bytes() == (reference / "manifest.json").read_bytes()


class Poison(Pair):
    """Ends the process that aligns it, as a defect of a library in C can."""

    def __getattribute__(self, name: str):
        if name == "recording" and multiprocessing.parent_process() is not None:
            os._exit(9)
        return super().__getattribute__(name)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_pair_that_kills_its_process_is_one_row(
    workers: int, data: Path, reference: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    import dask

    silent, one, two, *_ = read_pairs(data / "pairs.csv")
    poison = Poison("poison", one.recording, one.midi)
    more = [Pair(f"silent {k}", silent.recording, silent.midi) for k in range(3)]
    pairs = [one, poison, silent, two, *more]  # so many that Dask gives a worker one at a time
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):  # as it is: 3
        records = {each["name"]: each for each in running.run_pairs(pairs, Task(tmp_path), workers)}
    assert set(records) == {pair.name for pair in pairs}
    assert records["poison"]["status"] == "failed" and "killed" in records["poison"]["message"]
    assert not (tmp_path / "poison.json").exists()  # so that it is tried again
    assert "is silent" in records["silent"]["message"]
    assert [records[name]["status"] for name in ("one", "b/two")] == ["aligned"] * 2
    assert (tmp_path / "one.csv").read_bytes() == (reference / "one.csv").read_bytes()


def test_without_dask_one_goes_after_the_other(monkeypatch, data: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(running, "find_spec", lambda name: None)
    assert running.default_workers() == 1
    pairs = read_pairs(data / "pairs.csv")
    for options in ({"workers": 2}, {"scheduler": "tcp://127.0.0.1:1"}):
        with pytest.raises(ConfigError, match=r"pip install 'pianoalign\[cluster\]'"):
            running.run_pairs(pairs, Task(tmp_path), **options)


@pytest.mark.skipif(not importlib.util.find_spec("distributed"), reason="needs Dask")
def test_a_scheduler_that_is_not_there(monkeypatch, data: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(running, "PATIENCE", "1s")
    pairs = read_pairs(data / "pairs.csv")
    with pytest.raises(PianoAlignError, match="tcp://127.0.0.1:1: the scheduler cannot be reached"):
        list(running.run_pairs(pairs, Task(tmp_path), scheduler="tcp://127.0.0.1:1"))
