"""Norms, and layers that behave at inference as in training."""
