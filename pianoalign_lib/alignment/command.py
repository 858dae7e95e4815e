"""The command ``pianoalign align``: a recording and a loose MIDI file in, an aligned one out."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from ..common.errors import InputError
from ..common.files import atomic_path

DOUBTFUL = 3  # the exit code where few notes are sure
EPILOG = (
    "example: pianoalign align recording.wav loose.mid -o aligned.mid --report report.html. Exit "
    "codes: 0; 1: an input cannot be used, and nothing is written; 3: less than half of the notes "
    "are sure."
)
QUALITIES = {"fast": "localizer", "best": "localizer_best"}
SUFFIXES = {"output": (".mid", ".midi"), "report": (".html", ".htm")}


def add_align_parser(commands) -> None:
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser(
        "align",
        help="move the notes of a MIDI file to where a recording has them",
        description="Move the notes of a MIDI file to where a recording has them. Its accuracy and "
        "confidence were measured on pianos; on other instruments they are not vouched for, though "
        "--weights localizer_joint has heard some plucked and bowed ones (pianoalign models).",
        epilog=EPILOG,
    )
    parser.add_argument("recording", help="audio file: wav, flac, ogg, mp3, ...")
    parser.add_argument(
        "midi",
        help="MIDI file or printed score (MusicXML, ...) of the music; start and tempo may differ",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="MIDI", help="the aligned MIDI file"
    )
    parser.add_argument(
        "--notes",
        metavar="FILE",
        help="a table of the notes, by its suffix: .csv (all, with confidences), .tsv (as MAPS), "
        ".jams, .match (printed scores), .svl (Sonic Visualiser), .txt (Audacity)",
    )
    parser.add_argument("--report", metavar="HTML", help="a page with a player and notes to check")
    parser.add_argument(
        "--method",
        default="localizer",
        help="localizer (default), crnn, dtw or hybrid; the last three need the full installation",
    )
    add_choices(parser)
    parser.set_defaults(run=run_align, stopped="stopped; nothing was written")


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen of an alignment, of one pair or of many."""
    parser.add_argument(
        "--keep-beats",
        action="store_true",
        help="write a tempo map that follows the recording, so that bars and beats stay true",
    )
    parser.add_argument(
        "--repeats",
        choices=("once", "unfold"),
        default="once",
        help="unfold: notes of a passage that is played again are written for each time",
    )
    network = parser.add_mutually_exclusive_group()
    network.add_argument(
        "--quality",
        choices=QUALITIES,
        help="best: weights that place the notes of loose MIDI better, and those of scores a "
        "little worse, in the same time (fast)",
    )
    network.add_argument(
        "--weights", help="of the localizer, by a name that 'pianoalign models' lists (localizer)"
    )


def weights_of(arguments: argparse.Namespace) -> str:
    """Return the name of the weights that were asked for, by either option."""
    return arguments.weights or QUALITIES[arguments.quality or "fast"]


def run_align(arguments: argparse.Namespace) -> int:
    """Align, write all outputs or none of them, print a summary, and return the exit code.

    Raises
    ------
    PianoAlignError
        If an input cannot be used or an output cannot be written.
    """
    outputs = {
        name: Path(path)
        for name in ("output", "notes", "report")
        if (path := getattr(arguments, name)) is not None
    }
    _check_outputs(outputs, [Path(arguments.recording), Path(arguments.midi)])
    begun_s = time.perf_counter()
    from .aligner import align
    from .formats import render, suffix_of
    from .result import LEAST_SURE

    if "notes" in outputs:
        suffix_of(outputs["notes"])  # before the work, not after it

    start_s = time.perf_counter()
    result = align(
        arguments.recording, arguments.midi,
        method=arguments.method, repeats=arguments.repeats, weights=weights_of(arguments),
    )  # fmt: skip
    contents = {"output": result.midi_bytes(keep_beats=arguments.keep_beats)}
    if "notes" in outputs:
        contents["notes"] = render(result, outputs["notes"]).encode()
    if "report" in outputs:
        contents["report"] = result.report_html().encode()
    _write_all({outputs[name]: content for name, content in contents.items()})
    seconds = time.perf_counter() - start_s
    print(result.summary())
    written = ", ".join(str(path) for path in outputs.values())
    print(
        f"{written}: {result.duration_s:,.0f} s of music in {seconds:.1f} s, after "
        f"{start_s - begun_s:.1f} s to start"
    )
    for line in filter(None, [result.tuning_text(), result.structure_text()]):
        print(line)
    for remark in result.remarks:
        print(remark, file=sys.stderr)
    print(f"sure: {100 * result.sure_share:.0f} % of the notes")
    if result.sure_share < LEAST_SURE:
        print("less than half: check that recording and MIDI file belong together", file=sys.stderr)
        return DOUBTFUL
    return 0


def _write_all(contents: dict[Path, bytes]) -> None:
    """Write all files or none: each is renamed only once all of them have been written."""
    with ExitStack() as stack:
        for path, content in contents.items():
            stack.enter_context(atomic_path(path)).write_bytes(content)


def _check_outputs(outputs: dict[str, Path], inputs: list[Path]) -> None:
    """Refuse outputs that would replace an input, each other, or what is no ordinary file.

    And those, by their names, whose suffix says another kind of file.
    """
    places = [os.path.realpath(path) for path in outputs.values()]
    for path, place in zip(outputs.values(), places, strict=True):
        if any(os.path.realpath(source) == place for source in inputs):
            raise InputError(f"{path}: is an input, too; choose another name for the output")
        if places.count(place) > 1:
            raise InputError(f"{path}: is named for two outputs; give each its own name")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is there and no ordinary file; choose another name")
    for name, suffixes in SUFFIXES.items():
        if name in outputs and outputs[name].suffix.lower() not in suffixes:
            raise InputError(f"{outputs[name]}: let the name of this output end in {suffixes[0]}")
