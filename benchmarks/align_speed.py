"""Speed and memory of `pianoalign align`, from file to file, against the length of the recording.

    python benchmarks/align_speed.py [--minutes 1 10 60 180]

The recording is the demo corpus's test part end to end, repeated as needed; the MIDI file has each
note off by up to 100 ms. Each run is a fresh process with one thread, so that imports count.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.corpora.recordings import load_recording, read_index
from pianoalign_lib.corpora.timing_errors import Condition, perturb
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import write_midi


def make_input(folder: Path, minutes: float) -> tuple[Path, Path, int]:
    """Write a recording of about `minutes` and its loose MIDI file."""
    part = corpus_paths("demo").split("eval")
    items = [item for item in read_index(part, split="test") if item.test_set == "test"]
    audio_path, midi_path = folder / f"{minutes:g}.flac", folder / f"{minutes:g}.mid"
    tables, start_s, index = [], 0.0, 0
    with sf.SoundFile(audio_path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        while left := round((60 * minutes - start_s) * SAMPLE_RATE):
            audio, notes = load_recording(part, items[index % len(items)])
            audio = audio[:left]
            file.write(audio)
            length_s = len(audio) / SAMPLE_RATE
            notes = notes[notes["onset_s"] < length_s - 0.5]
            tables.append(
                notes.assign(
                    onset_s=notes["onset_s"] + start_s,
                    offset_s=np.minimum(notes["offset_s"], length_s) + start_s,
                )
            )
            start_s, index = start_s + length_s, index + 1
    notes = pd.concat(tables, ignore_index=True)
    write_midi(perturb(notes, Condition("loose", note_ms=100), np.random.default_rng(1)), midi_path)
    return audio_path, midi_path, len(notes)


def measure(audio: Path, midi: Path, out: Path) -> tuple[float, float, float]:
    """Return wall and CPU seconds and the peak memory in MiB of one command."""
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [
        sys.executable,
        "-m",
        "pianoalign_lib",
        "align",
        str(audio),
        str(midi),
        "-o",
        str(out),
    ]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | one, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"align failed on {audio}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60, 180])
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("minutes  notes    wall s   CPU s   x real time (CPU)  peak MiB")
    with tempfile.TemporaryDirectory() as name:
        for minutes in arguments.minutes:
            audio, midi, n_notes = make_input(Path(name), minutes)
            wall_s, cpu_s, peak = measure(audio, midi, Path(name) / "out.mid")
            speed = 60 * minutes / cpu_s
            print(
                f"{minutes:7g} {n_notes:6d} {wall_s:9.1f} {cpu_s:7.1f} {speed:16.0f} {peak:12.0f}"
            )
            audio.unlink()


if __name__ == "__main__":
    main()
