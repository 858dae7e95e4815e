"""Align piano MIDI to recordings, note by note: a reproducible companion to arXiv 2506.22237.

Data flows one way. Where to look:

===============  ==================================================================================
corpus           ``corpora`` (recordings, rooms, conversion; demo, maps, maestro), ``perturb``
                 (timing errors), ``notes``, ``audio``
features         ``features``, ``datasets`` (training excerpts)
model            ``models``, ``training``, ``training_runs``, ``validation``, ``checkpoints``,
                 ``release``, ``inference``
alignment        ``aligner`` (the function ``align``), ``alignment`` (its result),
                 ``alignment_plot``, ``alignment_page``, ``align_command``; ``recording_input``;
                 a MIDI file with all its messages: ``midi_events``, ``midi_parsing``,
                 ``midi_files``, ``midi_writing``, ``retiming``
onsets           ``decoding`` (posterior → onsets → notes), ``dtw``, ``methods`` (every way to place
                 notes), ``predict``
metrics          ``prediction_frames``, ``metrics``, ``bootstrap``, ``comparison``, ``scores``,
                 ``evaluation``
tables           ``tables``, ``corpus_tables``, ``table_*``, ``labels``, ``latex``, ``provenance``;
                 ``claims``, ``verdicts``, ``evidence``
figures          ``figures``, ``figure_files``, ``architecture_figure``, ``plots``, ``plot_data``,
                 ``dot_plots``, ``corpus_plots``
studies          ``sensitivity`` and ``sensitivity_*`` (other readings of the paper); ``latency``,
                 ``latency_*``, ``label_limit``, ``label_limit_tables`` (from label to sound)
notebooks        ``notebooks``, ``notebook_output``; what they tell: ``corpus_card``,
                 ``training_summary``, ``roll_example``, ``story``; ``report``,
                 ``report_contents``, ``report_page``
everywhere       ``config``, ``errors``, ``files``, ``progress``, ``cli``
===============  ==================================================================================
"""

from typing import TYPE_CHECKING, Any

from .errors import PianoAlignError

if TYPE_CHECKING:
    from .aligner import align as align
    from .alignment import Alignment as Alignment

__version__ = "0.1.0"
__all__ = ["Alignment", "PianoAlignError", "__version__", "align"]


def __getattr__(name: str) -> Any:
    """Import what ``align`` needs on its first use: the package alone imports in no time."""
    if name == "align":
        from .aligner import align

        return align
    if name == "Alignment":
        from .alignment import Alignment

        return Alignment
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
