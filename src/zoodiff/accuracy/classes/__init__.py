"""Accuracy by class, and what predictions say about the classes of a network."""
