"""How long after its label a note of MAPS sounds, and what accuracy the labels allow (6b to 6e)."""
