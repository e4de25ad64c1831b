"""Passes over weights: their order of axes, their parts, and what is computed from them alone."""
