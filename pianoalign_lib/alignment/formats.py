"""The notes of an alignment as other programs read them: the suffix of a file says the form.

CSV has every note and all that is known of it. The others are labels of a recording: notes of the
88 keys that are in it, as the aligned MIDI file has them, each from its onset until its key is
released.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pandas as pd

from ..common import __version__
from ..common.errors import ConfigError
from ..io.placement import ALIGNED, OUTSIDE

Result = Any  # an Alignment; result.py imports this module


def suffix_of(name: str | Path) -> str:
    """Return the suffix that says the form of a table of notes, from a path or a form's name.

    Raises
    ------
    ConfigError
        If there is no such form.
    """
    suffix = f".{str(name).lower().rpartition('.')[2]}"
    if suffix not in FORMATS:
        known = ", ".join(f"{each} ({what})" for each, (_, what) in FORMATS.items())
        raise ConfigError(f"{name}: unknown form of a table of notes; choose one of {known}")
    return suffix


def render(result: Result, name: str | Path) -> str:
    """Return the notes of an alignment in the form that a path's suffix, or a name, says.

    Raises
    ------
    ConfigError
        If there is no such form, or the package for it is not installed.
    """
    write, _ = FORMATS[suffix_of(name)]
    return write(result)


def _labels(result: Result) -> pd.DataFrame:
    """Return the notes that a recording's labels have, by onset."""
    notes = result.notes
    kept = (notes["onset_s"] >= 0) & (notes["status"] != OUTSIDE)
    return notes[kept].sort_values(["onset_s", "pitch"], kind="stable")


def _csv(result: Result) -> str:
    return result.csv_text()


def _tsv(result: Result) -> str:
    """As the mirror of MAPS, and MAESTRO in the code for Onsets and Frames, have them."""
    columns = ["onset_s", "offset_s", "pitch", "velocity"]
    table = _labels(result)[columns].to_csv(
        sep="\t", index=False, header=False, float_format="%.6f", lineterminator="\n"
    )
    return f"# onset,offset,note,velocity\n{table}"


def _audacity(result: Result) -> str:
    from .page import key_name

    columns = ("onset_s", "offset_s", "pitch", "status")
    return "".join(
        f"{onset_s:.6f}\t{offset_s:.6f}\t{key_name(pitch)}"
        f"{'' if status == ALIGNED else f' ({status})'}\n"
        for onset_s, offset_s, pitch, status in zip(
            *(_labels(result)[name].tolist() for name in columns), strict=True
        )
    )


def _sonic_visualiser(result: Result) -> str:
    """One layer of notes; frames count at the recording's rate, levels are velocities over 127."""
    notes, rate = _labels(result), result.sample_rate
    begin, end = ((notes[name] * rate).round().astype(int) for name in ("onset_s", "offset_s"))
    points = "".join(
        f'      <point frame="{first}" value="{pitch}" duration="{max(last - first, 1)}" '
        f'level="{velocity / 127:.6f}" label="{"" if status == ALIGNED else status}" />\n'
        for first, last, pitch, velocity, status in zip(
            begin, end, notes["pitch"], notes["velocity"], notes["status"], strict=True
        )
    )
    name = quoteattr(f"{Path(result.midi).name}, aligned")
    span = f'start="{begin.min() if len(begin) else 0}" end="{end.max() if len(end) else 0}"'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE sonic-visualiser>
<sv>
  <data>
    <model id="1" name={name} sampleRate="{rate}" {span} type="sparse" dimensions="3" \
resolution="1" notifyOnAdd="true" dataset="0" subtype="note" valueQuantization="0" \
minimum="21" maximum="108" units="MIDI Pitch" />
    <dataset id="0" dimensions="3">
{points}    </dataset>
  </data>
  <display>
    <layer id="2" type="notes" name={name} model="1" verticalScale="0" scaleUnits="MIDI Pitch" />
  </display>
</sv>
"""


def _jams(result: Result) -> str:
    """One annotation ``note_midi``; velocities and statuses, which it has no place for, beside."""
    try:
        import jams
    except ImportError as error:
        raise ConfigError(
            f"JAMS needs the package jams ({error.name} is missing): "
            "pip install 'pianoalign[jams]', or choose .csv"
        ) from error
    notes = _labels(result)
    source = jams.AnnotationMetadata(
        annotation_tools=f"pianoalign {__version__}, method {result.method}", data_source="program"
    )
    found = jams.Annotation("note_midi", time=0, duration=result.duration_s)
    found.annotation_metadata = source
    columns = ["onset_s", "offset_s", "pitch", "confidence"]
    for onset_s, offset_s, pitch, confidence in notes[columns].to_numpy().tolist():
        found.append(
            time=round(onset_s, 6),
            duration=round(offset_s - onset_s, 6),
            value=int(pitch),
            confidence=None if np.isnan(confidence) else round(confidence, 6),
        )
    found.sandbox.update(
        **{name: notes[name].tolist() for name in ("note_id", "velocity", "status")}
    )
    whole = jams.JAMS(annotations=[found])
    whole.file_metadata.title = Path(result.audio).stem
    whole.file_metadata.duration = result.duration_s
    return whole.dumps(indent=1) + "\n"


def _match(result: Result) -> str:
    from .match import match_text

    return match_text(result)


# By suffix: what writes it, and what it is.
FORMATS: dict[str, tuple[Callable[[Result], str], str]] = {
    ".csv": (_csv, "all that is known"),
    ".tsv": (_tsv, "as MAPS's mirror"),
    ".jams": (_jams, "JAMS"),
    ".svl": (_sonic_visualiser, "Sonic Visualiser"),
    ".txt": (_audacity, "Audacity's labels"),
    ".match": (_match, "for printed scores"),
}
