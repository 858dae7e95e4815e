"""Sound and MIDI, in and out: one reader of sound, one of MIDI, one type for where notes are put.

Files or arrays enter; samples, note tables and MIDI bytes leave. May import ``common`` only.
"""
