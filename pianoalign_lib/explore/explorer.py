"""Every note of a recording: where a method put it, what the network saw, which are the worst."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd

from ..common.errors import PianoAlignError
from ..common.labels import STATUS_COLOURS, clock, key_name, method_label
from ..io.placement import ALIGNED, NOT_HEARD, UNCERTAIN
from ..player.widget import PlayerWidget, with_picture
from .pieces import Piece, corpora, load_piece, recordings

TOLERANCES_MS = (5, 10, 25, 50, 100)
N_WORST = 50
WITHIN, EARLY, LATE = "within the tolerance", "early", "late"
KINDS = {WITHIN: "#009e73", EARLY: "#cc79a7", LATE: "#e69f00"}
KINDS |= {f"{name} (status)": STATUS_COLOURS[name] for name in (ALIGNED, UNCERTAIN)}
KINDS |= {NOT_HEARD: STATUS_COLOURS[NOT_HEARD]}
NARROW, NATURAL = {"width": "17rem"}, {"align_self": "flex-start"}


class Explorer(widgets.VBox):
    """Controls over what the pipeline computed, a player, the worst notes, and errors at a glance.

    Parameters
    ----------
    corpus
        That it begins with; the example if it is not here.
    root
        Of the project.
    """

    def __init__(self, corpus: str = "demo", root: Path | None = None) -> None:
        self._root, known = root, corpora(root)
        self._piece: Piece | None = None
        self.player: PlayerWidget | None = None
        self.corpus = _choice("Corpus", known, corpus if corpus in known else known[-1])
        self.recording = _choice("Recording", [])
        self.condition = _choice("Condition", [])
        self.method = _choice("Method", [])
        self.tolerance = _choice("Within", [(f"{ms} ms", ms) for ms in TOLERANCES_MS], 10)
        self.colour = _choice("Colour", ["error", "status"], "error")
        self.told = widgets.HTML()
        self.place = widgets.VBox([])
        self.errors = widgets.Image(layout=NATURAL)
        self.note = widgets.Image(layout=NATURAL | {"display": "none"})
        self.worst = widgets.Select(description="Worst", rows=8, layout={"width": "34rem"})
        controls = [
            self.corpus, self.recording, self.condition, self.method, self.tolerance, self.colour,
        ]  # fmt: skip
        row = widgets.HBox(controls, layout={"flex_flow": "row wrap"})
        super().__init__([row, self.told, self.place, self.worst, self.note, self.errors])
        _soon(self._begin)  # the browser loads what it needs meanwhile

    @property
    def piece(self) -> Piece:
        """The recording that is shown, with what is known of it."""
        if self._piece is None:
            self._load_corpus()
        assert self._piece is not None
        return self._piece

    def _begin(self) -> None:
        if self._piece is None:  # the next cell may have asked for it already
            self._try(self._load_corpus)
        for control, act in {
            self.corpus: self._load_corpus, self.recording: self._load_piece,
            self.condition: self._choose_methods, self.method: self._draw,
            self.tolerance: self._draw, self.colour: self._draw,
        }.items():  # fmt: skip
            control.observe(lambda _, act=act: self._try(act), "value")
        self.worst.observe(lambda change: self._try(self._select, change["new"]), "value")

    def _try(self, act, *given) -> None:
        try:
            act(*given)
        except PianoAlignError as error:
            self.told.value = str(error)

    def _load_corpus(self) -> None:
        _options(self.recording, recordings(self.corpus.value, self._root))
        self._load_piece()

    def _load_piece(self) -> None:
        if self.recording.value is None:
            return
        self._piece = load_piece(self.corpus.value, self.recording.value, self._root)
        self.player = None
        _options(self.condition, self.piece.conditions(), "note100")
        self._choose_methods()

    def _choose_methods(self) -> None:
        if self.condition.value is None:
            return
        methods = self.piece.methods(self.condition.value)
        _options(self.method, [(method_label(name), name) for name in methods], "localizer")
        self._draw()

    def _draw(self) -> None:
        if self.method.value is None or self.condition.value not in self.piece.conditions():
            return
        notes = self.piece.notes(self.method.value, self.condition.value)
        if notes.empty:
            return
        shown = shown_notes(notes, self.tolerance.value, self.colour.value)
        if self.player is None:
            self.player = PlayerWidget(self.piece.recording, self.piece.spectra, shown, KINDS)
            self.player.observe(lambda change: self._try(self._tell, change["new"]), "selected")
            self.place.children = (self.player,)
        self.player.show(shown)
        within = 1000 * notes["error_s"].abs() <= self.tolerance.value
        self.told.value = (
            f"{len(notes):,} notes, {100 * np.mean(within & notes['placed']):.1f} % within "
            f"{self.tolerance.value} ms, {int((~notes['placed']).sum()):,} not placed"
        )
        by_error = shown.loc[shown["error_s"].abs().sort_values(ascending=False).index]
        self.worst.options = [("–", -1), *zip(by_error["text"], by_error.index, strict=True)][
            :N_WORST
        ]
        _soon(lambda: self._draw_errors(notes))

    def _draw_errors(self, notes: pd.DataFrame) -> None:
        from .pictures import figure_errors, png  # needs Matplotlib, whose import takes a second

        self.errors.value = png(figure_errors(notes, self.tolerance.value))

    def _select(self, row: int | None) -> None:
        if row is not None and row >= 0 and self.player is not None:
            self.player.selected = int(row)

    def _tell(self, row: int) -> None:
        from .pictures import figure_note, png

        notes = self.piece.notes(self.method.value, self.condition.value)
        if 0 <= row < len(notes):
            picture = figure_note(self.piece, self.condition.value, int(notes["note_id"][row]))
            self.note.value, self.note.layout.display = png(picture), ""

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        return with_picture(bundle, self.errors.value) if self.errors.value else bundle


def shown_notes(notes: pd.DataFrame, tolerance_ms: float, colour: str) -> pd.DataFrame:
    """Return notes as a player shows them."""
    error_ms = 1000 * notes["error_s"]
    status = np.where(notes["confidence"] < 0.5, UNCERTAIN, ALIGNED).astype(object)
    if colour == "error":
        kind = np.where(error_ms < 0, EARLY, LATE).astype(object)
        kind[error_ms.abs() <= tolerance_ms] = WITHIN
    else:
        kind = status + " (status)"
    kind[~notes["placed"]], status[~notes["placed"]] = NOT_HEARD, NOT_HEARD
    text = [_text(*each) for each in zip(notes.itertuples(), status, strict=True)]
    return notes.assign(kind=kind, text=text, check=kind != WITHIN)


def _text(note, status: str) -> str:
    sure = "" if pd.isna(note.confidence) else f", confidence {note.confidence:.2f}"
    where = f"{key_name(note.pitch)} at {clock(note.onset_true_s, 3)}"
    return f"{where}: off by {1000 * note.error_s:+.1f} ms, {status}{sure}"


def _soon(act: Callable[[], None]) -> None:
    """Act after what is shown now; at once where no Jupyter server runs the notebook.

    Without a server nobody waits, and the picture is part of the notebook that is written.
    """
    if "JPY_SESSION_NAME" in os.environ:
        asyncio.get_running_loop().call_soon(act)
    else:
        act()


def _choice(name: str, options: list, value: Any = None) -> widgets.Dropdown:
    return widgets.Dropdown(options=options, value=value, description=name, layout=NARROW)


def _options(control: widgets.Dropdown, options: list, preferred: str | None = None) -> None:
    """Replace the options; the value stays if it is among them."""
    values = [each[1] if isinstance(each, tuple) else each for each in options]
    wanted = [value for value in (control.value, preferred) if value in values]
    control.options = options
    control.value = wanted[0] if wanted else values[0]
