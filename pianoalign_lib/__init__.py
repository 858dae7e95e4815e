"""Align piano MIDI to recordings, note by note: a reproducible companion to arXiv 2506.22237.

Every import points down: the docstring of each room says what enters, what leaves and what it may
import, and ``tests/test_rooms.py`` holds it to that.

=================  =============================================================================
common             settings, errors, files, progress, display names, figure style
io                 sound and MIDI in and out; where notes are put
localizer          the engine of the aligner; no torch
player             recording and notes, heard and seen together in a browser
alignment          ``align()``, its result, picture, page and command
alignment_set      many pairs: side by side, going on after a stop, with a summary
corpora            demo, maps, maestro, asap: recordings with true note tables; timing errors
crnn               the paper's network: features, training, inference, decoding
methods            one door to every way of placing notes; predictions
scoring            metrics and their intervals
explore            widgets over what the pipeline predicted
cli                the program
=================  =============================================================================

Outside stand ``companion`` (tables, figures, notebooks, report), ``studies`` (questions
around the paper), ``training`` (how the localizer's weights are made), ``benchmarks`` (other
tools, speed) and ``tools`` (maintainers' scripts): they use the library, and it knows none of them.
"""

from typing import TYPE_CHECKING, Any

from .common import __version__
from .common.errors import PianoAlignError

if TYPE_CHECKING:
    from .alignment.aligner import align as align
    from .alignment.result import Alignment as Alignment

__all__ = ["Alignment", "PianoAlignError", "__version__", "align"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import what ``align`` needs on its first use: the package alone imports in no time."""
    if name == "align":
        from .alignment.aligner import align

        return align
    if name == "Alignment":
        from .alignment.result import Alignment

        return Alignment
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
