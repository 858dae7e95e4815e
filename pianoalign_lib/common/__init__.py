"""What every room uses: settings, errors, files, progress, labels, the style of figures and pages.

Nothing enters but ``params.yaml``; small helpers leave. Imports no other room, and stays light:
``align`` loads it. (``config`` alone needs PyYAML, and ``align`` does not load it.)
"""

__version__ = "0.2.0"
