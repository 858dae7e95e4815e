"""Align piano MIDI to recordings, note by note: a reproducible companion to arXiv 2506.22237.

Data flows one way. Where to look:

===============  ==================================================================================
corpus           ``corpora`` (recordings, rooms, conversion; demo, maps, maestro), ``perturb``
                 (timing errors), ``notes``, ``audio``
features         ``features``, ``datasets`` (training excerpts)
model            ``models``, ``training``, ``training_runs``, ``validation``, ``checkpoints``,
                 ``release``, ``inference``
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
                 ``training_summary``, ``roll_example``, ``story``; ``report``, ``report_page``
everywhere       ``config``, ``errors``, ``files``, ``progress``, ``cli``
===============  ==================================================================================
"""

from .errors import PianoAlignError

__version__ = "0.1.0"
__all__ = ["PianoAlignError", "__version__"]
