"""The readings of the paper that the study tries: one line each, to be added to.

What the paper does not say, as far as our source goes, can be read in several ways. A reading is
our own procedure (every default of :class:`Reading`) with one thing changed; the few that change
two say so in their label ("both").
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

QUESTIONS = {
    "errors": "How the timing errors are drawn",
    "threshold": "Decision threshold",
    "decoding": "Extracting and matching onsets",
    "dtw": "Features of DTW",
    "lost": "Lost notes",
    "scoring": "What counts as right",
}
TOLERANCES_MS = (5, 10, 25, 50)
ALL = ("none", "dtw", "crnn", "cnn", "hybrid")
NETWORKS = ("crnn", "cnn")
WITH_DTW = ("dtw", "hybrid")
AFTER_NETWORK = ("crnn", "cnn", "hybrid")
PLACING = ("dtw", "crnn", "cnn", "hybrid")


@dataclass(frozen=True)
class Reading:
    """One way to read the paper; every default is what the pipeline does."""

    question: str  # one of QUESTIONS
    key: str  # its name within the question
    label: str  # what to print
    methods: tuple[str, ...]  # those that it can change
    errors: str = "independent"  # a kind of `bench.loosen`
    threshold: float | None = None  # from which on a pitch sounds; None: the checkpoint's
    dip_depth: float = 0.3  # as in `detect_onsets`
    matching: str = "in_order"  # one of `bench.MATCHINGS`
    max_shift_ms: float | None = None  # reach of the matching; None: that of params.yaml
    dtw_rate: int = 50  # this and the next as in `methods.dtw.audio_features`
    dtw_true_clock: bool = True
    dtw_onsets: bool = True  # DLNCO features beside chroma
    lost: str = "kept"  # a lost note is kept at its input onset, wrong, or left_out
    scoring: str = "identity"  # or one of `run.SHARES`

    @property
    def is_ours(self) -> bool:
        """Whether nothing is changed."""
        return replace(self, question="", key="", label="", methods=()) == Reading("", "", "", ())


READINGS = (
    Reading("errors", "independent", "each note its own, uniform", ALL),
    Reading("errors", "again", "drawn once more", ALL, errors="again"),
    Reading("errors", "chord", "one per chord (onsets within 30 ms)", ALL, errors="chord"),
    Reading("errors", "gaussian", "Gaussian, σ half the bound, clipped", ALL, errors="gaussian"),
    Reading("errors", "ordered", "ours, the order of onsets kept", ALL, errors="ordered"),
    Reading("errors", "smooth", "one smooth curve for all notes", ALL, errors="smooth"),
    Reading("errors", "grid", "on a grid of 10 ms", ALL, errors="grid"),
    Reading("errors", "offsets", "offsets have errors of their own", ALL, errors="offsets"),
    Reading("threshold", "validation", "chosen on validation", NETWORKS),
    *(
        Reading("threshold", f"{value:g}", f"{value:g}", NETWORKS, threshold=value)
        for value in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    ),
    Reading("decoding", "in_order", "dips split notes; least shift in order", NETWORKS),
    Reading("decoding", "reach100", "reach of 100 ms", NETWORKS, max_shift_ms=100),
    Reading("decoding", "reach150", "reach of 150 ms", NETWORKS, max_shift_ms=150),
    Reading("decoding", "unlimited", "reach unlimited", NETWORKS, max_shift_ms=math.inf),
    Reading("decoding", "runs", "only the threshold splits notes", NETWORKS, dip_depth=1.0),
    Reading("decoding", "nearest", "each note its nearest onset", NETWORKS, matching="nearest"),
    Reading("decoding", "greedy", "each note in turn the nearest one left", NETWORKS,
            matching="greedy"),
    Reading("decoding", "count", "n-th onset of a pitch to its n-th note", NETWORKS,
            matching="count"),
    Reading("decoding", "literal", "both: n-th to n-th, only the threshold splits", NETWORKS,
            matching="count", dip_depth=1.0),
    Reading("dtw", "rate50", "50 Hz, chroma and DLNCO", WITH_DTW),
    Reading("dtw", "rate25", "25 Hz", WITH_DTW, dtw_rate=25),
    Reading("dtw", "rate100", "100 Hz, by its true hop of 220 samples", WITH_DTW,
            dtw_rate=100),
    Reading("dtw", "rate100_asked", "100 Hz as asked for, chroma drifts by 0.23 %", WITH_DTW,
            dtw_rate=100, dtw_true_clock=False),
    Reading("dtw", "chroma", "50 Hz, chroma only", WITH_DTW, dtw_onsets=False),
    Reading("lost", "kept", "keep their input onset and count", AFTER_NETWORK),
    Reading("lost", "wrong", "count as wrong", AFTER_NETWORK, lost="wrong"),
    Reading("lost", "left_out", "are left out", AFTER_NETWORK, lost="left_out"),
    Reading("scoring", "identity", "the note itself", PLACING),
    Reading("scoring", "rematched", "any unused predicted onset of its pitch", PLACING,
            scoring="rematched"),
    Reading("scoring", "recall", "any extracted onset: recall", AFTER_NETWORK,
            scoring="recall"),
    Reading("scoring", "precision", "any extracted onset: precision", AFTER_NETWORK,
            scoring="precision"),
    Reading("scoring", "f1", "any extracted onset: F1", AFTER_NETWORK, scoring="f1"),
    Reading("scoring", "f1_runs", "both: F1, only the threshold splits", AFTER_NETWORK,
            scoring="f1", dip_depth=1.0),
    Reading("scoring", "jaccard", "any extracted onset: TP / (TP + FP + FN)", AFTER_NETWORK,
            scoring="jaccard"),
    Reading("scoring", "jaccard_runs", "both: TP / (TP + FP + FN), only the threshold splits",
            AFTER_NETWORK, scoring="jaccard", dip_depth=1.0),
)  # fmt: skip
