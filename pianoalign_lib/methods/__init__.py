"""One door to every way of placing notes, ours and the paper's, and their predictions on a corpus.

Recordings and loose notes enter; placements, stored as one Parquet file a method, leave. May import
all rooms below: ``common``, ``io``, ``localizer``, ``corpora``, ``crnn``.
"""
