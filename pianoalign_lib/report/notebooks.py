"""Run a notebook of the study and keep its executed form.

A notebook runs with this very interpreter and library (not with whatever kernel is called
"python3" on this machine), with a fixed environment, and is written only when every cell has
succeeded. Two runs on equal files give equal bytes.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from ..common.config import corpus_paths, project_root
from ..common.errors import PianoAlignError
from ..common.files import PACKAGE, atomic_path
from .notebook_output import stable_notebook

log = logging.getLogger(__name__)

START_TIMEOUT_S = 180
LONGEST_SOCKET_FOLDER = 80  # a socket's whole path has at most 107 characters on Linux
LONGEST_MESSAGE = 400  # characters of a cell's exception that are passed on


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
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PianoAlignError(
            f"{source}: not a readable notebook ({reason[:LONGEST_MESSAGE]}); restore it from git"
        ) from error
    if not any("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells):
        raise PianoAlignError(
            f"{source}: no cell is tagged 'parameters'; tag the one that sets corpus"
        )
    return notebook


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
            raise _cell_error(
                source, notebook, error.cell_index, error.ename, error.evalue
            ) from error
        except DeadKernelError as error:
            raise PianoAlignError(
                f"{source}: its kernel died (out of memory?); run the stage again"
            ) from error
        except (RuntimeError, TimeoutError, OSError) as error:
            reason = " ".join(str(error).split())[:LONGEST_MESSAGE]
            raise PianoAlignError(f"{source}: its kernel does not run ({reason})") from error
    for index, cell in enumerate(executed.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":  # papermill lets sys.exit() pass
                raise _cell_error(source, notebook, index, output.ename, output.evalue)
    return executed


def _cell_error(
    source: Path, notebook: NotebookNode, index: int, kind: str, message: str
) -> PianoAlignError:
    """Return the error of one cell, numbered from 1 as in the notebook without injected cells."""
    tagged = next(
        place
        for place, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    )
    number = index if index > tagged else index + 1
    text = " ".join(f"{kind}: {message}".split())[:LONGEST_MESSAGE]
    return PianoAlignError(f"{source}: cell {number}: {text}")


def _kernel_manager_class(scratch: Path) -> Any:
    """Return a kernel manager class that knows one kernel: this interpreter."""
    spec = KernelSpec(
        argv=[
            sys.executable,
            "-Xfrozen_modules=off",
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ],
        display_name="Python 3",
        language="python",
        env=_environment(scratch),
    )

    class ThisInterpreter(AsyncKernelManager):
        """Starts this interpreter, whatever the name asked for."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            if len(str(scratch)) < LONGEST_SOCKET_FOLDER:
                # Sockets in a private folder: no port that clashes with another run's, no network.
                self.transport = "ipc"
                self.connection_file = str(scratch / "kernel.json")

        @property
        def kernel_spec(self) -> KernelSpec:
            return spec

    return ThisInterpreter


def _environment(scratch: Path) -> dict[str, str]:
    """Return the variables that keep a user's settings out of a notebook's output."""
    return {
        # The library this process runs, before any other of that name.
        "PYTHONPATH": str(PACKAGE.parent),
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "0",
        "IPYTHONDIR": str(scratch),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(Path(matplotlib.get_data_path()) / "matplotlibrc"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
    }
