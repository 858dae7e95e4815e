"""Scores against performances, and what people do to tempo and structure: where does it break?"""
