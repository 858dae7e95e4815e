"""Fetching from servers that fail in every way a server can; never from the internet."""

from __future__ import annotations

import hashlib
import io
import signal
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pooch
import pytest

from pianoalign_lib.common.config import corpus_paths
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.corpora import sources
from pianoalign_lib.corpora.asap import folder as asap
from pianoalign_lib.corpora.demo import fetch as demo
from pianoalign_lib.corpora.maps import folder as maps
from pianoalign_lib.corpora.sources import Remote, fetch_files, git_blob_id, read_packages
from training.quiet import performances as quiet

LONG, SHORT = "flac/MAPS_MUS-a_b.flac", "tsv/MAPS_MUS-a_b.tsv"
FILES = {LONG: np.random.default_rng(0).bytes(300_000), SHORT: b"# onset\n0.5\t1.0\t60\t64\n"}


class Server(ThreadingHTTPServer):
    """Serves `files`; `faults` is what goes wrong with `LONG`, one entry per request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(FILES)
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        # A proxy is asked for the whole address.
        name = unquote(urlsplit(self.path).path.lstrip("/"))
        self.server.asked.append(name)
        body = self.server.files.get(name)
        faults = self.server.faults if name == LONG else []
        fault = faults.pop(0) if faults else ""
        if body is None or fault.isdigit():
            self.send_error(int(fault or 404))
            return
        self.send_response(200)
        if fault != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "wrong":
            body = b"x" * len(body)
        self.wfile.write(body[:1000] if fault in ("cut", "no length", "stalled") else body)
        if fault == "stalled":
            self.wfile.flush()
            self.server.release.wait(20)

    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    """Return a running server of two files; nobody waits between attempts."""
    found = Server()
    threading.Thread(target=found.serve_forever, daemon=True).start()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _seconds: None)
    yield found
    found.release.set()
    found.shutdown()


def blob(data: bytes) -> str:
    """Return git's own name of a file's contents."""
    command = ["git", "hash-object", "--stdin"]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


def run(server: Server, target: Path, names=(LONG, SHORT), **options) -> None:
    files = [
        Remote(target / name, f"{server.url}/{name}", f"git:{blob(FILES[name])}") for name in names
    ]
    fetch_files(files, label="fetch", remedy="put the files into the folder", **options)


def assert_whole(target: Path) -> None:
    """Both files are there, and nothing else."""
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert found == set(FILES)
    for name, data in FILES.items():
        assert (target / name).read_bytes() == data


def test_the_blob_id_is_that_of_git(tmp_path):
    for data in (b"", b"abc\n", np.random.default_rng(1).bytes(200_000)):
        path = tmp_path / "file"
        path.write_bytes(data)
        assert git_blob_id(path) == blob(data)


def test_files_are_fetched_and_whole_ones_are_not_fetched_again(server, tmp_path):
    run(server, tmp_path)
    assert_whole(tmp_path)
    assert (tmp_path / LONG).stat().st_mode & 0o777 == 0o644
    (tmp_path / SHORT).write_bytes(b"spoilt")
    server.asked.clear()
    run(server, tmp_path)
    assert server.asked == [SHORT]
    assert_whole(tmp_path)


@pytest.mark.parametrize("fault", ["cut", "no length", "wrong", "500", "503"])
def test_what_fails_is_tried_again_and_never_gets_the_files_name(server, tmp_path, fault):
    server.faults = [fault]
    run(server, tmp_path)
    assert_whole(tmp_path)
    (tmp_path / LONG).unlink()
    server.faults = [fault] * 9
    with pytest.raises(CorpusError, match=r"a_b\.flac: cannot be .*, then put the files") as caught:
        run(server, tmp_path)
    assert "\n" not in str(caught.value)
    assert server.asked.count(LONG) == 2 + 1 + sources.RETRIES
    assert not (tmp_path / LONG).exists() and (tmp_path / SHORT).exists()
    server.faults.clear()
    run(server, tmp_path)
    assert_whole(tmp_path)


def test_a_missing_file_is_told_with_its_address(server, tmp_path):
    server.files.clear()
    words = rf"a_b\.\w+: cannot be fetched from {server.url}/.*404 Client Error"
    with pytest.raises(CorpusError, match=words):
        run(server, tmp_path)


def test_a_server_that_always_stalls_is_given_up(server, tmp_path):
    server.faults = ["stalled"] * 9
    with pytest.raises(CorpusError, match=r"a_b\.flac: cannot be fetched .*timed out"):
        run(server, tmp_path, download=pooch.HTTPDownloader(timeout=0.2))
    assert not (tmp_path / LONG).exists()


def test_without_a_network_one_line_says_so(server, tmp_path):
    server.shutdown()
    server.server_close()
    words = r"a_b\.\w+: cannot be fetched .*offline.*check network and disk, then put the files"
    with pytest.raises(CorpusError, match=words) as caught:
        run(server, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / LONG).exists()


def test_proxies_of_the_environment_are_used(server, tmp_path, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    file = Remote(tmp_path / LONG, f"http://mirror.invalid/{LONG}", f"git:{blob(FILES[LONG])}")
    fetch_files([file], label="fetch", remedy="")
    assert (tmp_path / LONG).read_bytes() == FILES[LONG]


def test_a_folder_that_cannot_be_written_is_one_line(server, tmp_path):
    (tmp_path / "flac").write_text("a file, not a folder")
    with pytest.raises(CorpusError, match=r"a_b\.flac: cannot be .*check network and disk"):
        run(server, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_ends_at_once_and_the_next_one_goes_on(server, tmp_path, number):
    server.faults = ["stalled"]
    code = f"""
