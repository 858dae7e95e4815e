"""Quiet, pedalled and repetitive playing, to train and to choose the aligner that is released.

Human performances (Saarland Music Data, and some of ASAP) and made studies, brought down to a soft
touch and rendered on sampled pianos into the common form: ``data/quiet/train``, and in
``data/quiet/eval`` a validation part of pieces and a piano that no training hears. Only those who
train need it, so it is not part of the installed package: ``python -m training.quiet fetch``,
``render``, ``score``.
"""
