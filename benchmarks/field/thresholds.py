"""``python -m benchmarks.field.thresholds``: basic-pitch's thresholds for a known score.

A note too much does no harm where only notes of the score are looked for, a note too few does. The
thresholds are chosen on the validation recordings of all corpora that are here: by the share of
their notes within 10 ms, the median error of each corpus taken off. It prints one row for each.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.common.progress import progress

from . import basic_pitch, cqt_dtw
from .conditions import field_notes
from .excerpts import field_excerpts, load_excerpt
from .table import MAIN, VALIDATION

ONSET, FRAME, SHORTEST_MS = (0.1, 0.2, 0.3, 0.5), (0.1, 0.2, 0.3), (30.0, 58.0, 127.7)
THRESHOLDS = tuple(basic_pitch.ADVISED)
TOLERANCE_S = 0.010


def errors_s(corpus: str) -> pd.DataFrame:
    """Return the error of each validation note of a corpus by the thresholds; NaN: not heard."""
    paths, params = corpus_paths(corpus), load_params(corpus=corpus)
    excerpts = [each for each in field_excerpts(paths) if each.test_set == VALIDATION]
    parts = []
    for excerpt in progress(excerpts, total=len(excerpts), label=f"thresholds {corpus}"):
        audio, notes = load_excerpt(paths, excerpt)
        output = basic_pitch.answer(audio)
        loose = field_notes(notes, MAIN, excerpt.recording, params)
        warped_s = cqt_dtw.prepare(audio)(loose).onset_s
        for onset, frame, shortest_ms in product(ONSET, FRAME, SHORTEST_MS):
            key = dict(
                onset_threshold=onset, frame_threshold=frame, minimum_note_length=shortest_ms
            )
            found = basic_pitch.place_on(basic_pitch.notes_of(output, key))(
                loose.assign(onset_s=warped_s)
            )
            error_s = np.where(found.heard, found.onset_s - loose["onset_true_s"], np.nan)
            parts.append(pd.DataFrame(key | {"corpus": corpus, "error_s": error_s}))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Print the share of notes within 10 ms by the thresholds, the best first."""
    here = [name for name in ("demo", "maps") if corpus_paths(name).split("eval").is_dir()]
    errors = pd.concat([errors_s(name) for name in here], ignore_index=True)
    names = [*THRESHOLDS, "corpus"]
    middle = errors.groupby(names)["error_s"].transform("median")
    errors["within"] = (errors["error_s"] - middle).abs() <= TOLERANCE_S
    shares = 100 * errors.groupby(names)["within"].mean().unstack("corpus")
    shares["mean"] = shares.mean(axis=1)
    print(shares.sort_values("mean", ascending=False).round(1).to_string())


if __name__ == "__main__":
    main()
