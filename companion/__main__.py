"""``python -m companion tables --corpus maps``: notebooks, tables and the report of a corpus."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from pianoalign_lib.cli import corpus_of, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = ArgumentParser("python -m companion", description=__doc__.partition(": ")[2])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("notebook", _notebook, "execute one notebook"),
        ("tables", _tables, "print all tables"),
        ("report", _report, "put all tables and figures on one page"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--corpus", default="demo")
        command.set_defaults(run=run)
        if name == "notebook":
            command.add_argument("name", help="for example 03_ablations")
    return run_command(parser.parse_args(argv))


def _notebook(arguments: Namespace) -> None:
    from .report.notebooks import run_notebook

    run_notebook(arguments.name, corpus_of(arguments)[0].corpus)


def _tables(arguments: Namespace) -> None:
    from .report.page import markdown_tables

    print(markdown_tables(corpus_of(arguments)[0].corpus), end="")


def _report(arguments: Namespace) -> None:
    from .report.page import build_report

    print(build_report(corpus_of(arguments)[0].corpus))


if __name__ == "__main__":
    sys.exit(main())
