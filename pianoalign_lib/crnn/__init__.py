"""The paper's network: features, training, checkpoints, inference, from posterior to onsets.

Recordings of a corpus enter; checkpoints and onset posteriors leave. May import ``common``, ``io``
and ``corpora``. The only room that needs torch.
"""
