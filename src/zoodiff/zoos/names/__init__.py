"""What networks are called in each zoo, and which names mean the same network.

``table.csv`` is the hand-checked table, ``table.py`` reads it; ``spelling.py`` brings spellings to
one form by rules, and ``resolver.py`` finds the canonical name of any spelling by both.
"""
