"""Passes on operators that move elements: reshapes, transpositions, slices, concatenations."""
