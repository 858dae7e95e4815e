"""From numbers to figures, each with the data behind it; every function returns (figure, data).

Metrics, predictions or arrays enter; matplotlib figures leave. May import ``common``, ``io``,
``localizer``, ``corpora``, ``scoring`` and ``tables``.
"""
