"""Run the command on a set, kill it or what it runs on, and measure."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

TARGETS = ("command", "worker", "scheduler")
BUSY_MIB = 100  # a worker that has begun to align has more
POLL_S = 0.2
STARTED_S = 60.0
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Cluster:
    """A scheduler of Dask and its workers, on this machine, each a process of its own."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start, and wait until the scheduler answers."""
        program = [sys.executable, "-m", "dask"]
        told = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = psutil.Popen([*program, "scheduler", *told], **QUIET)
        end_s = time.monotonic() + STARTED_S
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                break
            time.sleep(POLL_S)
        told = [self.address, "--nworkers", str(self.workers), "--nthreads", "1", "--no-dashboard"]
        self.nannies = psutil.Popen([*program, "worker", *told], **QUIET)

    def processes(self) -> list[psutil.Process]:
        return [self.scheduler, *_family(self.nannies)]

    def busy_workers(self) -> list[psutil.Process]:
        """Return the processes that align."""
        return [each for each in _family(self.nannies)[1:] if _rss_mib(each) > BUSY_MIB]

    def stop(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.scheduler.wait()
        self.nannies.wait()


class Meter:
    """CPU seconds and memory of processes that come and go, and what else the machine does."""

    def __init__(self) -> None:
        self.begin_s, self.others = time.monotonic(), _busy_s()
        self.cpu_s: dict[tuple[int, float], float] = {}
        self.peak_mib = 0.0

    def look(self, processes: list[psutil.Process]) -> None:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self.cpu_s[process.pid, process.create_time()] = times.user + times.system
                self.peak_mib = max(self.peak_mib, _rss_mib(process))

    def told(self, n_pairs: int) -> dict:
        seconds, cpu_s = time.monotonic() - self.begin_s, sum(self.cpu_s.values())
        return {
            "seconds": round(seconds, 1),
            "cpu_seconds": round(cpu_s, 1),
            "pairs_per_hour": round(3600 * n_pairs / seconds),
            "cores_used": round(cpu_s / seconds, 2),
            "cores_used_by_others": round(max(_busy_s() - self.others - cpu_s, 0) / seconds, 2),
            "cores": os.cpu_count(),
            "largest_process_mib": round(self.peak_mib),
        }


def run(folder: Path, out: Path, workers: int, kills: int, seed: int = 1) -> dict:
    """Run the command to its end, killing `kills` times, and write beside `out` what was measured.

    Parameters
    ----------
    folder
        What :func:`~.making.make` wrote.
    out
        Where the results go; ``<out>.run.json`` gets the measurements.
    workers
        Processes that align.
    kills
        How often the command, a worker or the scheduler is killed and started again, after random
        numbers of finished pairs and a random moment more.
    """
    rng, n_pairs = np.random.default_rng(seed), len(pd.read_csv(folder / "pairs.csv"))
    moments = sorted(rng.integers(5, n_pairs - 5, kills).tolist())
    victims = rng.permutation(np.resize(TARGETS, kills)).tolist()
    cluster = Cluster(workers) if kills else None
    where = ["--scheduler", cluster.address] if cluster else ["--workers", str(workers)]
    command = [sys.executable, "-m", "pianoalign_lib", "align-set", str(folder / "pairs.csv")]
    meter, starts, killed = Meter(), 0, dict.fromkeys(TARGETS, 0)
    while True:
        starts += 1
        process = psutil.Popen([*command, "--out", str(out), *where], **QUIET)
        while process.poll() is None:
            meter.look([*_family(process), *(cluster.processes() if cluster else [])])
            if cluster and moments and _finished(out) >= moments[0]:
                del moments[0]
                time.sleep(float(rng.uniform(0.0, 1.0)))
                killed[victims[-1]] += 1
                _kill(victims.pop(), process, cluster, rng)
            time.sleep(POLL_S)
        if process.returncode in (0, 3):
            break
    told = {"run": out.name, "pairs": n_pairs, "workers": workers, "starts": starts}
    told |= {f"kills_{name}": count for name, count in killed.items()} | meter.told(n_pairs)
    if cluster:
        cluster.stop()
    out.with_suffix(".run.json").write_text(json.dumps(told, indent=1) + "\n")
    return told


def _kill(target: str, command: psutil.Popen, cluster: Cluster, rng: np.random.Generator) -> None:
    """Kill one process as ``kill -9`` does; a worker's nanny starts another."""
    if target == "scheduler":
        cluster.scheduler.kill()
        command.wait(STARTED_S)  # which ends with a line; workers may
        cluster.stop()
        cluster.start()
    elif target == "command":
        command.kill()
    else:
        while not (busy := cluster.busy_workers()):
            time.sleep(POLL_S)
        busy[rng.integers(len(busy))].kill()


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _rss_mib(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def _busy_s() -> float:
    """Return the seconds that all cores of this machine have worked."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - getattr(times, "guest", 0.0)


def _finished(out: Path) -> int:
    return sum(1 for _ in out.glob("*.json")) if out.exists() else 0
