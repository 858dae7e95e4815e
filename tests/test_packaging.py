"""The files around the code agree with each other and with the code.

Lock, pyproject.toml and environment.yml name the same packages, and what the README says of files
and targets holds (the pipeline has tests of its own, in test_pipeline.py).
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import pianoalign_lib
from companion.report.contents import read_contents

ROOT = Path(__file__).resolve().parents[1]
# Requirements that packages declare and the lock does not meet; the tests of dtw and of the demo
# corpus show that they work all the same.
KNOWN_CONFLICTS = {
    ("libfmp", "ipython"),
    ("libfmp", "music21"),
    ("libfmp", "pandas"),
    ("partitura", "lark-parser"),  # the older name of lark, whose files it would overwrite
    ("synctoolbox", "music21"),
    ("synctoolbox", "numba"),
    ("synctoolbox", "pandas"),
    ("tinysoundfont", "pyaudio"),
}
NOT_RESOLVABLE = {"libfmp", "synctoolbox", "tinysoundfont"}


@cache
def lock() -> dict[str, Requirement]:
    """Return the lock by normalized package name."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    by_name = {canonicalize_name(each.name): each for each in found}
    assert len(by_name) == len(found), "a package is listed twice"
    return by_name


def pinned(requirement: Requirement) -> Version:
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return Version(specifier.version)


@cache
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def direct_requirements() -> dict[str, Requirement]:
    extras = project()["optional-dependencies"]
    texts = project()["dependencies"] + extras["reproduce"] + extras["test"] + extras["site"]
    return {canonicalize_name(each.name): each for each in map(Requirement, texts)}


def test_lock_pins_every_direct_requirement_within_its_range() -> None:
    for name, requirement in direct_requirements().items():
        assert requirement.specifier.contains(pinned(lock()[name])), requirement


def test_conda_environment_has_the_same_packages_and_versions() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert pip["pip"][0] == "-c requirements.lock"
    listed = [Requirement(line) for line in pip["pip"][1:]]
    expected = set(direct_requirements()) - NOT_RESOLVABLE
    assert sorted(canonicalize_name(each.name) for each in listed) == sorted(expected)
    for each in listed:
        assert pinned(each) == pinned(lock()[canonicalize_name(each.name)])
    (python,) = [line for line in conda if line.startswith("python=")]
    version = python.removeprefix("python=")
    assert version in project()["requires-python"]
    assert f"Python :: {version}" in "".join(project()["classifiers"])


def test_installed_packages_are_those_of_the_lock() -> None:
    for name, requirement in lock().items():
        if requirement.marker is None or requirement.marker.evaluate():
            version = Version(importlib.metadata.version(name))
            assert Version(version.public) == pinned(requirement), name


def test_lock_is_complete() -> None:
    """Every requirement of a locked package is in the lock, but for the known conflicts."""
    conflicts = set()
    todo = [(name, "") for name in direct_requirements()]
    seen = set()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for text in importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            needed = canonicalize_name(requirement.name)
            if needed not in lock():
                # pip installs PyTorch with what its build for this machine needs (make setup).
                if name != "torch":
                    conflicts.add((name, needed))
                continue
            if not requirement.specifier.contains(pinned(lock()[needed]), prereleases=True):
                conflicts.add((name, needed))
            todo += [(needed, each) for each in ("", *requirement.extras)]
    assert conflicts == KNOWN_CONFLICTS
    unused = set(lock()) - {name for name, _ in seen} - {"setuptools"}
    for name in unused:  # for another Python version
        assert lock()[name].marker and not lock()[name].marker.evaluate(), name


@pytest.mark.parametrize("name", ["requirements.lock", "environment.yml", "pyproject.toml"])
def test_no_file_names_a_registry(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"https?://|--hash|index-url|find-links|file:", text)


def test_citation_fits_the_library() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == pianoalign_lib.__version__
    assert citation["license"] == project()["license"] == "MIT"
    assert {"title", "message", "authors"} <= set(citation)
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    paper, *data = citation["references"]
    assert [each["title"].split()[0] for each in data] == ["MAPS"]
    assert paper["identifiers"][0]["value"] == "arXiv:2506.22237"
    assert paper["title"] in " ".join((ROOT / "README.md").read_text().split()).replace("> ", "")


# --- README and Makefile --------------------------------------------------------------------------


def test_readme_lists_every_table_and_figure() -> None:
    assert read_contents(ROOT).readme_table() in (ROOT / "README.md").read_text()


def test_readme_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named <= targets
    assert {"help", "setup", "repro", "retrain", "test", "lab", "clean"} <= targets