from pathlib import Path
from pianoalign_lib.corpora.sources import Remote, fetch_files
fetch_files([Remote(Path({str(tmp_path)!r}) / name, {server.url!r} + "/" + name, "git:" + pin)
             for name, pin in { ({name: blob(data) for name, data in FILES.items()})!r}.items()],
            label="fetch", remedy="")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE,
        # A test run that was itself started in the background ignores SIGINT, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not ((tmp_path / SHORT).exists() and list((tmp_path / "flac").glob("*"))):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    _, text = process.communicate(timeout=10)
    assert process.returncode and (number == signal.SIGKILL or b"KeyboardInterrupt" in text)
    assert not (tmp_path / LONG).exists()
    run(server, tmp_path)
    assert server.asked.count(SHORT) == 1
    assert_whole(tmp_path)  # what the stopped run had begun is gone


# --- MAPS -----------------------------------------------------------------------------------------


def test_every_listed_recording_is_fetched_with_its_labels(monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr(maps, "fetch_files", lambda files, **_: asked.update(files=files))
    maps.fetch_maps(tmp_path)
    assert len(asked["files"]) == 2 * 154
    stems = {"flac": set(), "tsv": set()}
    for path, address, pin in asked["files"]:
        kind = path.parent.name
        assert (
            path == tmp_path / kind / path.name and address == f"{maps.BASE_URL}/{kind}/{path.name}"
        )
        assert len(pin) == 44 and set(pin.removeprefix("git:")) <= set("0123456789abcdef")
        stems[kind].add(path.stem)
    assert stems["flac"] == stems["tsv"]


def test_the_mirror_is_fetched(server, monkeypatch, tmp_path):
    row = {
        "recording": "MAPS_MUS-a_b",
        "flac_blob": blob(FILES[LONG]),
        "tsv_blob": blob(FILES[SHORT]),
    }
    monkeypatch.setattr(maps, "listed", lambda: pd.DataFrame([row]))
    maps.fetch_maps(tmp_path, server.url)
    assert_whole(tmp_path)


# --- Packages -------------------------------------------------------------------------------------


def archive(files: dict[str, bytes]) -> bytes:
    """Return an npm package."""
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return buffer.getvalue()


@pytest.fixture
def of_asap(server, monkeypatch):
    """Return path → contents of the performances wanted; the server has them and one package."""
    contents = archive({"package/a.wasm": b"font", "package/audio/A0v3.ogg": b"o", "x": b"no"})
    package = sources.Package(
        "@scope/sounds", "1.0.0", "sounds-1.0.0.tgz", hashlib.sha256(contents).hexdigest(),
        "sounds", "none", {"package/a.wasm": "pianos/a.sf3", "package/audio/": "pianos/b/"},
    )  # fmt: skip
    files = {"A/Suite op.1/X.mid": b"first", "A/2/Y.mid": b"second"}
    table = pd.DataFrame({"path": list(files), "blob": [blob(data) for data in files.values()]})
    monkeypatch.setattr(asap, "used", lambda: table)
    monkeypatch.setattr(asap, "read_packages", lambda _corpus: [package])
    server.files |= {f"raw/{path}": data for path, data in files.items()}
    server.files["npm/@scope/sounds/-/sounds-1.0.0.tgz"] = contents
    return files


def fetch_asap(server: Server, folder: Path) -> None:
    asap.fetch_asap(folder / "sources", folder / "downloads", f"{server.url}/raw")


def test_asap_and_its_pianos_are_fetched_once(server, of_asap, tmp_path, monkeypatch):
    monkeypatch.setenv("npm_config_registry", f"{server.url}/npm/")
    fetch_asap(server, tmp_path)
    place = tmp_path / "sources"
    assert (place / "pianos" / "a.sf3").read_bytes() == b"font"
    assert (place / "pianos" / "b" / "A0v3.ogg").read_bytes() == b"o"
    assert {path: (place / "midi" / path).read_bytes() for path in of_asap} == of_asap
    assert len([path for path in place.rglob("*") if path.is_file()]) == 4
    server.asked.clear()
    monkeypatch.delenv("npm_config_registry")
    monkeypatch.setenv("PATH", str(tmp_path))
    fetch_asap(server, tmp_path)  # needs no registry any more
    assert server.asked == []


def test_a_package_that_is_not_the_pinned_one_is_refused(server, of_asap, tmp_path, monkeypatch):
    monkeypatch.setenv("npm_config_registry", f"{server.url}/npm")
    server.files["npm/@scope/sounds/-/sounds-1.0.0.tgz"] = b"tampered with"
    words = r"sounds-1\.0\.0\.tgz: cannot .*not the pinned ones.*or put the file into .*downloads"
    with pytest.raises(CorpusError, match=words):
        fetch_asap(server, tmp_path)
    assert not (tmp_path / "sources").exists()


def test_packages_come_from_the_registry_that_npm_is_configured_to_use(tmp_path, monkeypatch):
    monkeypatch.delenv("npm_config_registry", raising=False)
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text('#!/bin/sh\n[ "$*" = "config get registry" ] && echo http://of-npm/\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    assert asap.npm_registry(tmp_path) == "http://of-npm"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CorpusError, match="no npm registry is known"):
        asap.npm_registry(tmp_path)


def test_quiet_performances_are_fetched_but_for_those_left_out(server, tmp_path, monkeypatch):
    files = {"data/A one.mid": b"first", "data/B.mid": b"second", "data/C.mid": b"tested"}
    blobs = [blob(data) for data in files.values()]
    table = pd.DataFrame({"path": list(files), "blob": blobs, "split": ["train", "validation", ""]})
    monkeypatch.setattr(quiet, "listed", lambda: table)
    monkeypatch.setattr(quiet, "fetch_packages", lambda *_, **__: None)
    server.files |= {f"raw/{path}": data for path, data in files.items()}
    paths = corpus_paths("quiet", tmp_path)
    place = paths.sources / "smd"
    monkeypatch.setenv(quiet.VARIABLE, str(tmp_path))  # the user has them
    quiet.fetch_quiet(paths, f"{server.url}/raw")
    assert not place.exists()
    monkeypatch.delenv(quiet.VARIABLE)
    quiet.fetch_quiet(paths, f"{server.url}/raw")
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {
        "A one.mid": b"first", "B.mid": b"second",
    }  # fmt: skip
    assert quiet.find_smd(place, "validation") == [(place / "B.mid", blobs[1])]
    server.files["raw/data/B.mid"] = b"another"
    (place / "B.mid").unlink()
    with pytest.raises(CorpusError, match=r"B\.mid: cannot .*not the pinned ones.*PIANOALIGN_SMD"):
        quiet.fetch_quiet(paths, f"{server.url}/raw")
    assert not (place / "B.mid").exists()


@pytest.mark.parametrize(("corpus", "count"), [("demo", 5), ("asap", 6)])
def test_every_package_is_pinned(corpus, count):
    packages = read_packages(corpus)
    assert len({package.filename for package in packages}) == len(packages) == count
    for package in packages:
        assert len(package.sha256) == 64 and package.licence and package.source


def pip(returncode=0, content=b"another file"):
    """Return a stand-in for a run of pip."""

    def run(command, **_):
        assert "--no-deps" in command and not any("index" in part for part in command)
        if returncode == 0:
            (Path(command[command.index("--dest") + 1]) / "package.whl").write_bytes(content)
        return subprocess.CompletedProcess(command, returncode, "", "ERROR: no network\n")

    return run


def test_pip_that_fails_or_brings_another_file_leaves_nothing(server, tmp_path, monkeypatch):
    place, downloads = tmp_path / "sources", tmp_path / "downloads"
    monkeypatch.setattr(demo.subprocess, "run", pip())
    with pytest.raises(CorpusError, match=r"==.* \(its contents are not the pinned ones\)"):
        demo.fetch(place, downloads)
    monkeypatch.setattr(demo.subprocess, "run", pip(returncode=1))
    with pytest.raises(CorpusError, match=r"pip could not download it: ERROR: no network"):
        demo.fetch(place, downloads)
    assert not [path for path in tmp_path.rglob("*") if path.suffix]


def test_the_demo_corpus_comes_from_packages_that_are_there(server, tmp_path, monkeypatch):
    wheel = tmp_path / "downloads" / "a.whl"
    wheel.parent.mkdir()
    with sources.zipfile.ZipFile(wheel, "w") as file:
        file.writestr("a/piano.sf2", b"font")
    package = sources.Package(
        "a", "1", "a.whl", sha256_file(wheel), "", "", {"a/piano.sf2": "pianos/piano.sf2"}
    )
    timgm6mb = read_packages("demo")[-1]
    monkeypatch.setattr(demo, "read_packages", lambda _corpus: [package, timgm6mb])
    demo.fetch(tmp_path / "sources", wheel.parent)
    assert (tmp_path / "sources/pianos/piano.sf2").read_bytes() == b"font"
    assert sha256_file(tmp_path / "sources/pianos/timgm6mb.sf2") == timgm6mb.sha256
    changed = timgm6mb._replace(sha256="0" * 64)
    monkeypatch.setattr(demo, "read_packages", lambda _corpus: [package, changed])
    with pytest.raises(CorpusError, match=r"TimGM6mb\.sf2: .* install pretty_midi 0\.2\.11"):
        demo.fetch(tmp_path / "sources", wheel.parent)
