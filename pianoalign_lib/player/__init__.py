"""The player: a recording and the notes of a MIDI file before and after, heard and seen together.

A recording, its spectra and notes enter; HTML leaves, which needs no network. The sound is
Ogg/Opus inside of it; waveform, loop and playing are wavesurfer.js's (``vendored``, BSD licence,
put there by ``tools/vendor_player.py``). May import ``common``, ``io`` and ``localizer`` only.
"""
