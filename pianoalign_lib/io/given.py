"""Files as people name them: what is there instead of the file that is asked for."""

from __future__ import annotations

import re
from pathlib import Path

from ..common.errors import InputError

HEAD = 512  # bytes that tell what a file is
RECORDING, MIDI = "a recording", "a MIDI file"
# Where a mark stands, the mark, and what has it.
MARKS = (
    (0, b"MThd", MIDI), (8, b"RMID", MIDI), (8, b"WAVE", RECORDING), (8, b"AIF", RECORDING),
    (0, b"fLaC", RECORDING), (0, b"OggS", RECORDING), (0, b"ID3", RECORDING),
    (0, b"\xff\xfb", RECORDING), (0, b"NIST_1A", RECORDING), (4, b"ftyp", "an MP4 file"),
    (0, b"\x30\x26\xb2\x75", "a Windows Media file"), (0, b"\x1a\x45\xdf\xa3", "a Matroska file"),
    (0, b"\xff\xf1", "an AAC file"), (0, b"\xff\xf9", "an AAC file"), (8, b"AVI ", "an AVI file"),
    (0, b"FLV\1", "a Flash video"), (0, b"\0\0\1\xba", "an MPEG video"),
    (0, b"PK\3\4", "a zip archive"), (0, b"%PDF", "a PDF document"),
    (0, b"\x1f\x8b", "a gzip archive"), (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xbc\xaf", "a 7z archive"),
    (0, b"caff", RECORDING), (0, b".snd", RECORDING), (0, b"\xff\xf3", RECORDING),
    (0, b"\xff\xf2", RECORDING), (0, b"\xff\xfa", RECORDING),
)  # fmt: skip


def given_file(source: str | Path) -> Path:
    """Return the path of an ordinary file; InputError for an address, a folder, a pipe."""
    path = Path(source)
    if not has_text(path):
        raise InputError(f"{str(path)!a}: its name is not in UTF-8; rename the file")
    if path.is_file():
        return path
    if re.match(r"\w{2,}:/", str(source)):
        raise InputError(f"{source}: is an address; download the file and give its path")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it")
    if path.exists():
        raise InputError(f"{path}: is a pipe or device; save it as a file first")
    place = "" if path.is_absolute() else f" in {Path.cwd()}"
    raise InputError(f"{path}: no such file{place}; check its name and folder")


def has_text(path: Path) -> bool:
    """Whether a name can be written down: not if its bytes are no UTF-8, or have a zero."""
    try:
        return b"\0" not in str(path).encode()
    except UnicodeEncodeError:
        return False


def kind_of(head: bytes) -> str:
    """Return what a file with these first bytes is; empty if unknown."""
    for place, mark, kind in MARKS:
        if head[place:].startswith(mark):
            return kind
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        return "a web page" if b"<html" in head.lower() else "an XML file"
    is_text = head and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
    return "a text file" if is_text else ""