PYTHON_STUB = """#!/bin/sh
# Stands in for an interpreter: notes what it is asked to do, and makes environments.
echo "$@" >> "$CALLS"
case "$*" in
    --version) echo "Python 3.12.0";;
    "-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
    "-m pip"*) [ ! -e "$BROKEN" ] || exit 1;;
    "-m dvc"*) mkdir -p .dvc; echo "$@" >> .dvc/config.local;;
esac
"""


class Setup:
    """`make setup` in a copy of the project, with stand-ins for every Python on the machine."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a project"
        (self.root / ".git").mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", "requirements.lock"):
            shutil.copyfile(ROOT / name, self.root / name)
        programs = folder / "bin"
        programs.mkdir()
        for name in ("python3.11", "python3.12", "python3.13", "python3"):
            works = name == "python3.12"
            (programs / name).write_text(PYTHON_STUB if works else "#!/bin/sh\nexit 127\n")
            (programs / name).chmod(0o755)
        self._calls, self.broken = folder / "calls", folder / "broken"
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
            "PATH": f"{programs}:/usr/bin:/bin",
            "CALLS": str(self._calls),
            "BROKEN": str(self.broken),
        }

    def run(self, *options: str, target: str = "setup") -> list[str]:
        """Run make; return what Python was asked to do; raise if make fails."""
        self._calls.write_text("")
        command = ["make", "--no-print-directory", target, *options]
        subprocess.run(command, cwd=self.root, env=self._env, check=True, capture_output=True)
        return self._calls.read_text().splitlines()


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    if shutil.which("make") is None or sys.platform != "linux":
        pytest.skip("needs make on Linux")
    return Setup(tmp_path)


INSTALL = [
    "-m pip install --quiet --no-compile -c requirements.lock setuptools torch",
    "-m pip install --quiet --no-compile --no-deps -r requirements.lock",
    "-m pip install --quiet --no-deps --no-build-isolation --editable . "
    "--config-settings editable_mode=compat",
]


def test_setup_takes_the_first_python_that_runs_and_installs_once(setup: Setup) -> None:
    calls = setup.run()
    assert "-m venv .venv" in calls
    assert [call for call in calls if call.startswith("-m pip")] == INSTALL
    assert setup.run() == []
    with (setup.root / "requirements.lock").open("a") as handle:
        handle.write("# changed\n")
    calls = setup.run()
    assert "-m venv .venv" not in calls
    assert [call for call in calls if call.startswith("-m pip")] == INSTALL


def test_failed_setup_is_not_taken_for_done(setup: Setup) -> None:
    setup.broken.touch()
    with pytest.raises(subprocess.CalledProcessError):
        setup.run()
    setup.broken.unlink()
    assert setup.run()[-3:] == INSTALL
    assert setup.run() == []


def test_moved_project_gets_a_new_environment(setup: Setup) -> None:
    setup.run()
    left = setup.root / ".venv" / "left over"
    left.touch()
    setup.root = setup.root.rename(setup.root.parent / "moved project")
    assert "-m venv .venv" in setup.run()
    assert not (setup.root / ".venv" / left.name).exists()


def test_foreign_environment_is_used_and_never_deleted(setup: Setup) -> None:
    foreign = setup.root.parent / "conda"
    (foreign / "bin").mkdir(parents=True)
    shutil.copy(setup.root.parent / "bin" / "python3.12", foreign / "bin" / "python")
    calls = setup.run(f"VENV={foreign}")
    assert calls[0] == "-c import pip"
    assert calls[1:] == INSTALL
    assert not (setup.root / ".venv").exists()


def test_without_git_dvc_is_told_so(setup: Setup) -> None:
    (setup.root / ".git").rmdir()
    assert "-m dvc config --local core.no_scm true" in setup.run()
    (setup.root / ".git").mkdir()
    assert "-m dvc config --local --unset core.no_scm" in setup.run()


@pytest.mark.parametrize(("user", "options"), [(0, "--allow-root "), (1000, "")])
def test_lab_starts_as_root_too(setup: Setup, user: int, options: str) -> None:
    program = setup.root.parent / "bin" / "id"
    program.write_text(f"#!/bin/sh\necho {user}\n")
    program.chmod(0o755)
    command = setup.run(target="lab")[-1]
    assert command.startswith(f"-m jupyterlab {options}--Server") and command.endswith(" notebooks")


def test_without_a_usable_python_setup_says_what_to_do(setup: Setup) -> None:
    python = setup.root.parent / "bin" / "python3.12"
    python.write_text("#!/bin/sh\nexit 127\n")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        setup.run("PYTHONS=python3.11 python3.12")
    assert b"no Python 3.11, 3.12 or 3.13 with venv found" in caught.value.stderr
    assert b"PYTHON=/path/to/python3.11" in caught.value.stderr
