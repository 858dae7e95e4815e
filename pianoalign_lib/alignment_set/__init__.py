"""A data set in one command: ``pianoalign align-set``.

Pairs of recordings and MIDI files enter; an aligned file, a table of notes and a record of each
leave, and a summary, a manifest and a page over all. May import ``common``, ``io``, ``localizer``
and ``alignment`` only; Dask is imported where it runs.
"""
