"""A wrong tempo inside short excerpts, counted from their first onset: who can follow it (C8)?"""
