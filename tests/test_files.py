"""Files are whole or absent."""

from __future__ import annotations

import stat

import pytest

from pianoalign_lib.common.errors import PianoAlignError
from pianoalign_lib.common.files import atomic_path, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    with pytest.raises(ValueError, match="halfway"), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise ValueError("halfway")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert target.read_text() == "old"


def test_no_space_is_reported_with_the_file_and_the_remedy(tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", no_space)
    with pytest.raises(PianoAlignError, match=r"table\.csv: cannot write \(No space left.*free"):
        write_text(tmp_path / "table.csv", "text")
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PianoAlignError, match="cannot write"):
        write_text(tmp_path / "file" / "table.csv", "text")


def test_outputs_have_ordinary_permissions(tmp_path):
    write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"]
    assert modes[0] == modes[1]
