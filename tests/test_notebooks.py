"""Running notebooks: stable bytes, the right interpreter, and nothing left behind by a failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from companion.report.notebooks import run_notebook, stable_notebook, stable_text
from pianoalign_lib.common.errors import PianoAlignError

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project in a folder whose name has a space."""
    root = tmp_path / "a project"
    (root / "notebooks").mkdir(parents=True)
    (root / "params.yaml").write_text("corpora: [demo]\n")
    return root


def add_notebook(project: Path, *sources: str, name: str = "story", tagged: bool = True) -> None:
    cells = [new_markdown_cell("# A story"), *(new_code_cell(source) for source in sources)]
    if tagged:
        parameters = new_code_cell('corpus = "demo"', metadata={"tags": ["parameters"]})
        cells.insert(1, parameters)
    nbformat.write(new_notebook(cells=cells), project / "notebooks" / f"{name}.ipynb")


def printed(path: Path) -> str:
    """Return everything the cells of an executed notebook printed to stdout."""
    notebook = nbformat.read(path, as_version=4)
    return "".join(
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream"
    )


def left_over(project: Path) -> list[Path]:
    return [path for path in (project / "results").rglob("*") if path.is_file()]


def test_executed_notebook_has_stable_bytes(project: Path) -> None:
    add_notebook(
        project,
        "import sys, os, random, warnings, pathlib",
        "for i in range(40):\n    print(i, flush=True)\n    print('noise', i, file=sys.stderr)",
        "warnings.warn('different on every machine')\nprint(object(), os.getcwd(), sys.prefix)",
        "object()",
        "import matplotlib.pyplot as plt\nplt.plot([0, 1, 0]);",
    )
    path = run_notebook("story", "other", root=project)
    first = path.read_bytes()
    assert path == project / "results" / "other" / "notebooks" / "story.ipynb"
    assert run_notebook("story", "other", root=project).read_bytes() == first

    text = first.decode()
    nbformat.validate(nbformat.reads(text, as_version=4))
    for unstable in (str(project), sys.prefix, "papermill", "iopub", "different on"):
        assert unstable not in text.replace("warnings.warn('different on", "")
    notebook = json.loads(text)
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert [cell["id"] for cell in notebook["cells"]] == [f"cell-{i:02d}" for i in range(1, 9)]
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [1, 2, 3, 4, 5, 6, 7]
    assert [len(cell["outputs"]) for cell in code] == [0, 0, 0, 1, 1, 1, 1]
    assert "image/png" in code[6]["outputs"][0]["data"]
    assert printed(path).splitlines()[:40] == [str(i) for i in range(40)]
    assert printed(path).splitlines()[40].endswith("at 0x0> ./notebooks <environment>")


