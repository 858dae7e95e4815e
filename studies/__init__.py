"""Questions around the paper, and those it leaves open, a folder each; the library knows none.

``sensitivity``: how results move under other readings of the paper. ``latency``: how long after
its label a note sounds, and what that makes of scores. ``robustness``: scores beside
performances, and what people do to tempo and structure. ``short_tempo``: a wrong tempo inside
short excerpts. ``claims``: which of the paper's claims the numbers support. ``by_note``: where
methods lose notes. ``choices``: what our source leaves open. ``instruments`` and ``transcription``:
the paper's open questions. ``mutations``: damaged files. Recordings and
predictions enter; tables and figures for the notebooks leave. ``python -m studies --help`` lists
what is measured.
"""
