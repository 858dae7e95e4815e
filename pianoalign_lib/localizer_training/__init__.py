"""How the localizer's weights are made: augmentation, examples, training, release.

Recordings of the corpora enter; an ONNX file with its calibration leaves for
``localizer/weights``. May import ``common``, ``io``, ``localizer`` and ``corpora``; needs torch.
"""
