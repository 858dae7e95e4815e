"""``pianoalign align``: outputs all or none, one line on every error. The localizer is replaced."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import mido
import numpy as np
import pandas as pd
import pytest
import soundfile as sf

import pianoalign_lib.localizer.locate as locate_module
from pianoalign_lib import cli
from pianoalign_lib.common.errors import InputError
from pianoalign_lib.io.placement import Placement

RATE = 16_000


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a recording and a MIDI file of three notes, which the localizer moves by 0.1 s."""

    def locate(spectra, notes: pd.DataFrame) -> Placement:
        n_notes = len(notes)
        status = np.array(["aligned", "uncertain", "aligned"][:n_notes], dtype=object)
        onset_s = notes["onset_s"].to_numpy() + 0.1
        return Placement(onset_s=onset_s, confidence=np.full(n_notes, 0.7), status=status)

    monkeypatch.setattr(locate_module, "locate", locate)
    track = mido.MidiTrack()
    for pitch in (60, 64, 67):
        track.append(mido.Message("note_on", note=pitch, velocity=70, time=240))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=240))
    mido.MidiFile(tracks=[track]).save(tmp_path / "loose.mid")
    rng = np.random.default_rng(0)
    sf.write(tmp_path / "recording.wav", rng.uniform(-0.3, 0.3, 2 * RATE), RATE)
    out = tmp_path / "out"
    return SimpleNamespace(
        audio=tmp_path / "recording.wav", midi=tmp_path / "loose.mid", folder=tmp_path, out=out
    )


def run(files: SimpleNamespace, *options: object) -> int:
    return cli.main(["align", *(str(part) for part in (files.audio, files.midi, *options))])


def left(files: SimpleNamespace) -> list[str]:
    return sorted(path.name for path in files.folder.rglob("*") if path.is_file())


INPUTS = ["loose.mid", "recording.wav"]


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ((), "localizer"),
        (("--quality", "fast"), "localizer"),
        (("--quality", "best"), "localizer_best"),
        (("--weights", "localizer_1"), "localizer_1"),
    ],
)
def test_a_quality_is_another_name_for_weights(files, monkeypatch, options, weights) -> None:
    asked = []

    def align(*_, **chosen):
        asked.append(chosen["weights"])
        raise InputError("enough")

    monkeypatch.setattr("pianoalign_lib.alignment.aligner.align", align)
    assert run(files, "-o", files.out / "a.mid", *options) == 1
    assert asked == [weights]


@pytest.mark.parametrize("first", ["--quality", "--weights"])
def test_quality_and_weights_exclude_each_other(files, capsys, first) -> None:
    options = {"--quality": "best", "--weights": "localizer"}
    ordered = [first, options.pop(first), *options, *options.values()]
    with pytest.raises(SystemExit):
        run(files, "-o", files.out / "a.mid", *ordered)
    assert "not allowed with argument" in capsys.readouterr().err


def test_all_outputs_and_a_summary(files, capsys):
    out = files.out
    options = ["-o", out / "a.mid", "--notes", out / "n.csv", "--report", out / "r.html"]
    assert run(files, *options) == 0
    assert left(files) == ["a.mid", "loose.mid", "n.csv", "r.html", "recording.wav"]
    assert [message.type for message in mido.MidiFile(out / "a.mid").tracks[0]][0] == "set_tempo"
    assert pd.read_csv(out / "n.csv")["shift_s"].tolist() == pytest.approx([0.1] * 3)
    assert (out / "r.html").read_text().startswith("<!DOCTYPE html>")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("3 notes: 2 aligned, 1 uncertain, 0 not heard; median shift +100")
    assert len(printed) == 3 and "2 s of music in" in printed[1]
    assert printed[2] == "sure: 67 % of the notes"


def test_less_than_half_sure_is_told_and_ends_with_code_3(files, monkeypatch, capsys):
    def doubt(spectra, notes: pd.DataFrame) -> Placement:
        onset_s = notes["onset_s"].to_numpy()
        status = np.array(["aligned", "uncertain", "not heard"], dtype=object)
        stretches = ((0.0, 0.5, 1.0, 1.5), (0.0, 1.0, 1.5, 2.5))
        return Placement(onset_s, np.full(3, 0.7), status, structure=stretches)

    monkeypatch.setattr(locate_module, "locate", doubt)
    assert run(files, "-o", files.out / "a.mid") == 3
    printed = capsys.readouterr()
    assert printed.out.splitlines()[2:] == [
        "played in 2 stretches: 0.0–0.5 s of the MIDI file at 1.0–1.5 s, then "
        "0.0–1.0 s of the MIDI file at 1.5–2.5 s",
        "sure: 33 % of the notes",
    ]
    assert "less than half" in printed.err
    assert (files.out / "a.mid").is_file()


