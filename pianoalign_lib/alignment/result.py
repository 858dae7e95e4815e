"""The result of an alignment: every note of the MIDI file, where it was and where it is heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..common.errors import ConfigError
from ..common.files import atomic_path, write_text
from ..io.midi_score import MidiScore
from ..io.midi_writing import retimed_midi
from ..io.placement import ALIGNED, LARGE_S, OUTSIDE, Placement, count_statuses
from ..io.retiming import Warp
from ..localizer.spectra import IN_TUNE
from ..localizer.tuning import A4_HZ
from .anchors import placed_around
from .assembly import moved_notes

LEAST_SURE = 0.5  # share of the notes; with fewer, the two may not belong together

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..io.recording import Recording
    from ..localizer.spectra import Spectra
    from ..player.player import Shown
    from .workbench import Workbench


@dataclass(frozen=True)
class Alignment:
    """All notes of a MIDI file, aligned to a recording.

    Files are written atomically; one that cannot be written is a PianoAlignError.

    Attributes
    ----------
    notes : pd.DataFrame
        One row per note of the file, in the order of their onsets in it. Columns:

        note_id
            The row number: notes are counted by onset, pitch and track of the MIDI file. With
            repeats unfolded, a note has a row, with its id, for each time that it is played.
        pitch, velocity
            As in the file.
        onset_in_s, onset_s, offset_s, shift_s
            Onset in the file; onset and end in the recording; by how much the onset moved. Notes
            from before the recording have negative times.
        confidence
            Calibrated chance that the onset is within 10 ms of the sound (of "not heard": that the
            note was not played); NaN where the method gives none.
        status
            "aligned"; "uncertain": at the likeliest place, to be checked; "not heard": probably not
            played, moved as its neighbours are; "outside": no piano note (drums, or beyond the 88
            keys), moved in the same way.
    audio, midi : str
        What was aligned, by name.
    method : str
        How.
    spectra : Spectra
        Of the recording, for pictures.
    structure : pd.DataFrame
        Which stretches of the file are played, in playing order: midi_begin_s, midi_end_s,
        begin_s, end_s. A stretch left out, or played again, makes a row of its own. Empty if the
        notes are close to the recording as they are, or the method does not look for it.
    """

    notes: pd.DataFrame
    audio: str
    midi: str
    method: str
    spectra: Spectra
    structure: pd.DataFrame
    _recording: Recording
    _score: MidiScore
    _warp: Warp
    _doubts: tuple[str, ...] = ()

    @property
    def sample_rate(self) -> int:
        """Of the recording, in Hz."""
        return self._recording.sample_rate

    @classmethod
    def assembled(
        cls, score: MidiScore, placed: Placement, *, recording: Recording, method: str,
        spectra: Spectra,
    ) -> Alignment:  # fmt: skip
        """Return the alignment of a file of which a method has placed the piano notes."""
        notes, warp = moved_notes(score, placed)
        columns = ["midi_begin_s", "midi_end_s", "begin_s", "end_s"]
        structure = pd.DataFrame(list(placed.structure), columns=columns, dtype=float)
        return cls(
            notes, recording.name, score.name, method, spectra, structure,
            recording, score, warp, placed.remarks,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<{self.midi} aligned to {self.audio} by {self.method}; {self.summary()}>"

    def counts(self) -> dict[str, int]:
        """Return the number of notes of each status, of those that occur or are expected to."""
        return count_statuses(self.notes["status"])

    @property
    def sure_share(self) -> float:
        """Share of the notes looked for that are aligned; NaN if there are none."""
        status = self.notes.loc[self.notes["status"] != OUTSIDE, "status"]
        return float((status == ALIGNED).mean())

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return self.spectra.duration_s

    @property
    def tuning(self) -> float:
        """Frequency in Hz at which the recording plays the MIDI file's A4; 440 if not clear."""
        return A4_HZ * 2.0 ** (self.spectra.tuning / 12.0)

    @property
    def transposition(self) -> int:
        """By how many semitones the recording is above the MIDI file, to the nearest."""
        return round(self.spectra.tuning)

    def tuning_text(self) -> str:
        """Return in a line how far the recording's pitch is away; empty if it is about the same."""
        if abs(self.spectra.tuning) <= IN_TUNE:
            return ""
        away = f"{self.spectra.tuning:+.2f} semitones from {A4_HZ:.0f} Hz"
        return f"tuning: A4 of the MIDI file sounds at {self.tuning:.1f} Hz, {away}"

    def summary(self) -> str:
        """Return one line: how many notes of each status, and how far the aligned ones moved."""
        counts = ", ".join(f"{count:,} {status}" for status, count in self.counts().items())
        text = f"{len(self.notes):,} notes: {counts}"
        moved = self.notes.loc[self.notes["status"] == ALIGNED, "shift_s"]
        if moved.empty:
            return text
        low_s, middle_s, high_s = moved.quantile([0.05, 0.5, 0.95])
        in_s = max(abs(low_s), abs(high_s)) > LARGE_S
        low, middle, high = (
            f"{each:+.2f}" if in_s else f"{1000 * each:+.0f}" for each in (low_s, middle_s, high_s)
        )
        unit = "s" if in_s else "ms"
        return f"{text}; median shift {middle} {unit} (90 % within {low} to {high} {unit})"

    def structure_text(self) -> str:
        """Return in a line which stretches are played; empty if there is one, or none is told."""
        if len(self.structure) < 2:
            return ""
        parts = [
            f"{row.midi_begin_s:.1f}–{row.midi_end_s:.1f} s of the MIDI file at "
            f"{row.begin_s:.1f}–{row.end_s:.1f} s"
            for row in self.structure.itertuples()
        ]
        return f"played in {len(parts)} stretches: {', then '.join(parts)}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was put right on reading the MIDI file, and what the written one does not hold."""
        n_early = int((self.notes["onset_s"] < 0).sum())
        left_out = f"{n_early:,} notes are before the recording: the aligned file leaves them out"
        told = (*self._score.events.remarks, *self._doubts, *[left_out] * (n_early > 0))
        return tuple(f"{self.midi}: {remark}" for remark in told)

    def midi_bytes(self, *, keep_beats: bool = False) -> bytes:
        """Return the MIDI file with its notes where they are heard, but for those before it begins.

        Tracks, programs, velocities and all other messages stay. With `keep_beats` the tempo map
        follows the performance, so that bars and beats stay true; else the tempo is 120.
        """
        onset_s, offset_s = (self.notes[name].to_numpy() for name in ("onset_s", "offset_s"))
        return retimed_midi(self._score, onset_s, offset_s, self._warp, keep_beats=keep_beats)

    def to_midi(self, path: str | Path, *, keep_beats: bool = False) -> None:
        """Write `midi_bytes`."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(self.midi_bytes(keep_beats=keep_beats))

    def csv_text(self) -> str:
        """Return `notes` as CSV, times to the microsecond."""
        return self.notes.to_csv(index=False, float_format="%.6f", lineterminator="\n")

    def to_csv(self, path: str | Path) -> None:
        """Write `csv_text`."""
        write_text(path, self.csv_text())

    def to_notes(self, path: str | Path) -> None:
        """Write a table of notes in the form of the suffix: .csv, .tsv, .jams, .svl or .txt."""
        from .formats import render

        write_text(path, render(self, path))

    def plot(self, start_s: float | None = None, seconds: float = 4.0) -> Figure:
        """Draw how far the notes moved, and the notes before and after over the recording.

        Parameters
        ----------
        start_s
            Where the excerpt begins; by default where there is much to see.
        seconds
            Its length.
        """
        from .picture import draw_alignment

        return draw_alignment(self.notes, self.spectra, self.midi, start_s, seconds)

    def anchored(self, anchors: Mapping[int, float]) -> Alignment:
        """Return the file aligned again, with some notes (by row) at known onsets in seconds.

        See :func:`.anchors.placed_around`; a ConfigError if it is another method's alignment.
        """
        if self.method != "localizer":
            raise ConfigError(f"method '{self.method}' knows no anchors; align with the localizer")
        placed = placed_around(self._score, self.notes["onset_s"].to_numpy(), self.spectra, anchors)
        return Alignment.assembled(
            self._score, placed, recording=self._recording, method=self.method, spectra=self.spectra
        )

    def explore(self) -> Workbench:
        """Return, for a notebook, a player in which notes can be checked, corrected and saved."""
        try:
            from .workbench import Workbench
        except ImportError as error:
            raise ConfigError(
                "explore() needs widgets: pip install ipywidgets anywidget, and start Jupyter again"
            ) from error
        return Workbench(self)

    def report_html(self) -> str:
        """Return one HTML page, with all in it: summary, player, picture, notes to check.

        Of a recording, the first five minutes are in it.
        """
        from .page import alignment_page

        told = [self.summary(), self.tuning_text(), self.structure_text(), *self.remarks]
        return alignment_page(
            self.notes, self.plot(), self.listen().player, ". ".join(filter(None, told)),
            audio=self.audio, midi=self.midi, method=self.method, duration_s=self.duration_s,
        )  # fmt: skip

    def listen(self) -> Shown:
        """Return, for a notebook, a player: recording left, notes before and after right.

        Of a recording, the first five minutes are in it.
        """
        from ..player.player import Shown
        from .listening import alignment_player

        return Shown(alignment_player(self.notes, self._recording, self.spectra))

    def write_report(self, path: str | Path) -> None:
        """Write `report_html`."""
        write_text(path, self.report_html())
