"""Does aligned data make better transcription? (The paper's open question 3; maps only.)

A small onset transcriber is trained on the same recordings with labels of several kinds, and tested
on recordings whose labels are true: ``python -m studies.transcription labels | train | predict |
score``. Settings are the topic ``transcription`` of ``params.yaml``.
"""
