"""Fetching MAPS from a mirror that fails in every way a server can; never from the internet."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np
import pytest

from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.corpora.maps import fetch
from pianoalign_lib.corpora.sources import git_blob_id

FLAC, TSV = "flac/MAPS_MUS-a_b.flac", "tsv/MAPS_MUS-a_b.tsv"


class Server(ThreadingHTTPServer):
    """Serves `files`; `faults` is a list of what goes wrong, one entry per request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        rng = np.random.default_rng(0)
        self.files = {FLAC: rng.bytes(300_000), TSV: b"# onset\n0.5\t1.0\t60\t64\n"}
        self.faults: list[str] = []
        self.requests: list[list] = []  # path, Range, bytes sent
        self.ranges = True
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        # A proxy is asked for the whole address.
        name = urlsplit(self.path).path.lstrip("/")
        body, asked = self.server.files.get(name), self.headers.get("Range")
        faults = self.server.faults if name == FLAC else []
        fault = faults.pop(0) if faults else ""
        # Noted before the answer: the client may be done before this thread is.
        note = [name, asked, 0]
        self.server.requests.append(note)
        if body is None or fault.isdigit():
            self.send_error(int(fault or 404))
            return
        first = int(asked[6:-1]) if asked and self.server.ranges else 0
        if first and first >= len(body):
            self.send_error(416)
            return
        rest = b"x" * len(body) if fault == "wrong" else body[first:]
        self.send_response(206 if first else 200)
        if fault != "no length":
            self.send_header("Content-Length", str(len(rest)))
        if first:
            told = 0 if fault == "other part" else first
            self.send_header("Content-Range", f"bytes {told}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        pieces = {
            "cut": [100_000],
            "no length": [100_000],
            "stalled": [1000],
            "slow": [30_000] * 10,
        }
        for size in pieces.get(fault, [len(rest)]):
            note[2] += len(rest[:size])
            self.wfile.write(rest[:size])
            rest = rest[size:]
            if fault == "stalled":
                self.server.release.wait(20)
            elif fault == "slow":
                time.sleep(0.1)

    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    """Return a running mirror of two files, which are all that is wanted."""
    found = Server()
    threading.Thread(target=found.serve_forever, daemon=True).start()
    monkeypatch.setattr(
        fetch, "wanted", lambda: {name: blob(data) for name, data in Server().files.items()}
    )
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield found
    found.release.set()
    found.shutdown()


def blob(data: bytes) -> str:
    command = ["git", "hash-object", "--stdin"]
    return (
        subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode().strip()
    )


def run(server: Server, target, pauses_s=(0.01, 0.01, 0.01), timeout_s=5.0) -> None:
    mirror = fetch.Mirror(server.url, timeout_s=timeout_s, pauses_s=pauses_s)
    fetch.fetch_maps(target, jobs=2, mirror=mirror)


def assert_whole(server: Server, target) -> None:
    for name, data in server.files.items():
        assert (target / name).read_bytes() == data
    assert list(target.rglob("*.part")) == []


def test_the_blob_id_is_that_of_git(tmp_path):
    for data in (b"", b"abc\n", np.random.default_rng(1).bytes(200_000)):
        path = tmp_path / "file"
        path.write_bytes(data)
        assert git_blob_id(path) == blob(data)


def test_every_listed_recording_is_wanted_with_its_labels():
    files = fetch.wanted()
    assert len(files) == 2 * 154
    assert all(
        len(value) == 40 and set(value) <= set("0123456789abcdef") for value in files.values()
    )
    stems = [{name[5:-5] for name in files if name.startswith("flac/")},
             {name[4:-4] for name in files if name.startswith("tsv/")}]  # fmt: skip
    assert stems[0] == stems[1]