def test_kernel_is_this_interpreter_with_this_library(project: Path, monkeypatch) -> None:
    # A kernel of the same name that would fail, where a user may have installed one.
    foreign = project / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text(
        json.dumps({"argv": ["false"], "display_name": "x", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(project / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(project / "elsewhere"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    add_notebook(
        project,
        "import sys, os, pathlib, matplotlib, pianoalign_lib\n"
        f"assert os.path.samefile(sys.executable, {sys.executable!r})\n"
        f"assert sys.prefix == {sys.prefix!r}\n"
        "package = pathlib.Path(pianoalign_lib.__file__).parent\n"
        f"assert package.samefile({str(REPOSITORY / 'pianoalign_lib')!r})\n"
        "print(corpus, os.environ['OMP_NUM_THREADS'], matplotlib.get_backend())",
    )
    assert printed(run_notebook("story", "maps", root=project)).split()[:2] == ["maps", "3"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n\nraise KeyError('no such\\nmetric')", r"cell 3: KeyError: .*no such"),
        ("import sys; sys.exit()", "cell 3: SystemExit"),
        ("this is no python", "cell 3: SyntaxError"),
        ("import os; os._exit(1)", "kernel died"),
    ],
)
def test_failing_cell_is_one_error_and_leaves_nothing(
    project: Path, source: str, message: str
) -> None:
    old = project / "results" / "demo" / "notebooks" / "story.ipynb"
    old.parent.mkdir(parents=True)
    old.write_text("an older result")
    add_notebook(project, source, "print('never reached')")
    with pytest.raises(PianoAlignError, match=message) as caught:
        run_notebook("story", "demo", root=project)
    assert "story.ipynb" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left_over(project) == []


def test_cell_before_the_parameters_is_numbered_as_in_the_source(project: Path) -> None:
    cells = [new_code_cell("1 / 0"), new_code_cell("", metadata={"tags": ["parameters"]})]
    nbformat.write(new_notebook(cells=cells), project / "notebooks" / "early.ipynb")
    with pytest.raises(PianoAlignError, match="cell 1: ZeroDivisionError: division by zero"):
        run_notebook("early", "demo", root=project)


def test_bad_notebooks_are_named(project: Path) -> None:
    add_notebook(project, "1")
    with pytest.raises(
        PianoAlignError, match=r"missing\.ipynb: no such notebook; there are: story"
    ):
        run_notebook("missing", "demo", root=project)
    (project / "notebooks" / "broken.ipynb").write_text('{"cells": [')
    with pytest.raises(PianoAlignError, match=r"broken\.ipynb: not a readable notebook"):
        run_notebook("broken", "demo", root=project)
    add_notebook(project, "1", name="untagged", tagged=False)
    with pytest.raises(PianoAlignError, match=r"untagged\.ipynb: no cell is tagged 'parameters'"):
        run_notebook("untagged", "demo", root=project)
    assert left_over(project) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_run_leaves_no_notebook_and_no_kernel(
    project: Path, number: signal.Signals
) -> None:
    started = project / "started"
    add_notebook(
        project,
        f"import os, pathlib, time\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(300)",
    )
    runner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from companion.report.notebooks import run_notebook\n"
            "try: run_notebook('story', 'demo', root=pathlib.Path(sys.argv[1]))\n"
            "except KeyboardInterrupt: sys.exit(130)",
            str(project),
        ],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(project.parent)},
        stderr=subprocess.DEVNULL,
        # A test run that was itself started in the background ignores SIGINT, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    kernel = int(wait_for(started.is_file, 120) and wait_for(started.read_text, 10))
    os.kill(runner.pid, number)
    assert runner.wait(60) == (130 if number == signal.SIGINT else -number)
    wait_for(lambda: not psutil.pid_exists(kernel), 60)
    assert left_over(project) == []


def wait_for(condition, seconds: float):
    """Return the first true value of `condition`; fail if there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return value


def test_widgets_and_stderr_go_and_neighbouring_streams_are_joined(tmp_path: Path) -> None:
    widget = "application/vnd.jupyter.widget-view+json"
    outputs = [
        new_output("stream", name="stdout", text="a\n"),
        new_output("stream", name="stderr", text="warning\n"),
        new_output("stream", name="stdout", text="b\n"),
        new_output("display_data", data={widget: {"model_id": "1f"}, "text/plain": "HBox()"}),
        new_output("stream", name="stdout", text="c\n"),
        new_output("display_data", data={"text/html": f"<b>{tmp_path}/x</b>", "image/png": "AAAA"}),
    ]
    cell = new_code_cell(
        "…", execution_count=7, outputs=outputs, metadata={"execution": {"t": "1"}}
    )
    empty = new_code_cell("")
    stable = stable_notebook(new_notebook(cells=[cell, empty], metadata={"widgets": {}}), tmp_path)
    assert [output.get("text") for output in stable.cells[0].outputs] == ["a\nb\nc\n", None]
    assert stable.cells[0].outputs[1].data == {"text/html": "<b>./x</b>", "image/png": "AAAA"}
    assert (stable.cells[0].execution_count, stable.cells[1].execution_count) == (1, None)
    assert stable.cells[0].metadata == {}
    assert "widgets" not in stable.metadata
    assert cell.execution_count == 7, "the notebook given is not changed"


def test_only_whole_folder_names_are_replaced() -> None:
    folders = {"/home/ada": "~"}
    assert stable_text("/home/ada/x /home/adam '/home/ada' a/home/ada", folders) == (
        "~/x /home/adam '~' a/home/ada"
    )
    assert stable_text("<T at 0x7f3a1c00aa> 0x7f3a1c00aa", {}) == "<T at 0x0> 0x7f3a1c00aa"
