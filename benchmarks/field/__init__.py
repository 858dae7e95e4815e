"""Other tools that place notes or transcribe, behind one interface, and how they compare."""
