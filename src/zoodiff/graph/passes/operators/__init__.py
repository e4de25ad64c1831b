"""Passes on operators: one form per operator, and one node for an operator that is written out."""
