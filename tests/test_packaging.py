"""The files around the code agree with each other and with the code.

Lock, pyproject.toml and environment.yml name the same packages; the pipeline's stages depend on the
modules they use, write what the README and the report say, and never train.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import pianoalign_lib
from pianoalign_lib.common.config import load_params
from pianoalign_lib.report.contents import read_contents

ROOT = Path(__file__).resolve().parents[1]
# Requirements that packages declare and the lock does not meet; the tests of dtw and of the demo
# corpus show that they work all the same.
KNOWN_CONFLICTS = {
    ("libfmp", "ipython"),
    ("libfmp", "music21"),
    ("libfmp", "pandas"),
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
    texts = project()["dependencies"] + extras["reproduce"] + extras["test"]
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


# --- The pipeline ---------------------------------------------------------------------------------


PIPELINES = {
    "demo": ("dvc.yaml", "training/dvc.yaml"),
    "maps": ("maps/dvc.yaml", "maps/training/dvc.yaml"),
}


@pytest.fixture(scope="module", params=["demo", "maps"])
def pipeline(tmp_path_factory: pytest.TempPathFactory, request) -> SimpleNamespace:
    """Return DVC's own reading of a corpus's pipelines: stages by name and edges between them."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("pipeline")
    for name in (*PIPELINES[request.param], "params.yaml", ".dvc/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    (root / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    with Repo(str(root)) as repo:
        stages = {}
        for stage in repo.index.stages:
            stages[stage.name] = SimpleNamespace(
                command=stage.cmd,
                deps=sorted({relative(dep, root) for dep in stage.deps} - {"params.yaml"}),
                outs={relative(out, root): out.use_cache for out in stage.outs},
                params=[key for dep in stage.deps for key in getattr(dep, "params", [])],
            )
        # DVC's edges run from a stage to those it needs.
        edges = {(needed.name, stage.name) for stage, needed in repo.index.graph.edges}
    return SimpleNamespace(corpus=request.param, stages=stages, edges=edges)


def relative(item, root: Path) -> str:
    return Path(item.fs_path).relative_to(root).as_posix()


def params(corpus: str | None = None) -> dict:
    """Return params.yaml as it is, or as it holds for a corpus."""
    if corpus is None:
        return yaml.safe_load((ROOT / "params.yaml").read_text())
    return load_params(ROOT, corpus)


def test_the_main_pipeline_never_trains(pipeline: SimpleNamespace) -> None:
    training = {"render_train", "train"}
    assert training < set(pipeline.stages)
    for needed, stage in pipeline.edges:
        assert stage in training or needed not in training, (needed, stage)
    for variant in params(pipeline.corpus)["variants"]:
        family = "predict" if variant in params()["variants"] else "predict_seed"
        stage = pipeline.stages[f"{family}@{variant}"]
        assert f"checkpoints/{pipeline.corpus}/{variant}.safetensors" in stage.deps


def test_every_method_of_the_evaluation_is_predicted_and_measured(
    pipeline: SimpleNamespace,
) -> None:
    runs = params(pipeline.corpus)["evaluation"]["runs"]
    methods = {method for run in runs for method in run["methods"]}
    folder = f"data/{pipeline.corpus}/predictions"
    files = {f"{folder}/{method}.parquet" for method in methods}
    makers = {
        out: name
        for name, stage in pipeline.stages.items()
        for out in stage.outs
        if out.startswith(folder)
    }
    assert set(makers) == files
    assert {(name, "metrics") for name in makers.values()} < pipeline.edges


def test_dependencies_exist_or_are_made_by_a_stage(pipeline: SimpleNamespace) -> None:
    made = {out for stage in pipeline.stages.values() for out in stage.outs}
    for name, stage in pipeline.stages.items():
        for dep in stage.deps:
            inside = any(dep.startswith(f"{out}/") or out.startswith(f"{dep}/") for out in made)
            assert dep in made or inside or (ROOT / dep).exists(), f"{name} depends on {dep}"
        for key in stage.params:
            value = params()
            for part in key.split("."):
                assert part in value, f"{name} depends on the parameter {key}"
                value = value[part]


def test_small_results_are_in_git_and_large_data_in_the_cache(pipeline: SimpleNamespace) -> None:
    for stage in pipeline.stages.values():
        for out, cached in stage.outs.items():
            assert cached == out.startswith("data/"), out
            assert out.split("/")[0] in ("data", "results", "figures")


# Modules that run a stage without having a say in its output.
PLUMBING = {"errors", "files", "progress", "config", "cli", "__main__"}
MAPS_ENTRY = {"render": "corpora/maps/prepare", "render_train": "corpora/maps/prepare"}
ENTRY = {
    "fetch": "corpora/demo/fetch",
    "render": "corpora/demo/render",
    "render_train": "corpora/demo/render",
    "predict": "predict",
    "metrics": "evaluation",
    "report": "report",
    "latency": "latency",
    "sensitivity": "sensitivity",
    "train": "training_runs",
}
NETWORK = {"checkpoints", "decoding", "features", "inference", "models/crnn"}
# What a stage's module imports but that stage does not use.
LOCALIZER = {
    f"localizer/{path.stem}" for path in (ROOT / "pianoalign_lib" / "localizer").glob("*.py")
}
UNUSED = {
    "predict_none": NETWORK | LOCALIZER | {"dtw"},
    "predict_dtw": NETWORK | LOCALIZER,
    "predict_hybrid": LOCALIZER | {"dtw"},  # it reads what predict_dtw wrote
    "predict_crnn_of": LOCALIZER | {"dtw"},
    "predict_localizer": NETWORK | {"dtw"},
    "predict_seed": LOCALIZER | {"dtw"},
    "predict@": LOCALIZER | {"dtw"},
    "sensitivity": LOCALIZER,
}


def module_names(stage: SimpleNamespace) -> set[str]:
    package = "pianoalign_lib/"
    return {
        dep.removeprefix(package).removesuffix(".py")
        for dep in stage.deps
        if dep.startswith(package) and dep.endswith(".py")
    }


def test_stages_depend_on_the_modules_they_use(pipeline: SimpleNamespace) -> None:
    for name, stage in pipeline.stages.items():
        if name in read_contents(ROOT).notebooks:
            entries = [*notebook_imports(name), "notebooks"]
            # The version, which is in every table, is in the package's own module.
            expected = imported_modules(entries) | {"__init__"}
        else:
            entry = ENTRY | (MAPS_ENTRY if pipeline.corpus == "maps" else {})
            kind = name if name in entry else re.split("[@_]", name)[0]
            unused = next((UNUSED[key] for key in UNUSED if name.startswith(key)), set())
            expected = imported_modules([entry[kind]]) - unused
        assert module_names(stage) == expected - PLUMBING, name


def notebook_imports(name: str) -> list[str]:
    """Return the library's modules that a notebook imports."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    source = "\n".join(
        line
        for cell in notebook.cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if not line.lstrip().startswith(("%", "!"))
    )
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    modules = (each.split(".")[1:] for each in found if each.startswith("pianoalign_lib."))
    return [
        path
        for path in map("/".join, modules)
        if (ROOT / "pianoalign_lib" / f"{path}.py").is_file()
    ]


def imported_modules(entries: list[str]) -> set[str]:
    """Return modules of the library, as paths without ending, that `entries` import in the end."""
    seen: set[str] = set()
    todo = list(entries)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        path = ROOT / "pianoalign_lib" / f"{name}.py"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                folder = path.parents[node.level - 1]
                base = folder.joinpath(*(node.module or "").split("."))
                candidates = [base, *(base / alias.name for alias in node.names)]
                todo += [
                    each.relative_to(ROOT / "pianoalign_lib").as_posix()
                    for each in candidates
                    if each.with_suffix(".py").is_file()
                ]
    return seen


def test_report_depends_on_and_stages_write_what_it_shows(pipeline: SimpleNamespace) -> None:
    report, corpus = pipeline.stages["report"], pipeline.corpus
    contents = read_contents(ROOT, corpus)
    assert f"results/{corpus}/report.html" in report.outs
    for table, entry in contents.tables.items():
        for suffix in ("csv", "md", "tex"):
            assert (
                f"results/{corpus}/tables/{table}.{suffix}" in pipeline.stages[entry.notebook].outs
            )
        assert f"results/{corpus}/tables/{table}.md" in report.deps
    for figure, shown in contents.figures.items():
        for suffix in ("svg", "pdf", "png", "csv"):
            assert f"figures/{corpus}/{figure}.{suffix}" in pipeline.stages[shown.notebook].outs
        assert f"figures/{corpus}/{figure}.svg" in report.deps
    for notebook in contents.notebooks:
        stage = pipeline.stages[notebook]
        assert f"notebooks/{notebook}.ipynb" in stage.deps
        assert f"results/{corpus}/notebooks/{notebook}.ipynb" in stage.outs
        assert stage.command == f"pianoalign notebook --corpus {corpus} {notebook}"
        assert f"results/{corpus}/notebooks/{notebook}.ipynb" in report.deps


def test_the_pipeline_of_maps_differs_only_where_it_must() -> None:
    """Stages of the same name have the same command, dependencies and outputs, or a few more."""
    both = [
        {
            name: stage.get("do", stage)
            for file in PIPELINES[corpus]
            for name, stage in yaml.safe_load((ROOT / file).read_text())["stages"].items()
        }
        for corpus in ("demo", "maps")
    ]
    demo, maps = both
    assert set(demo) - set(maps) == {"fetch", "predict_crnn_of_maps"}
    assert set(maps) - set(demo) == {
        "predict_crnn_of_demo", "predict_seed", "latency", "sensitivity",
    }  # fmt: skip
    for name in set(demo) & set(maps) - {"render", "render_train"}:
        assert demo[name]["cmd"] == maps[name]["cmd"]
        sources = {"data/${corpus}/sources"}  # MAPS lies outside of the project
        assert set(demo[name]["deps"]) - sources <= set(maps[name]["deps"]), name
        outs = [
            {each if isinstance(each, str) else next(iter(each)) for each in stage[name]["outs"]}
            for stage in both
        ]
        assert outs[0] <= outs[1], name


# --- README and Makefile --------------------------------------------------------------------------


def test_readme_lists_every_table_and_figure() -> None:
    assert read_contents(ROOT).readme_table() in (ROOT / "README.md").read_text()


def test_readme_draws_the_pipeline_as_it_is(pipeline: SimpleNamespace) -> None:
    if pipeline.corpus == "maps":
        return  # told in words, compared with the drawn one above

    def family(name: str) -> str:
        return re.split(r"@|(?<=predict)_", name)[0]

    (drawing,) = re.findall(r"```mermaid\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    drawn = set(re.findall(r"^ *(\w+) --> (\w+)$", drawing, re.MULTILINE))
    edges = {(family(first), family(second)) for first, second in pipeline.edges}
    assert drawn == edges - {("predict", "predict")}  # within the family: the hybrid after DTW


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

    def run(self, *options: str) -> list[str]:
        """Run `make setup`; return what Python was asked to do; raise if make fails."""
        self._calls.write_text("")
        command = ["make", "--no-print-directory", "setup", *options]
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
    "-m pip install --quiet --no-deps --no-build-isolation --editable .",
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


def test_without_a_usable_python_setup_says_what_to_do(setup: Setup) -> None:
    python = setup.root.parent / "bin" / "python3.12"
    python.write_text("#!/bin/sh\nexit 127\n")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        setup.run("PYTHONS=python3.11 python3.12")
    assert b"no Python 3.11, 3.12 or 3.13 with venv found" in caught.value.stderr
    assert b"PYTHON=/path/to/python3.11" in caught.value.stderr
