"""Ten seconds of a recording, loosened by sliders and aligned anew at each move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from ..common.config import corpus_paths, load_params
from ..common.errors import PianoAlignError
from ..common.labels import method_label
from ..corpora.timing_errors import Condition, generator, perturb
from ..io.audio import SAMPLE_RATE
from ..io.placement import NOT_HEARD
from ..io.recording import open_recording
from ..localizer.spectra import compute_spectra
from ..player.widget import PlayerWidget, with_picture
from .explorer import KINDS, NATURAL, shown_notes
from .pictures import figure_errors, png
from .pieces import EXAMPLE, load_piece

SECONDS = 10.0
LEAD_S = 0.2  # of the excerpt before its first note
TOLERANCE_MS = 10
METHODS = ("localizer", "crnn", "none")


class Loosen(widgets.VBox):
    """Sliders for the errors of the MIDI file, and what methods make of it.

    Parameters
    ----------
    corpus, recording
        As the explorer names them; networks of the paper are those of the corpus.
    start_s
        Where the excerpt begins.
    root
        Of the project.
    """

    def __init__(
        self, corpus: str, recording: str, start_s: float = 0.0, root: Path | None = None
    ) -> None:
        paths = corpus_paths("demo" if corpus == EXAMPLE else corpus, root)
        piece = load_piece(corpus, recording, root)
        first, last = (int(s * SAMPLE_RATE) for s in (start_s, start_s + SECONDS))
        audio = piece.recording.samples()[first:last]
        inside = piece.truth["onset_s"].between(start_s + LEAD_S, start_s + SECONDS - LEAD_S)
        notes = piece.truth[inside].reset_index(drop=True)
        self._true = notes.assign(
            note_id=np.arange(len(notes)),
            onset_s=notes["onset_s"] - start_s,
            offset_s=(notes["offset_s"] - start_s).clip(upper=SECONDS),
        )
        self._methods = _prepared(audio, paths)
        self.note_ms = _slider("±ms per note", 50, 0, 200, 5)
        self.tempo = _slider("tempo, %", 0, -20, 20, 1)
        self.drift = _slider("drift, %", 0, 0, 20, 1)
        self.offset = _slider("offset, s", 0.0, -1.0, 1.0, 0.05)
        names = [(method_label(name), name) for name in self._methods]
        self.method = widgets.ToggleButtons(options=names, description="Heard")
        self.told = widgets.HTML()
        self.errors = widgets.Image(layout=NATURAL)
        self._place()
        given = open_recording(audio, SAMPLE_RATE)
        self.player = PlayerWidget(given, compute_spectra(audio, SAMPLE_RATE), self._shown(), KINDS)
        self._draw()
        sliders = (self.note_ms, self.tempo, self.drift, self.offset)
        for slider in sliders:
            slider.observe(lambda _: self._moved(), "value")
        self.method.observe(lambda _: self._draw(), "value")
        row = widgets.HBox(sliders, layout={"flex_flow": "row wrap"})
        super().__init__([row, self.method, self.told, self.player, self.errors])

    def _moved(self) -> None:
        self._place()
        self._draw()

    def _place(self) -> None:
        """Loosen the notes, and let every method place them."""
        condition = Condition(
            "sliders",
            tempo_percent=self.tempo.value,
            drift_percent=self.drift.value,
            offset_s=self.offset.value,
            note_ms=self.note_ms.value,
        )
        loose = perturb(self._true, condition, generator(0, "sliders"))
        self._loose = loose
        self._placed = {name: place(loose) for name, place in self._methods.items()}

    def _shown(self):
        """Return the notes of the method that is heard, as the explorer shows them."""
        placed = self._placed[self.method.value]
        notes = self._loose.assign(
            onset_true_s=self._true["onset_s"],
            onset_in_s=self._loose["onset_s"],
            onset_s=placed.onset_s,
            offset_s=placed.ends_s(self._loose),
            confidence=placed.confidence,
            placed=placed.status != NOT_HEARD,
            error_s=placed.onset_s - self._true["onset_s"],
        )
        return shown_notes(notes, TOLERANCE_MS, "error")

    def _draw(self) -> None:
        shares = []
        for name, placed in self._placed.items():
            error_s = np.abs(placed.onset_s - self._true["onset_s"].to_numpy())
            within = np.mean((error_s <= TOLERANCE_MS / 1000) & placed.heard)
            shares.append(f"{method_label(name)} {100 * within:.0f} %")
        self.told.value = f"{len(self._true)} notes, within {TOLERANCE_MS} ms: {', '.join(shares)}"
        shown = self._shown()
        self.player.show(shown)
        self.errors.value = png(figure_errors(shown, TOLERANCE_MS))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return with_picture(super()._repr_mimebundle_(**options), self.errors.value)


def _prepared(audio: np.ndarray, paths) -> dict[str, Any]:
    """Return those of the methods that can run here."""
    from ..methods.placing import prepare  # needs torch

    params, found = load_params(paths.root, paths.corpus), {}
    for name in METHODS:
        try:
            found[name] = prepare(name, audio, paths, params)
        except PianoAlignError:  # no such checkpoint
            continue
    return found


def _slider(name: str, value: float, low: float, high: float, step: float) -> Any:
    kind = widgets.FloatSlider if isinstance(value, float) else widgets.IntSlider
    return kind(
        value=value, min=low, max=high, step=step, description=name, continuous_update=False,
        style={"description_width": "6.5rem"}, layout={"width": "24rem", "max_width": "100%"},
    )  # fmt: skip
