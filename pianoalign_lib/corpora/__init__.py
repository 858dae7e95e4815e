"""Corpora: each one ends as a folder of recordings with true note tables and an index.

Downloads, SoundFonts and other people's folders enter; ``data/<corpus>/<part>`` leaves, and the
timing errors that loosen its notes. May import ``common`` and ``io``.

What makes a part takes, whatever the corpus: `paths`, the corpus's folders; `params`, all of
``params.yaml``; `part`, which is ``train``, or ``eval`` for the validation and test splits; `jobs`,
processes side by side; `folder`, where the user has the corpus, by default that of an environment
variable, else what was fetched; `allow_partial`, to go on with the recordings that are whole. A run
that was stopped goes on where it was.
"""
