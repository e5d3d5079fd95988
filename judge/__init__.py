"""Judges: who finds the first faulty step and says what kind of error it is."""
