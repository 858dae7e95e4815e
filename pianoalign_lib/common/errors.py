"""Errors a caller can expect: every one is a :class:`PianoAlignError` with a one-line message.

The message names the file (or setting) at fault and the remedy, so that the command line can print
it as it is.
"""


class PianoAlignError(Exception):
    """Base class of all errors raised on purpose by this library."""


class InputError(PianoAlignError):
    """A recording or a MIDI file cannot be used."""


class CorpusError(PianoAlignError):
    """A corpus, or one of its sources, is missing, incomplete or corrupt."""


class ConfigError(PianoAlignError):
    """``params.yaml`` or a command-line choice is unknown or inconsistent."""


class CheckpointError(PianoAlignError):
    """A checkpoint is missing, corrupt or does not fit the network asked for."""
