"""A match file: which notes of a printed score are which of a performance, or are not played."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from ..common.errors import ConfigError
from ..io.placement import NOT_HEARD, OUTSIDE
from ..io.printed_score import PRINTED_SUFFIXES, printed_ids, read_printed


def match_text(result: Any) -> str:
    """Return an alignment of a printed score as a match file (version 1.0.0).

    The performance are the notes that are heard, where they are put. With repeats unfolded, a note
    of the score has an id for each time that it is played.

    Raises
    ------
    ConfigError
        If what was aligned is no printed score.
    InputError
        If the score has changed since.
    """
    path = Path(result.midi)
    if path.suffix.lower() not in PRINTED_SUFFIXES:
        known = ", ".join(PRINTED_SUFFIXES)
        raise ConfigError(f"{path}: a match file needs a printed score ({known}); choose .csv")
    score = read_printed(path)
    import partitura
    from partitura.performance import PerformedPart

    notes = result.notes[result.notes["status"] != OUTSIDE].sort_values("onset_s", kind="stable")
    first = result.notes.drop_duplicates("note_id").rename(columns={"onset_in_s": "file_s"})
    by_id = dict(
        zip(
            first["note_id"],
            printed_ids(score, first[["pitch", "file_s"]].rename(columns={"file_s": "onset_s"})),
            strict=True,
        )
    )
    again = notes["note_id"].duplicated(keep=False).any()
    time = notes.groupby("note_id").cumcount() + 1
    names = [
        f"{by_id[note_id]}-{k}" if again else by_id[note_id]
        for note_id, k in zip(notes["note_id"], time, strict=True)
    ]
    heard = (notes["status"] != NOT_HEARD) & (notes["onset_s"] >= 0)
    alignment, played = [], []
    for number, (name, is_heard, note) in enumerate(
        zip(names, heard, notes.to_dict("records"), strict=True)
    ):
        if not is_heard:
            alignment.append({"label": "deletion", "score_id": name})
            continue
        played.append(_performed(note, f"p{number}"))
        alignment.append({"label": "match", "score_id": name, "performance_id": f"p{number}"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = partitura.save_match(
            alignment, PerformedPart(played, ppq=1000, mpq=1_000_000), score,
            mpq=1_000_000, ppq=1000, score_filename=path.name,
            performance_filename=Path(result.audio).name, assume_unfolded=not again,
        )  # fmt: skip
    return "".join(f"{line.matchline}\n" for line in found.lines)


def _performed(note: dict[Any, Any] | pd.Series, name: str) -> dict[str, Any]:
    return {
        "id": name, "midi_pitch": int(note["pitch"]), "velocity": int(note["velocity"]),
        "note_on": float(note["onset_s"]), "note_off": float(note["offset_s"]),
        "sound_off": float(note["offset_s"]), "track": 0, "channel": 1,
    }  # fmt: skip
