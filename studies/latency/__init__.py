"""How long after its label a note of MAPS sounds, and what that makes of scores (6b to 6e)."""
