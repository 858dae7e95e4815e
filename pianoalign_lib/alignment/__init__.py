"""The public wing: ``align()``, its result, the picture, the page and the command.

A recording and a MIDI file enter; an :class:`~.result.Alignment` leaves, which writes MIDI, CSV and
HTML. May import ``common``, ``io``, ``localizer`` and ``player`` only, so that the light
installation is enough; the widgets of a notebook (workbench, opening) need ipywidgets as well.
"""
