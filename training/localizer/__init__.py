"""How the localizer's weights are made: augmentation, examples, training, release.

Recordings of the corpora enter; an ONNX file with its calibration leaves for
``pianoalign_lib/localizer/weights``. Needs torch.
"""
