"""Corpora: each one ends as a folder of recordings with true note tables and an index.

Downloads, SoundFonts and other people's folders enter; ``data/<corpus>/<part>`` leaves, and the
timing errors that loosen its notes. May import ``common`` and ``io``.
"""
