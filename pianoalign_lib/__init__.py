"""Align piano MIDI to recordings, note by note: a reproducible companion to arXiv 2506.22237."""

from .errors import PianoAlignError

__version__ = "0.1.0"
__all__ = ["PianoAlignError", "__version__"]
