"""Corpora: each one ends as a folder of recordings with true note tables and an index."""
