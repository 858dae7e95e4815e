"""How the results move under other readings of the paper (table 5c)."""
