"""A data set through ``pianoalign align-set``: speed, memory, one end however often it is killed.

    python -m benchmarks.align_set make set/ --pairs 1000      # from demo and, where it is, MAPS
    python -m benchmarks.align_set run set/ --out whole/ --workers 2
    python -m benchmarks.align_set run set/ --out killed/ --workers 2 --kills 10
    python -m benchmarks.align_set compare set/ whole/ killed/

Pairs are excerpts of test recordings: loose, cut, transposed, detuned, at other tempos; one of
twenty is damaged. `run` kills the command or one of its workers at random moments and starts it
again.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import soundfile as sf

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.corpora.recordings import load_recording, read_index
from pianoalign_lib.corpora.timing_errors import Condition, perturb
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.midi_score import read_midi_score
from pianoalign_lib.io.notes import write_midi

LOOSE = Condition("loose", note_ms=80)
KINDS = ("loose", "tempo", "cut", "transposed", "detuned")
DAMAGES = ("silent", "cut-off MIDI", "web page", "no recording", "no MIDI notes")
DAMAGED_EVERY = 20
LEAST_NOTES = 20
WRONG_S = 0.1


def make(folder: Path, n_pairs: int, seconds: tuple[float, float], seed: int = 14) -> None:
    """Write `n_pairs` recordings and MIDI files, the table of pairs, and what is true of them."""
    rng = np.random.default_rng(seed)
    pool = []
    for corpus in ("demo", "maps"):
        part = corpus_paths(corpus).split("eval")
        if (part / "recordings.csv").exists():
            pool += [(part, item) for item in read_index(part, split="test")]
    (folder / "in").mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    while len(rows) < n_pairs:
        part, item = pool[rng.integers(len(pool))]
        samples, notes = load_recording(part, item)
        for _ in range(min(25, n_pairs - len(rows))):  # reading one takes longer than cutting it
            length_s = float(rng.uniform(*seconds))
            begin_s = float(rng.uniform(0.0, max(len(samples) / SAMPLE_RATE - length_s, 0.1)))
            inside = notes[notes["onset_s"].between(begin_s + 0.1, begin_s + length_s - 0.5)]
            if len(inside) < LEAST_NOTES:
                continue
            shifted = inside.assign(
                onset_s=inside["onset_s"] - begin_s,
                offset_s=np.minimum(inside["offset_s"] - begin_s, length_s),
            ).reset_index(drop=True)
            first = round(begin_s * SAMPLE_RATE)
            audio = samples[first : first + round(length_s * SAMPLE_RATE)]
            rows.append(_pair(folder, len(rows), audio, shifted, rng))
    table = pd.DataFrame(rows)
    table[["recording", "midi", "name"]].to_csv(folder / "pairs.csv", index=False)
    table.to_csv(folder / "made.csv", index=False)


def _pair(folder: Path, number: int, audio: np.ndarray, notes: pd.DataFrame, rng) -> dict:
    name = f"{number:04d}"
    kind = KINDS[number % len(KINDS)]
    rate, kept = SAMPLE_RATE, np.arange(len(notes))
    loose = perturb(notes, LOOSE, rng)
    if kind == "tempo":
        factor = float(np.exp(rng.uniform(np.log(0.5), np.log(2.0))))
        loose = loose.assign(onset_s=loose["onset_s"] * factor, offset_s=loose["offset_s"] * factor)
    elif kind == "cut":
        kept = np.flatnonzero(rng.random(len(loose)) > 0.1)
        loose = loose.iloc[kept].reset_index(drop=True)
    elif kind == "transposed":
        low, high = max(-4, 21 - loose["pitch"].min()), min(4, 108 - loose["pitch"].max())
        loose = loose.assign(pitch=loose["pitch"] + int(rng.integers(low, high + 1)))
    elif kind == "detuned":
        rate = round(SAMPLE_RATE * 2 ** (float(rng.uniform(-0.8, 0.8)) / 12))
    recording, midi = folder / "in" / f"{name}.flac", folder / "in" / f"{name}.mid"
    damage = ""
    if number % DAMAGED_EVERY == DAMAGED_EVERY - 1:
        damage = DAMAGES[number // DAMAGED_EVERY % len(DAMAGES)]
    write_midi(loose if damage != "no MIDI notes" else loose.assign(pitch=110), midi)
    true_s = notes["onset_s"].to_numpy()[kept] * SAMPLE_RATE / rate
    _in_the_order_of(midi, loose, true_s).to_csv(folder / "in" / f"{name}.true.csv", index=False)
    sf.write(recording, audio * (damage != "silent"), rate, subtype="PCM_16")
    if damage == "cut-off MIDI":
        midi.write_bytes(midi.read_bytes()[:40])
    elif damage == "web page":
        recording.write_text("<html><body>404: not found</body></html>")
    elif damage == "no recording":
        recording.unlink()
    return {
        "name": name, "recording": f"in/{name}.flac", "midi": f"in/{name}.mid",
        "kind": kind, "damage": damage, "notes": len(loose),
    }  # fmt: skip


def _in_the_order_of(midi: Path, loose: pd.DataFrame, true_s: np.ndarray) -> pd.DataFrame:
    """Return the true onsets as the notes of a MIDI file are counted: by key, then by time."""
    written = read_midi_score(midi).notes
    order = np.lexsort((loose["onset_s"], loose["pitch"]))
    place = np.lexsort((written["onset_s"], written["pitch"]))
    onset_s = np.empty(len(written))
    onset_s[place] = true_s[order]
    return pd.DataFrame({"pitch": written["pitch"], "onset_s": onset_s})


def run(folder: Path, out: Path, workers: int, kills: int, seed: int = 1) -> dict:
    """Run the command to its end, killing it `kills` times, and return what was measured."""
    rng, n_pairs = np.random.default_rng(seed), len(pd.read_csv(folder / "pairs.csv"))
    # At random numbers of finished pairs, and a random moment after each.
    moments = sorted(rng.integers(5, n_pairs - 5, kills).tolist())
    told: dict = {"pairs": n_pairs, "workers": workers, "kills": {"command": 0, "worker": 0}}
    peak_mib, begin_s, starts = 0.0, time.monotonic(), 0
    while True:
        starts += 1
        command = [sys.executable, "-m", "pianoalign_lib", "align-set", str(folder / "pairs.csv")]
        process = psutil.Popen(
            [*command, "--out", str(out), "--workers", str(workers)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while process.poll() is None:
            children = process.children(recursive=True)
            peak_mib = max([peak_mib, *(_rss_mib(each) for each in children)])
            if moments and _finished(out) >= moments[0]:
                moments.pop(0)
                time.sleep(float(rng.uniform(0.0, 1.0)))
                busy = [each for each in children if _rss_mib(each) > 100]
                target = "worker" if busy and rng.random() < 0.5 else "command"
                victim = busy[rng.integers(len(busy))] if target == "worker" else process
                told["kills"][target] += 1
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.kill()
            time.sleep(0.3)
        if process.returncode in (0, 3):
            break
    seconds = time.monotonic() - begin_s
    return told | {
        "starts": starts, "seconds": round(seconds, 1),
        "pairs_per_hour": round(3600 * n_pairs / seconds),
        "largest_process_mib": round(peak_mib),
    }  # fmt: skip


def _finished(out: Path) -> int:
    return sum(1 for _ in out.glob("*.json")) if out.exists() else 0


def _rss_mib(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def compare(folder: Path, outs: list[Path]) -> dict:
    """Return whether the summaries are the same but for seconds, and how right the first is."""
    texts = [_without_seconds(out / "summary.csv") for out in outs]
    names = [sorted(str(each.relative_to(out)) for each in out.rglob("*")) for out in outs]
    manifests = [(out / "manifest.json").read_bytes() for out in outs]
    made = pd.read_csv(folder / "made.csv", dtype={"name": str}, keep_default_na=False)
    summary = pd.read_csv(outs[0] / "summary.csv", dtype={"name": str})
    both = made.merge(summary[["name", "status", "message"]], on="name")
    is_good = both["damage"] == ""
    wrong = known = 0
    for name in both.loc[is_good & (both["status"] != "failed"), "name"]:
        found = pd.read_csv(outs[0] / f"{name}.csv")
        true = pd.read_csv(folder / "in" / f"{name}.true.csv")
        assert len(found) == len(true) and (found["pitch"] == true["pitch"]).all()
        error_s = (found["onset_s"] - true["onset_s"]).abs()[found["status"] == "aligned"]
        known, wrong = known + len(error_s), wrong + int((error_s > WRONG_S).sum())
    return {
        "summaries_same": len(set(texts)) == 1,
        "manifests_same": len(set(manifests)) == 1,
        "files_same": all(each == names[0] for each in names),
        "good_by_status": both[is_good].groupby(["kind", "status"]).size().unstack(fill_value=0)
        .to_dict("index"),
        "damaged_by_status": both[~is_good].groupby(["damage", "status"]).size()
        .unstack(fill_value=0).to_dict("index"),
        "called_aligned": known,
        "of_these_over_100_ms_off": wrong,
    }  # fmt: skip


def _without_seconds(path: Path) -> str:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    return json.dumps(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    steps = parser.add_subparsers(required=True, dest="step")
    step = steps.add_parser("make")
    step.add_argument("folder", type=Path)
    step.add_argument("--pairs", type=int, default=1000)
    step.add_argument("--seconds", type=float, nargs=2, default=(10.0, 15.0))
    step = steps.add_parser("run")
    step.add_argument("folder", type=Path)
    step.add_argument("--out", type=Path, required=True)
    step.add_argument("--workers", type=int, default=2)
    step.add_argument("--kills", type=int, default=0)
    step = steps.add_parser("compare")
    step.add_argument("folder", type=Path)
    step.add_argument("outs", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.step == "make":
        make(arguments.folder, arguments.pairs, tuple(arguments.seconds))
        return
    if arguments.step == "run":
        told = run(arguments.folder, arguments.out, arguments.workers, arguments.kills)
    else:
        told = compare(arguments.folder, arguments.outs)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
