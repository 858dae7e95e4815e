"""A notebook's workbench for one alignment: listen, check, correct by dragging, save."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from ..common.errors import PianoAlignError
from ..player.widget import PlayerWidget, with_picture
from .listening import KINDS, shown_notes

Result = Any  # an Alignment; result.py imports this module
STATIC_DPI = 90
SAVED = ("mid", "csv", "jams")


class Workbench(widgets.VBox):
    """A player in which notes are corrected; each correction is an anchor for the others.

    Attributes
    ----------
    result : Alignment
        As it is now.
    anchors : dict[int, float]
        The corrections: onset in seconds by row.
    """

    def __init__(self, result: Result) -> None:
        self.result = self._first = result
        self.anchors: dict[int, float] = {}
        self._before: list[dict[int, float]] = []  # the anchors before each correction
        self.player = PlayerWidget(
            result._recording, result.spectra, shown_notes(result.notes), KINDS, editable=True
        )
        self.told = widgets.HTML(result.summary())
        self._undo = widgets.Button(description="Undo", tooltip="take back the last correction")
        stem = Path(result.midi).stem or "aligned"
        self.name = widgets.Text(
            f"{stem}_aligned", description="Save as", layout={"width": "22rem"}
        )
        buttons = [
            widgets.Button(description=f".{kind}", layout={"width": "5rem"}) for kind in SAVED
        ]
        for kind, button in zip(SAVED, buttons, strict=True):
            button.on_click(lambda _, kind=kind: self._try(self.save, kind))
        self._undo.on_click(lambda _: self._try(self.undo))
        self.player.observe(lambda change: self._try(self.correct, change["new"]), "moved")
        below = widgets.HBox([self._undo, self.name, *buttons], layout={"flex_flow": "row wrap"})
        super().__init__([self.player, self.told, below])

    def correct(self, moved: Iterable[tuple[int, float]]) -> None:
        """Put a note or a passage right, given as rows and onsets in seconds.

        Of a passage, the first and the last note become anchors; what is between them and around
        them is aligned again.
        """
        given = {int(row): float(onset_s) for row, onset_s in moved}
        order = self.result.notes["onset_in_s"].loc[list(given)]
        ends = {int(order.idxmin()), int(order.idxmax())}
        before = self.anchors
        # Earlier anchors inside it moved with it, and are anchors no more.
        kept = {row: time_s for row, time_s in before.items() if row not in given}
        self._align(kept | {row: given[row] for row in ends})
        self._before.append(before)

    def undo(self) -> None:
        """Take back the last correction."""
        self._align(self._before.pop() if self._before else {})

    def save(self, kind: str) -> None:
        """Write the result as ``mid``, ``csv`` or ``jams``, named as the field says."""
        path = Path(f"{self.name.value}.{kind}")
        if kind == "mid":
            self.result.to_midi(path)
        else:
            self.result.to_notes(path)
        self.told.value = f"written: {path}"

    def _align(self, anchors: dict[int, float]) -> None:
        self.result = self._first.anchored(anchors) if anchors else self._first
        self.anchors = anchors
        corrected = f"; {len(anchors)} corrected by hand" if anchors else ""
        self.told.value = self.result.summary() + corrected
        self.player.show(shown_notes(self.result.notes))

    def _try(self, action, *given) -> None:
        """Do it, or say in a line why it cannot be done, and show what holds."""
        self.told.value = "…"
        try:
            action(*given)
        except PianoAlignError as error:
            self.told.value = str(error)
            self.player.show(shown_notes(self.result.notes))

    def picture(self) -> bytes:
        """Return the result's picture as PNG."""
        buffer = io.BytesIO()
        self.result.plot().savefig(buffer, format="png", dpi=STATIC_DPI)
        return buffer.getvalue()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return with_picture(super()._repr_mimebundle_(**options), self.picture())
