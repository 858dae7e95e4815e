"""``python -m benchmarks.field --corpus maps --method transkun``: run tools of table 7.

Their predictions are stored in ``results/<corpus>/field`` and all tools are scored from there;
without ``--method``, they are only scored. ``--costs`` measures processor time, memory and all
kinds of timing errors instead, on fewer excerpts: it needs an idle machine.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from pianoalign_lib.cli import corpus_of, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run a tool, write the files of scores and return the exit code."""
    parser = ArgumentParser("python -m benchmarks.field", description=__doc__.partition(": ")[2])
    parser.add_argument("--corpus", default="demo")
    parser.add_argument(
        "--method", nargs="+", default=[], help="of those of table 7; none: score what is stored"
    )
    parser.add_argument("--test-set", nargs="+", help="run on these only, to go on with others")
    parser.add_argument("--costs", action="store_true", help="measure the method's costs instead")
    parser.set_defaults(run=_run)
    return run_command(parser.parse_args(argv))


def _run(arguments: Namespace) -> None:
    from .measured import write_measured
    from .predictions import store
    from .run import field_tasks, run_field
    from .summary import write_field

    paths, params = corpus_of(arguments)
    costs, test_sets = arguments.costs, arguments.test_set
    for method in arguments.method:  # one process each: its CPU time is measured
        note = run_field(paths, params, method, costs=costs, test_sets=test_sets)
        tasks = field_tasks(paths, params, method, note.get("versions", {}), costs)
        if costs:
            write_measured(paths, params, method, tasks, note)
        else:
            store(paths, method, tasks, note)
    write_field(paths, params)


if __name__ == "__main__":
    sys.exit(main())
