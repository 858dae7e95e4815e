"""Thousands of damaged and odd pairs thrown at ``pianoalign align``: what becomes of them.

``python -m studies mutations --count 10000`` writes ``results/robustness``.
"""
