"""The player as a widget: a notebook hears of the notes that are chosen and dragged in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import anywidget
import pandas as pd
import traitlets

from ..io.recording import Recording
from ..localizer.spectra import Spectra
from .player import LONGEST_S, audible, columns, player_html, script, stylesheet

RENDER = """
export default { render({ model, el }) {
  let shown = null;
  const draw = () => {
    shown?.destroy();
    el.innerHTML = model.get("html");
    shown = pianoalignPlayer(el.querySelector(".pa-player"), {
      selected: (row) => { model.set("selected", row); model.save_changes(); },
      moved: (notes) => { model.set("moved", notes); model.save_changes(); },
    });
  };
  model.on("change:html", draw);
  model.on("change:selected", () => {
    const place = model.get("notes").row?.indexOf(model.get("selected")) ?? -1;
    if (place >= 0 && place !== shown.selected()) shown.select(place, true);
  });
  model.on("change:notes", () => shown.show(model.get("notes")));
  draw();
  return () => shown.destroy();
} };
"""


class PlayerWidget(anywidget.AnyWidget):
    """A player whose notes can be replaced.

    Attributes
    ----------
    selected : int
        Row of the note that was chosen last; -1 before.
    moved : list
        Row and onset in seconds of each note that was dragged last, one or a passage.
    """

    _esm = script() + RENDER
    _css = stylesheet()
    html = traitlets.Unicode("").tag(sync=True)
    notes = traitlets.Dict().tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    moved: traitlets.List = traitlets.List().tag(sync=True)

    def __init__(
        self,
        recording: Recording,
        spectra: Spectra,
        notes: pd.DataFrame,
        kinds: Mapping[str, str],
        **options: Any,
    ) -> None:
        super().__init__()
        self._kinds = list(kinds)
        self.html = player_html(recording, spectra, notes, kinds, fast=True, **options)
        self.show(notes)

    def show(self, notes: pd.DataFrame) -> None:
        """Replace the notes; recording and colours stay."""
        self.notes = columns(audible(notes, LONGEST_S), self._kinds)


def with_picture(bundle: Any, png: bytes) -> Any:
    """Return what a widget shows of itself, with a picture for where no widgets are."""
    encoded = base64.b64encode(png).decode("ascii")
    (bundle[0] if isinstance(bundle, tuple) else bundle)["image/png"] = encoded
    return bundle
