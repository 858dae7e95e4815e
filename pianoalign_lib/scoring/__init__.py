"""From stored predictions to numbers: metrics and their intervals.

Prediction files enter; ``metrics.csv`` and its summary leave. May import ``common`` and ``io``: it
knows no method and no network.
"""