def test_the_same_run_writes_the_same_bytes(files):
    for name in ("a", "b"):
        options = ["-o", files.out / f"{name}.mid", "--report", files.out / f"{name}.html"]
        assert run(files, *options) == 0
    for suffix in ("mid", "html"):
        first, second = ((files.out / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert first == second


@pytest.mark.parametrize("last", [".csv", ".html"])
def test_all_or_nothing(last, files, monkeypatch, capsys):
    """The disk fills up while a later file is written: the earlier ones are not left, either."""
    write = Path.write_bytes

    def fill(path, data):
        if path.suffix == last:
            write(path, data[: len(data) // 2])
            raise OSError(28, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill)
    out = files.out
    options = ["-o", out / "a.mid", "--notes", out / "a.csv", "--report", out / "a.html"]
    assert run(files, *options) == 1
    assert left(files) == INPUTS
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"a{last}: cannot write (No space left" in error


def test_a_full_disk(files):
    """A real one as far as the process can tell: no file may grow beyond a few bytes."""
    code = """
        import sys
        import numpy as np
        import pianoalign_lib.localizer.locate as locate_module
        from pianoalign_lib import cli
        from pianoalign_lib.io.placement import placed
        def locate(spectra, notes):
            return placed(notes["onset_s"].to_numpy())
        locate_module.locate = locate
        sys.exit(cli.main(sys.argv[1:]))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), "align", str(files.audio)]
    command += [str(files.midi), "-o", str(files.out / "a.mid")]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))

    done = subprocess.run(
        command, preexec_fn=limit, capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "a.mid: cannot write" in done.stderr
    assert left(files) == INPUTS


def test_outputs_that_are_refused(files, capsys):
    before = files.midi.read_bytes(), files.audio.read_bytes()
    link = files.folder / "link.mid"
    link.symlink_to(files.midi)
    a = files.out / "a.mid"
    for options in (
        ["-o", files.midi],
        ["-o", files.folder / "x" / ".." / "loose.mid"],
        ["-o", link],
        ["-o", a, "--notes", files.audio],
        ["-o", a, "--notes", a],
        ["-o", files.folder],
        ["-o", "/dev/null"],
        ["-o", files.midi / "below" / "a.mid"],
        ["-o", files.folder / "a.wav"],
        ["-o", files.folder / "a"],
        ["-o", a, "--report", files.folder / "a.pdf"],
    ):
        assert run(files, *options) == 1, options
        printed = capsys.readouterr()
        assert printed.err.startswith("pianoalign: ") and printed.err.count("\n") == 1
        assert str(options[-1]) in printed.err and not printed.out
    assert (files.midi.read_bytes(), files.audio.read_bytes()) == before
    assert Path("/dev/null").is_char_device()
    assert left(files) == sorted([*INPUTS, "link.mid"])


def test_wrong_inputs_and_methods(files, capsys):
    missing = files.folder / "missing.wav"
    for arguments, named in (
        ([missing, files.midi], missing),
        ([files.audio, missing], missing),
        ([files.midi, files.audio], files.audio),  # the wrong way round
        ([files.audio, files.audio], files.audio),
        ([files.audio, files.midi, "--method", "magic"], "magic"),
    ):
        code = cli.main(["align", *map(str, arguments), "-o", str(files.out / "a.mid")])
        assert code == 1
        error = capsys.readouterr().err
        assert error.startswith("pianoalign: ") and error.count("\n") == 1 and str(named) in error
    assert left(files) == INPUTS
    with pytest.raises(SystemExit) as caught:  # no output named
        run(files)
    assert caught.value.code == 2


def test_errors_of_the_system_are_one_line(files, monkeypatch, capsys):
    for error, said in (
        (OSError(5, "Input/output error", "x.wav"), "x.wav: Input/output error"),
        (MemoryError(), "not enough memory"),
    ):

        def locate(spectra, notes, error=error):
            raise error

        monkeypatch.setattr(locate_module, "locate", locate)
        assert run(files, "-o", files.out / "a.mid") == 1
        printed = capsys.readouterr().err
        assert said in printed and printed.count("\n") == 1


def test_ctrl_c_leaves_nothing(files, monkeypatch, capsys):
    def locate(spectra, notes):
        raise KeyboardInterrupt

    monkeypatch.setattr(locate_module, "locate", locate)
    assert run(files, "-o", files.out / "a.mid") == 130
    assert "stopped; nothing was written" in capsys.readouterr().err and left(files) == INPUTS
