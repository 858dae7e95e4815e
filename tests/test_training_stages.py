"""`python -m training`: the frozen stages' commands, in order, up to the first that fails."""

from __future__ import annotations

import pytest
import yaml

from training import __main__ as program


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of three stages that write down what they do, and whose DVC does the same."""
    stages = {
        "one": {"cmd": ["echo one >> log", "echo more >> log"]},
        "broken": {"cmd": ["exit 7", "echo never >> log"]},
        "each": {"matrix": {"corpus": ["demo"]}, "cmd": "echo each >> log"},
    }
    (tmp_path / "training").mkdir()
    (tmp_path / program.FILE).write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    dvc = tmp_path / "bin" / "dvc"
    dvc.parent.mkdir()
    dvc.write_text('#!/bin/sh\necho "dvc $*" >> log\n')
    dvc.chmod(0o755)
    monkeypatch.setenv("PATH", str(dvc.parent), prepend=":")
    monkeypatch.setattr(program, "project_root", lambda: tmp_path)
    return tmp_path


def test_commands_run_in_order_and_dvc_notes_what_they_made(root):
    assert program.main(["one"]) == 0
    log = (root / "log").read_text().splitlines()
    assert log == ["one", "more", f"dvc commit --force {program.FILE}:one"]


def test_the_first_that_fails_ends_it(root):
    assert program.main(["one", "broken", "one"]) == 7
    assert (root / "log").read_text().splitlines()[-1].endswith(":one")
    assert "never" not in (root / "log").read_text()


@pytest.mark.parametrize("name", ["each", "other"])
def test_what_is_no_single_stage_is_refused_before_anything_runs(root, capsys, name):
    assert program.main(["one", name]) == 1
    assert f"no stage '{name}'; choose of one, broken" in capsys.readouterr().err
    assert not (root / "log").exists()
