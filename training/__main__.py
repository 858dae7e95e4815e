"""``python -m training localizer_1 localizer``: run frozen stages of ``training/dvc.yaml``.

One after the other, command by command, as DVC would if they were not frozen; afterwards DVC notes
what they made. Each command goes on where it was stopped, and so does this one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

import yaml

from pianoalign_lib.cli import run_command
from pianoalign_lib.common.config import project_root
from pianoalign_lib.common.errors import ConfigError

FILE = "training/dvc.yaml"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages named and return the exit code."""
    parser = argparse.ArgumentParser("python -m training", description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="+", help=f"of {FILE}, in this order")
    parser.set_defaults(run=lambda arguments: run_stages(arguments.stages))
    return run_command(parser.parse_args(argv))


def run_stages(names: Sequence[str]) -> int:
    """Run the commands of stages; return the exit code of the first that fails, or 0.

    Raises
    ------
    ConfigError
        If there is no such stage, or it is one for each of several corpora (``make retrain``).
    """
    root = project_root()
    stages = yaml.safe_load((root / FILE).read_text(encoding="utf-8"))["stages"]
    single = [name for name, stage in stages.items() if "matrix" not in stage]
    for name in names:
        if name not in single:
            raise ConfigError(f"{FILE}: no stage '{name}'; choose of {', '.join(single)}")
    for name in names:
        commands = stages[name]["cmd"]
        noted = f"dvc commit --force {FILE}:{name}"
        for command in [*([commands] if isinstance(commands, str) else commands), noted]:
            print(f"{name}: {command}", file=sys.stderr)
            if code := subprocess.run(command, shell=True, cwd=root).returncode:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
