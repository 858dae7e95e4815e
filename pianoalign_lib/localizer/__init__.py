"""The engine of the aligner: spectra → coarse warp → posterior of each note → joint decoding.

Samples and a note table enter; an onset, a confidence and a status of each note leave. May import
``common`` and ``io``; runs its network by onnxruntime and never imports torch.
"""
