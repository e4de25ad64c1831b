"""Passes over what moves numbers about: reshapes, transpositions, slices, concatenations."""