def test_files_are_fetched_and_whole_ones_are_not_fetched_again(server, tmp_path):
    run(server, tmp_path)
    assert_whole(server, tmp_path)
    (tmp_path / TSV).write_bytes(b"spoilt")
    server.requests.clear()
    run(server, tmp_path)
    assert [name for name, _, _ in server.requests] == [TSV]
    assert_whole(server, tmp_path)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_connection_is_gone_on_with(server, tmp_path, ranges):
    server.faults, server.ranges = ["cut"], ranges
    run(server, tmp_path)
    assert_whole(server, tmp_path)
    first, second = [request for request in server.requests if request[0] == FLAC]
    assert first[1:] == [None, 100_000]
    assert second[1:] == ["bytes=100000-", 200_000 if ranges else 300_000]


def test_a_stopped_run_leaves_no_half_file_under_a_files_name_and_goes_on(server, tmp_path):
    server.faults = ["cut"]
    with pytest.raises(CorpusError, match="cut off after 100000 bytes"):
        run(server, tmp_path, pauses_s=())
    assert not (tmp_path / FLAC).exists()
    server.requests.clear()
    run(server, tmp_path)
    assert [FLAC, "bytes=100000-", 200_000] in server.requests
    assert_whole(server, tmp_path)


def test_a_part_file_of_other_contents_is_given_up(server, tmp_path):
    part = tmp_path / f"{FLAC}.part"
    part.parent.mkdir()
    part.write_bytes(b"y" * 1234)
    run(server, tmp_path)
    assert_whole(server, tmp_path)


def test_a_part_file_longer_than_the_file_is_given_up(server, tmp_path):
    part = tmp_path / f"{FLAC}.part"
    part.parent.mkdir()
    part.write_bytes(b"y" * 400_000)
    run(server, tmp_path)
    flac = [request for request in server.requests if request[0] == FLAC]
    assert flac == [[FLAC, "bytes=400000-", 0], [FLAC, None, 300_000]]
    assert_whole(server, tmp_path)


def test_wrong_contents_never_get_the_files_name(server, tmp_path):
    server.faults = ["wrong"]
    run(server, tmp_path)
    assert_whole(server, tmp_path)
    (tmp_path / FLAC).unlink()
    server.faults = ["wrong"] * 9
    with pytest.raises(CorpusError, match=r"a_b\.flac: .* not the pinned ones"):
        run(server, tmp_path)
    assert not (tmp_path / FLAC).exists() and not list(tmp_path.rglob("*.part"))


def test_a_server_in_trouble_is_asked_again_and_a_missing_file_is_not(server, tmp_path):
    server.faults = ["500", "503"]
    run(server, tmp_path)
    assert_whole(server, tmp_path)
    (tmp_path / FLAC).unlink()
    server.requests.clear()
    server.faults = ["404"]
    words = r"a_b\.flac: cannot be fetched .*404 Not Found.*put the folders flac and tsv of"
    with pytest.raises(CorpusError, match=words) as caught:
        run(server, tmp_path, pauses_s=(30.0,))
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1


def test_a_stalled_server_is_left_and_asked_again(server, tmp_path):
    server.faults = ["stalled"]
    run(server, tmp_path, timeout_s=0.3)
    assert_whole(server, tmp_path)
    assert [FLAC, "bytes=1000-", 299_000] in server.requests


def test_a_server_that_always_stalls_is_given_up(server, tmp_path):
    server.faults = ["stalled"] * 9
    begin = time.monotonic()
    with pytest.raises(CorpusError, match=r"a_b\.flac: cannot be fetched .*timed out"):
        run(server, tmp_path, timeout_s=0.2)
    assert time.monotonic() - begin < 10
    assert len([name for name, *_ in server.requests if name == FLAC]) == 4


def test_a_slow_server_is_waited_for(server, tmp_path):
    server.faults = ["slow"]
    begin = time.monotonic()
    run(server, tmp_path, timeout_s=0.5)
    assert time.monotonic() - begin > 0.8  # longer than the limit for a single byte
    assert_whole(server, tmp_path)
    assert len(server.requests) == 2


def test_attempts_that_bring_something_do_not_count(server, tmp_path):
    server.faults = ["cut", "cut"]
    run(server, tmp_path, pauses_s=(0.01,))
    assert_whole(server, tmp_path)
    assert [sent for name, _, sent in server.requests if name == FLAC] == [100_000] * 3


