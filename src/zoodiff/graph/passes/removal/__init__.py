"""Passes that remove nodes: nodes without effect, and duplicate computations."""
