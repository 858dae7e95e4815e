"""An alignment as one HTML page: summary, player, picture, notes to check. No network."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from ..common import __version__
from ..common.figure_style import style
from ..common.html_page import Card, ShownPicture, ShownTable, embedded, page
from ..common.labels import clock, key_name
from ..io.placement import NOT_HEARD, UNCERTAIN, count_statuses
from ..player.player import page_script, stylesheet

PICTURE_DPI = 130
MOST_ROWS = 500  # of the list of notes to check
MEANING = {
    "aligned": "heard, and placed where it is heard",
    "uncertain": "perhaps heard; placed where the notes around it suggest",
    "not heard": "probably not played; kept, and placed where the notes around it suggest",
    "outside": "no piano note (drums, or beyond the 88 keys); moved with the others",
}


def alignment_page(
    notes: pd.DataFrame,
    figure: Figure,
    player: Markup,
    summary: str,
    *,
    audio: str,
    midi: str,
    method: str,
    duration_s: float,
) -> str:
    """Return the page of an :class:`~.result.Alignment`, whose parts are given one by one."""
    provenance = [
        f"recording: {audio} ({clock(duration_s)})",
        f"MIDI file: {midi}",
        f"method: {method}",
    ]
    sections = {
        "Summary": [Card("status", _summary(notes, provenance))],
        "Listen": [Card("listen", player)],
        "Before and after": [Card("picture", _picture(figure))],
        "Notes to check": [Card("check", _to_check(notes, provenance))],
    }
    title = f"{Path(midi).name} aligned to {Path(audio).name}"
    told = [f"pianoalign {__version__}, method {method}", "player: wavesurfer.js, BSD licence"]
    return page(
        title, [f"{summary}."], sections, told, stylesheet=stylesheet(), script=page_script()
    )


def _summary(notes: pd.DataFrame, provenance: list[str]) -> ShownTable:
    rows = []
    for status, count in count_statuses(notes["status"]).items():
        moved_ms = 1000 * notes.loc[notes["status"] == status, "shift_s"]
        spread = [f"{moved_ms.quantile(q):+,.0f}" if count else "–" for q in (0.05, 0.5, 0.95)]
        share = f"{100 * count / len(notes):.1f}"
        rows.append([status, f"{count:,}", share, *spread, MEANING[status]])
    return ShownTable(
        caption=f"{len(notes):,} notes of the MIDI file: what became of them",
        groups=["", "", "", *["Moved by (ms)"] * 3, ""],
        headers=["Status", "Notes", "%", "5 %", "median", "95 %", "Meaning"],
        numeric=[False, True, True, True, True, True, False],
        rows=rows,
        notes=["Positive: later in the recording than in the MIDI file."],
        provenance=provenance,
    )


def _picture(figure: Figure) -> ShownPicture:
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=PICTURE_DPI, metadata={"Software": None})
    return ShownPicture(
        source=embedded(buffer.getvalue(), "image/png"),
        alt="How far each note moved; notes over the spectrogram, before and after",
        title="Top:",
        caption="how far each note moved, over the whole recording. Below: an excerpt. Dark is "
        "loud; a note is a bar that begins with a strong line, which should stand where the sound "
        "begins.",
    )


def _to_check(notes: pd.DataFrame, provenance: list[str]) -> ShownTable | str:
    doubtful = notes[notes["status"].isin([UNCERTAIN, NOT_HEARD])].sort_values("onset_s")
    if doubtful.empty:
        return "None: every piano note was heard."
    remarks = [
        "Confidence: the chance that the onset is within 10 ms of the sound; of a note that was "
        "not heard, the chance that it was not played."
    ]
    if len(doubtful) > MOST_ROWS:
        remarks.append(f"The first {MOST_ROWS} of {len(doubtful):,}; the table of notes has all.")
    return ShownTable(
        caption=f"{len(doubtful):,} notes to check: uncertain, or not heard, in their order",
        headers=["Time", "Key", "Status", "Confidence (%)", "Moved by (ms)", "Velocity", "note_id"],
        numeric=[True, False, False, True, True, True, True],
        rows=[_check_row(note) for _, note in doubtful.head(MOST_ROWS).iterrows()],
        notes=remarks,
        provenance=provenance,
    )


def _check_row(note: pd.Series) -> list[str]:
    sure = "–" if pd.isna(note["confidence"]) else f"{100 * note['confidence']:.0f}"
    return [
        clock(note["onset_s"], 3),
        key_name(int(note["pitch"])),
        str(note["status"]),
        sure,
        f"{1000 * note['shift_s']:+,.0f}",
        str(note["velocity"]),
        str(note["note_id"]),
    ]
