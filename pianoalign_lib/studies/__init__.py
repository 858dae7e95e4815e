"""Questions that the paper did not ask; each folder answers one, and nothing below imports it.

``sensitivity``: how results move under other readings of the paper. ``latency``: how long after
its label a note sounds, and what accuracy such labels allow. Recordings and predictions enter;
tables and figures leave. May import every room but ``report`` and the two wings, ``alignment`` and
``localizer_training``.
"""
