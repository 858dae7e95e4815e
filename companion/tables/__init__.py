"""From numbers to the tables that a reader sees, in files with their provenance.

``metrics.csv`` and the like enter; files in ``results/<corpus>/tables`` leave. May import
of the library ``common``, ``io``, ``corpora`` and ``scoring``.
"""
