"""An alignment's player: each note coloured by its status, and told in words when it is chosen."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from ..common.labels import STATUS_COLOURS, clock, key_name
from ..io.placement import NOT_HEARD, OUTSIDE, UNCERTAIN
from ..io.recording import Recording
from ..localizer.spectra import Spectra
from ..player.player import player_html

KINDS = {name: colour for name, colour in STATUS_COLOURS.items() if name != OUTSIDE}


def alignment_player(
    notes: pd.DataFrame, recording: Recording, spectra: Spectra, *, editable: bool = False
) -> Markup:
    """Return the player of an :class:`~.result.Alignment`, whose parts are given one by one.

    Its rows are those of `notes`; drums and notes beyond the 88 keys are left out.
    """
    return player_html(recording, spectra, shown_notes(notes), KINDS, editable=editable)


def shown_notes(notes: pd.DataFrame) -> pd.DataFrame:
    """Return the piano notes as a player shows them: by status, with a text, and what to check."""
    piano = notes[notes["status"] != OUTSIDE]
    return piano.assign(
        kind=piano["status"],
        text=[note_text(note) for note in piano.itertuples()],
        check=piano["status"].isin([UNCERTAIN, NOT_HEARD]),
    )


def note_text(note) -> str:
    """Return in words what is known of a row of `notes`, given as a named tuple."""
    sure = "" if pd.isna(note.confidence) else f", confidence {100 * note.confidence:.0f} %"
    return (
        f"{key_name(int(note.pitch))} at {clock(note.onset_s, 3)}: {note.status}{sure}, moved by "
        f"{1000 * note.shift_s:+,.0f} ms, velocity {note.velocity}"
    )