def test_half_a_file_whose_length_nobody_said_is_not_taken_for_whole(server, tmp_path):
    server.faults = ["no length"]
    run(server, tmp_path)
    assert_whole(server, tmp_path)


def test_a_part_that_was_not_asked_for_is_not_appended(server, tmp_path):
    server.faults = ["cut", "other part"]
    run(server, tmp_path)
    assert_whole(server, tmp_path)
    assert [asked for name, asked, _ in server.requests if name == FLAC][2] is None


def test_a_part_file_that_is_whole_needs_no_server(server, tmp_path):
    for name, data in server.files.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / f"{name}.part").write_bytes(data)
    run(server, tmp_path)
    assert_whole(server, tmp_path)
    assert server.requests == []


def test_without_a_network_one_line_says_so_at_once(server, tmp_path):
    server.shutdown()
    server.server_close()
    begin = time.monotonic()
    words = r"127\.0\.0\.1:\d+: cannot be reached .*offline.*run the command again.*put the folders"
    with pytest.raises(CorpusError, match=words) as caught:
        run(server, tmp_path, pauses_s=(30.0,))
    assert time.monotonic() - begin < 5
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
    assert not (tmp_path / FLAC).exists()


def test_a_network_that_goes_away_is_waited_for_a_little(server, tmp_path, monkeypatch):
    """Once the mirror was reached, a refused connection is no verdict."""
    server.faults = ["500"]
    wait, waits = threading.Event.wait, []

    def close_meanwhile(event, timeout=None):
        if timeout in (0.01, 0.02):
            waits.append(timeout)
            server.shutdown()
            server.server_close()
        return wait(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", close_meanwhile)
    monkeypatch.setattr(fetch, "wanted", lambda: {FLAC: blob(server.files[FLAC])})
    with pytest.raises(CorpusError, match=r"a_b\.flac: cannot be fetched .*refused"):
        run(server, tmp_path, pauses_s=(0.01, 0.02))
    assert waits == [0.01, 0.02]


def test_proxies_of_the_environment_are_used(server, tmp_path, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    mirror = fetch.Mirror("http://mirror.invalid", timeout_s=5.0, pauses_s=())
    fetch.fetch_maps(tmp_path, mirror=mirror)
    assert_whole(server, tmp_path)


def test_a_disk_that_is_full_or_closed_is_one_line(server, tmp_path):
    (tmp_path / "flac").write_text("a file, not a folder")
    with pytest.raises(CorpusError, match=r"a_b\.flac: cannot be written \(.*; check the disk"):
        run(server, tmp_path, pauses_s=(30.0,))
    (tmp_path / "flac").unlink()
    (tmp_path / "flac").mkdir()
    if sys.platform == "linux":
        (tmp_path / f"{FLAC}.part").symlink_to("/dev/full")
        with pytest.raises(CorpusError, match="No space left on device"):
            run(server, tmp_path, pauses_s=(30.0,))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_it_at_once_and_the_next_run_goes_on(server, tmp_path):
    server.faults = ["stalled"]
    wanted = {name: blob(data) for name, data in server.files.items()}
    code = f"""
import json
from pathlib import Path
from pianoalign_lib.corpora.maps import fetch
fetch.wanted = lambda: json.loads({json.dumps(json.dumps(wanted))})
fetch.fetch_maps(Path({str(tmp_path)!r}), mirror=fetch.Mirror({server.url!r}, timeout_s=60.0))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE,
        # A test run that was itself started in the background ignores SIGINT, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    part = tmp_path / f"{FLAC}.part"
    deadline = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size == 1000 and (tmp_path / TSV).exists()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=10)
    assert process.returncode and b"KeyboardInterrupt" in text
    run(server, tmp_path)
    assert server.requests[-1] == [FLAC, "bytes=1000-", 299_000]
    assert_whole(server, tmp_path)
