"""From numbers to figures, each with the data behind it; every function returns (figure, data).

Metrics, predictions or arrays enter; matplotlib figures leave. May import the library, and
``tables`` and ``reliability`` beside it.
"""
