"""From stored predictions to numbers: metrics, intervals, comparisons.

Prediction files enter; ``metrics.csv`` and comparisons leave. May import ``common`` and ``io``: it
knows no method and no network.
"""
