"""Does it carry over to other instruments? The paper's first open question (table 10).

``playable``: a pianist's notes reduced to what an instrument can play. ``voices``: sampled
guitars, harps, harpsichords and bowed strings from package registries, and when they sound.
``render``: the corpus ``strings`` of both. ``measure``: every method on it, and on the few real
recordings that could be had (:mod:`pianoalign_lib.corpora.annotated`). ``table``: what came out.
``names``: how all of it is called.
"""
