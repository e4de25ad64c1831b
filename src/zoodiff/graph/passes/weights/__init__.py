"""Passes on weights: their order of axes, their parts, and computations on weights alone."""
