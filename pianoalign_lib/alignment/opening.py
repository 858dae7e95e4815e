"""A notebook's form for a pair of one's own: name or upload recording and MIDI file, and align."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from ..common.errors import InputError, PianoAlignError
from ..io.audio import SOUND_SUFFIXES, open_sound
from ..io.midi_score import SCORE_SUFFIXES
from ..io.recording import UNKNOWN
from ..player.widget import with_picture
from .aligner import align
from .workbench import Workbench

LONGEST_S = 1800.0  # of a recording in a notebook
WIDE = {"width": "34rem", "max_width": "100%"}


class YourRecording(widgets.VBox):
    """A form whose button aligns, and which then shows the result's workbench.

    Parameters
    ----------
    recording, midi
        Paths that the form begins with.
    """

    def __init__(self, recording: str | Path = "", midi: str | Path = "") -> None:
        self._uploads = tempfile.TemporaryDirectory(prefix="pianoalign-")
        self.recording = _path("Recording", recording)
        self.midi = _path("MIDI file", midi)
        uploads = [
            self._upload(self.recording, SOUND_SUFFIXES),
            self._upload(self.midi, SCORE_SUFFIXES),
        ]
        self.align = widgets.Button(description="Align", button_style="primary")
        self.align.on_click(lambda _: self.run())
        self.told = widgets.HTML("")
        self.place = widgets.VBox([])
        self.workbench: Workbench | None = None
        rows = [
            widgets.HBox(pair, layout={"flex_flow": "row wrap"})
            for pair in zip((self.recording, self.midi), uploads, strict=True)
        ]
        super().__init__([*rows, self.align, self.told, self.place])

    def run(self) -> None:
        """Align what the fields name; say in a line what is wrong with it."""
        self.place.children, self.workbench = (), None
        self.told.value = "aligning…"
        try:
            _check_length(self.recording.value)
            self.workbench = align(self.recording.value, self.midi.value).explore()
        except PianoAlignError as error:
            self.told.value = f"<strong>{escape(str(error))}</strong>"
            return
        self.told.value = ""
        self.place.children = (self.workbench,)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        found = super()._repr_mimebundle_(**options)
        return with_picture(found, self.workbench.picture()) if self.workbench else found

    def _upload(self, field: widgets.Text, suffixes: Iterable[str]) -> widgets.FileUpload:
        """Return a button for a file, which then stands in the field."""
        upload = widgets.FileUpload(accept=",".join(suffixes))

        def take(change: dict) -> None:
            for file in change["new"]:
                path = Path(self._uploads.name) / Path(file["name"]).name
                path.write_bytes(file["content"])
                field.value = str(path)

        upload.observe(take, "value")
        return upload


def _path(name: str, value: str | Path) -> widgets.Text:
    return widgets.Text(str(value), description=name, placeholder="a path", layout=WIDE)


def _check_length(path: str) -> None:
    with open_sound(path) as file:
        n_samples = file.frames if file.frames < UNKNOWN else sum(map(len, file.parts()))
        seconds = n_samples / file.samplerate
    if seconds > LONGEST_S:
        raise InputError(
            f"{path}: lasts {seconds / 60:,.0f} minutes; a notebook takes up to "
            f"{LONGEST_S / 60:.0f}: use `pianoalign align`, or cut it"
        )
