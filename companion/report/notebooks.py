"""Run a notebook of the study and keep its executed form.

A notebook runs with this very interpreter and library (not with whatever kernel is called
"python3" on this machine), with a fixed environment, and is written only when every cell has
succeeded. What changes from run to run or from machine to machine is taken out (times, widgets,
warnings, how the output was split into messages, random cell ids, memory addresses, folders), so
that two runs on equal files give equal bytes.
"""

from __future__ import annotations

import copy
import logging
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from pianoalign_lib.common.config import corpus_paths, project_root
from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.files import PACKAGE, atomic_path

log = logging.getLogger(__name__)

START_TIMEOUT_S = 180
LONGEST_SOCKET_FOLDER = 80  # a socket's whole path has at most 107 characters on Linux
LONGEST_MESSAGE = 400  # characters of a cell's exception that are passed on
WIDGET = "application/vnd.jupyter.widget-view+json"
_ADDRESS = re.compile(r"(?<= at 0x)[0-9a-fA-F]{6,}\b")


def run_notebook(name: str, corpus: str, root: Path | None = None) -> Path:
    """Execute ``notebooks/<name>.ipynb`` on a corpus; return the executed notebook's path.

    The notebook's parameters cell (tagged ``parameters``) is given the name of the corpus; the
    result is ``results/<corpus>/notebooks/<name>.ipynb``.

    Parameters
    ----------
    name : str
        File name without ending, as ``03_ablations``.
    corpus : str
        Name of the corpus whose results the notebook reads.
    root : Path, optional
        The project root; by default the one found from the working directory upwards.

    Raises
    ------
    PianoAlignError
        If there is no such notebook, it is no notebook or has no parameters cell, a cell fails, or
        the kernel dies. No executed notebook is left then, nor if the run is interrupted.
    """
    root = root or project_root()
    source = root / "notebooks" / f"{name}.ipynb"
    target = corpus_paths(corpus, root).results / "notebooks" / source.name
    notebook = _read(source)
    target.unlink(missing_ok=True)  # an older result must not pass for this run's
    log.info("notebook %s on %s", name, corpus)
    executed = _execute(notebook, source, corpus)
    with atomic_path(target) as temporary:
        nbformat.write(stable_notebook(executed, root), temporary, version=nbformat.NO_CONVERT)
    return target


def _read(source: Path) -> NotebookNode:
    if not source.is_file():
        known = ", ".join(path.stem for path in sorted(source.parent.glob("*.ipynb"))) or "none"
        raise PianoAlignError(f"{source}: no such notebook; there are: {known}")
    try:
        notebook = nbformat.read(source, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat and jsonschema raise many kinds
        raise PianoAlignError(
            f"{source}: not a readable notebook ({_one_line(error)}); restore it from git"
        ) from error
    if _parameters_cell(notebook) < 0:
        raise PianoAlignError(
            f"{source}: no cell is tagged 'parameters'; tag the one that sets corpus"
        )
    return notebook


def _parameters_cell(notebook: NotebookNode) -> int:
    tagged = ["parameters" in cell.metadata.get("tags", []) for cell in notebook.cells]
    return tagged.index(True) if True in tagged else -1


def _execute(notebook: NotebookNode, source: Path, corpus: str) -> NotebookNode:
    """Run all cells in a new kernel; return the executed notebook, injected parameters included."""
    with tempfile.TemporaryDirectory(prefix="pianoalign-") as scratch:
        try:
            executed = papermill.execute_notebook(
                notebook,
                None,
                parameters={"corpus": corpus},
                kernel_name="python3",
                language="python",
                progress_bar=False,
                cwd=source.parent,
                start_timeout=START_TIMEOUT_S,
                # Passed on to nbclient:
                record_timing=False,
                kernel_manager_class=_kernel_manager_class(Path(scratch)),
                shutdown_kernel="immediate",
            )
        except PapermillExecutionError as error:
            raise _cell_error(source, notebook, error.cell_index, error) from error
        except (RuntimeError, TimeoutError, OSError) as error:
            raise PianoAlignError(
                f"{source}: its kernel died or did not start ({_one_line(error)}); out of memory?"
            ) from error
    for index, cell in enumerate(executed.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":  # papermill lets sys.exit() pass
                raise _cell_error(source, notebook, index, output)
    return executed


def _cell_error(source: Path, notebook: NotebookNode, index: int, error: Any) -> PianoAlignError:
    # Numbered from 1 as in the source, which has no cell of injected parameters.
    number = index + (index <= _parameters_cell(notebook))
    return PianoAlignError(
        f"{source}: cell {number}: {_one_line(f'{error.ename}: {error.evalue}')}"
    )


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:LONGEST_MESSAGE]


def _kernel_manager_class(scratch: Path) -> type[AsyncKernelManager]:
    """Return a kernel manager class that knows one kernel: this interpreter."""
    command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher"]
    environment = {
        # The library this process runs, before any other of that name.
        "PYTHONPATH": str(PACKAGE.parent),
        # A user's settings are kept out of the output.
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "0",
        "IPYTHONDIR": str(scratch),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(Path(matplotlib.get_data_path()) / "matplotlibrc"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
    }

    class ThisInterpreter(AsyncKernelManager):
        """Starts this interpreter, whatever the name asked for."""

        kernel_spec = KernelSpec(
            argv=[*command, "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
            env=environment,
        )

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            if len(str(scratch)) < LONGEST_SOCKET_FOLDER:
                # Sockets in a private folder: no port that clashes with another run's, no network.
                self.transport = "ipc"
                self.connection_file = str(scratch / "kernel.json")

    return ThisInterpreter


def stable_notebook(notebook: NotebookNode, root: Path) -> NotebookNode:
    """Return an executed notebook reduced to what is equal in every run on every machine.

    Parameters
    ----------
    notebook : NotebookNode
        An executed notebook of format 4; it is not changed.
    root : Path
        The project root, printed as ``.``.
    """
    folders = {
        str(Path(sys.prefix).resolve()): "<environment>",
        sys.prefix: "<environment>",
        str(Path.home()): "~",
        str(root): ".",
        str(root.resolve()): ".",
    }
    stable = copy.deepcopy(notebook)
    stable.nbformat_minor = 5
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    stable.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    executed = 0
    for number, cell in enumerate(stable.cells, start=1):
        cell.id = f"cell-{number:02d}"
        kept = cell.metadata.keys() & {"tags", "jupyter"}
        cell.metadata = {key: cell.metadata[key] for key in sorted(kept)}
        if cell.cell_type != "code":
            continue
        if cell.execution_count is not None:
            executed += 1
            cell.execution_count = executed
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = executed
            for texts in (output, output.get("data", {})):
                for key, value in texts.items():
                    if isinstance(value, str) and key != "image/png":
                        texts[key] = stable_text(value, folders)
    return stable


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Drop stderr and widgets, then make one output of neighbouring pieces of stdout."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if output.get("name") == "stderr" or WIDGET in output.get("data", {}):
            continue
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def stable_text(text: str, folders: Mapping[str, str]) -> str:
    """Return `text` without memory addresses; `folders` are replaced, the longest first."""
    for path in sorted(folders, key=len, reverse=True):
        # A folder such as "/" (the home of some containers) would match everywhere.
        if len(Path(path).parts) > 1:
            pattern = rf"(?<![\w./-]){re.escape(path)}(?![\w.-])"
            text = re.sub(pattern, folders[path], text)
    return _ADDRESS.sub("0", text)
