"""Notebooks executed byte for byte, what they tell in words, and all results on one page.

Notebooks and results enter; executed notebooks and ``report.html`` leave. May import the library
and all of the companion.
"""
