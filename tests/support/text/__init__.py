"""Hostile texts, what makes commands print them, and what says whether a text is harmless."""
