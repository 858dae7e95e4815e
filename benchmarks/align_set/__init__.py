"""A data set through ``pianoalign align-set``: speed, memory, one end however often it is killed.

    python -m benchmarks.align_set make set/ --pairs 1000      # from demo and, where it is, MAPS
    python -m benchmarks.align_set run set/ --out whole/ --workers 2
    python -m benchmarks.align_set run set/ --out killed/ --workers 2 --kills 10
    python -m benchmarks.align_set report set/ whole/ killed/  # to results/robustness

Pairs are excerpts of test recordings: loose, cut, transposed, detuned, at other tempos; one of
twenty is damaged. With kills, scheduler and workers are processes of their own; one of them, or the
command, is killed at random moments and started again. With ``make --hours 3`` the first pair is of
that length.
"""
