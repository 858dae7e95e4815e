"""Real-time factor and peak memory of features, CRNN and DTW, side by side on one recording.

    python benchmarks/realtime.py [--recording NAME] [--rounds 3]

Each part runs in a process of its own with one thread, warmed up once on the first ten seconds (the
first call of librosa and of Sync Toolbox compiles for seconds); the parts take turns, round by
round, and the median is printed. A real-time factor of 100 means a minute of audio in 0.6 s. Peak
memory is that of the whole process, Python and PyTorch included. Only ratios within one run mean
anything.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

PARTS = ("log_cqt", "log_mel", "crnn", "dtw_features", "dtw")


def measure(part: str, recording_name: str) -> dict[str, float]:
    """Run one part once and return its seconds, the audio's length and the peak memory."""
    import torch

    from pianoalign_lib.common.config import corpus_paths, load_params
    from pianoalign_lib.corpora.recordings import load_recording, read_index
    from pianoalign_lib.corpora.timing_errors import loose_notes

    torch.set_num_threads(1)
    paths, params = corpus_paths("demo"), load_params()
    folder = paths.split("eval")
    recording = next(
        item for item in read_index(folder, split="test") if item.recording == recording_name
    )
    audio, notes = load_recording(folder, recording)
    loose = loose_notes(notes, "note100", recording.recording, params)
    job = _job(part, paths, params)
    job(audio[: 10 * 16_000], loose[loose["onset_s"] < 8.0])
    started = time.perf_counter()
    job(audio, loose)
    seconds = time.perf_counter() - started
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "audio_s": recording.duration_s, "peak_mib": peak_mib}


def _job(part: str, paths, params):
    from pianoalign_lib.crnn.features import compute_features
    from pianoalign_lib.methods.dtw import audio_features
    from pianoalign_lib.methods.placing import prepare

    if part in ("log_cqt", "log_mel"):
        return lambda audio, _: compute_features(audio, part, 100)
    if part == "dtw_features":
        return lambda audio, _: audio_features(audio)
    return lambda audio, notes: prepare(part, audio, paths, params)(notes)


def main() -> None:
    """Measure every part in turn and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recording", default="m03-0000_iowa")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(measure(arguments.part, arguments.recording)))
        return
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    runs: dict[str, list[dict[str, float]]] = {part: [] for part in PARTS}
    for _ in range(arguments.rounds):
        for part in PARTS:
            command = [sys.executable, __file__, "--part", part, "--recording", arguments.recording]
            done = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            runs[part].append(json.loads(done.stdout.splitlines()[-1]))
    audio_s = runs["crnn"][0]["audio_s"]
    print(f"{arguments.recording}, {audio_s:.0f} s of audio, median of {arguments.rounds} rounds")
    print(f"{'part':<14}{'seconds':>9}{'x real time':>13}{'peak MiB':>10}{'time / crnn':>13}")
    base = statistics.median(run["seconds"] for run in runs["crnn"])
    for part, results in runs.items():
        seconds = statistics.median(run["seconds"] for run in results)
        peak_mib = max(run["peak_mib"] for run in results)
        ratio = seconds / base
        print(f"{part:<14}{seconds:>9.2f}{audio_s / seconds:>13.0f}{peak_mib:>10.0f}{ratio:>13.2f}")


if __name__ == "__main__":
    main()
