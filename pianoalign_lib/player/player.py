"""From a recording and notes to the HTML of a player, and to what a notebook shows of it."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from PIL import Image

from ..common.html_page import embedded
from ..io.midi_score import HIGHEST_PITCH
from ..io.recording import Recording
from ..localizer.spectra import LONG_FPS, LOWEST_ROW, STEPS_PER_DB, Spectra
from .sound import beginning

LONGEST_S = 300.0  # of the sound in a page: about 2.4 MB; the rest of the recording is not heard
PICTURE_FPS = 50
RANGE_DB = 45.0
MARGIN_KEYS = 3
N_PEAKS = 3000
ZOOM_PX = 30  # per second, at least, that a player begins with
FOLDER = Path(__file__).parent
VENDORED = ("wavesurfer.min.js", "regions.min.js", "timeline.min.js")


@cache
def script() -> str:
    """Return what defines ``pianoalignPlayer``: wavesurfer.js, its plugins, and our own part."""
    parts = [(FOLDER / "vendored" / name).read_text(encoding="utf-8") for name in VENDORED]
    # Hidden from loaders of modules, which would keep the library for themselves.
    library = "\n".join(parts)
    licence = (FOLDER / "vendored" / "LICENSE").read_text(encoding="utf-8")
    return (
        f"/*! wavesurfer.js, https://wavesurfer.xyz\n{licence}*/\n"
        "var pianoalignVendored = (function (define, exports, module) {\n"
        f"{library}\nreturn {{ WaveSurfer: globalThis.WaveSurfer }};\n}}).call(globalThis);\n"
        + (FOLDER / "player.js").read_text(encoding="utf-8")
    )


def page_script() -> str:
    """Return `script`, and what makes all players of a page work."""
    return (
        f"{script()}document.querySelectorAll('.pa-player').forEach((el) => pianoalignPlayer(el));"
    )


@cache
def stylesheet() -> str:
    """Return the player's CSS."""
    return (FOLDER / "player.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Shown:
    """A player that a notebook shows as it is, also where no kernel runs."""

    player: Markup

    def _repr_html_(self) -> str:
        frame = Markup(
            '<iframe title="Player" srcdoc="{}" style="width: 100%; height: 37rem; border: 0" '
            'onload="const {{ body }} = this.contentDocument; new ResizeObserver(() => '
            "{{ this.style.height = body.offsetHeight + 24 + 'px'; }}).observe(body)\"></iframe>"
        )
        return frame.format(str(self.page()))

    def page(self) -> Markup:
        """Return a page of the player alone."""
        return Markup(
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Player</title>'
            "<style>:root {{ color-scheme: light dark; }} body {{ margin: .5rem; font: 15px/1.5 "
            "system-ui, sans-serif; }} {}</style></head><body><main>{}</main><script>{}</script>"
            "</body></html>"
        ).format(Markup(stylesheet()), self.player, Markup(page_script()))


def player_html(
    recording: Recording,
    spectra: Spectra,
    notes: pd.DataFrame,
    kinds: Mapping[str, str],
    *,
    editable: bool = False,
    fast: bool = False,
) -> Markup:
    """Return the element of a player; `script` and `stylesheet` make it work.

    Parameters
    ----------
    recording, spectra
        What is heard on the left, of which the first five minutes are taken, and its spectra.
    notes
        Columns pitch, velocity, onset_in_s (before), onset_s (after), offset_s, kind (one of
        `kinds`), text (said of a note that is selected), and check (bool: a note to step to).
    kinds
        Colour by kind.
    editable
        Whether notes can be dragged.
    fast
        For a kernel beside the browser: the sound is made at once, and is larger.
    """
    sound = beginning(recording, LONGEST_S)
    seconds = sound.seconds
    inside = audible(notes, seconds)
    low, high = _keys(inside)
    data = {
        "sound": embedded(sound.flac(), "audio/flac")
        if fast
        else embedded(sound.opus(), "audio/ogg"),
        "peaks": _rounded(sound.peaks(N_PEAKS), 3),
        "duration_s": seconds,
        "picture": _picture(spectra, seconds, low, high),
        "low": low,
        "high": high,
        "kinds": [{"name": name, "colour": colour} for name, colour in kinds.items()],
        "editable": editable,
        "alt": f"Piano roll of {len(inside):,} notes over the recording's spectrogram.",
        "notes": columns(inside, list(kinds)),
    }
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True)
    cut = seconds < spectra.duration_s - 0.5
    # No end tag can stand in a script; JSON has other ways to write what begins one.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return Markup(
        environment.get_template("player.html").render(
            data=Markup(text),
            name=f"pa-{zlib.crc32(text.encode()):08x}",
            kinds=data["kinds"],
            duration_s=f"{seconds:.2f}",
            zoom=ZOOM_PX,
            editable=editable,
            told=f"Only the first {seconds / 60:.0f} minutes can be heard here." if cut else "",
        )
    )


def audible(notes: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """Return the notes on the 88 keys that begin within the sound."""
    return notes[(notes["onset_s"] < seconds) & notes["pitch"].between(LOWEST_ROW, HIGHEST_PITCH)]


def columns(notes: pd.DataFrame, kinds: Sequence[str]) -> dict[str, list[Any]]:
    """Return notes as the player's script takes them."""
    return {
        "row": notes.index.tolist(),
        "pitch": notes["pitch"].tolist(),
        "velocity": notes["velocity"].tolist(),
        "before": _rounded(notes["onset_in_s"], 4),
        "after": _rounded(notes["onset_s"], 4),
        "length": _rounded(notes["offset_s"] - notes["onset_s"], 3),
        "kind": [kinds.index(kind) for kind in notes["kind"]],
        "text": notes["text"].tolist(),
        "check": notes["check"].astype(int).tolist(),
    }


def _rounded(values: pd.Series | np.ndarray, digits: int) -> list[float]:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _keys(notes: pd.DataFrame) -> tuple[int, int]:
    if notes.empty:
        return LOWEST_ROW, HIGHEST_PITCH
    low, high = int(notes["pitch"].min()), int(notes["pitch"].max())
    return max(low - MARGIN_KEYS, LOWEST_ROW), min(high + MARGIN_KEYS, HIGHEST_PITCH)


def _picture(spectra: Spectra, seconds: float, low: int, high: int) -> str:
    """Return the spectrogram of the keys shown as a grey picture, dark where it is loud."""
    frames = spectra.long[: int(seconds * LONG_FPS) : LONG_FPS // PICTURE_FPS]
    level = frames[:, low - LOWEST_ROW : high - LOWEST_ROW + 1].astype(np.float32)
    # Beyond the last frame, and short of it, nothing is heard.
    missing = int(seconds * PICTURE_FPS) - len(level)
    level = np.pad(level, ((0, max(missing, 0)), (0, 0))) / STEPS_PER_DB
    shade = np.clip((level.max(initial=0.0) - level) / RANGE_DB, 0.0, 1.0)
    buffer = io.BytesIO()
    grey = (255 * np.sqrt(shade)).astype(np.uint8).T[::-1]
    Image.fromarray(np.ascontiguousarray(grey)).save(buffer, format="webp", quality=60)
    return embedded(buffer.getvalue(), "image/webp")
