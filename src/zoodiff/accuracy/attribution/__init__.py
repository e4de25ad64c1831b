"""Decomposes a difference in accuracy into preprocessing, weights, and the network itself.

``session`` runs the entries for an explanation, ``preprocessing`` and ``network`` compute its
parts, ``inference`` infers the preprocessing with which an entry was trained. May import
``accuracy`` and everything below.
"""
