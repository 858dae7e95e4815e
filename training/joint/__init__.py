"""The CRNN and the localizer trained on the piano and on other instruments, for table 10.

``python -m training.joint crnn``: the demo corpus's network on ``demo`` and ``strings``, to
``checkpoints/joint``. ``python -m training.joint localizer``: the released localizer trained
further on ``strings`` and on piano recordings that it knows (not those of ``asap``), shipped in
the package as ``localizer_joint``. Topic ``joint`` of ``params.yaml`` has what differs. The parts
``train`` must have been rendered.
"""
