"""ASAP (Foscarin, McLeod, Rigaux, Jacquemard, Sakai 2020), rendered: recordings to train on only.

197 human performances as MIDI, one for each piece; ``listed.csv`` names the files, and the piece of
a held-out recording for each that is left out. ASAP is CC BY-NC-SA 4.0 and not part of this
repository.
"""
