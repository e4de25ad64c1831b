"""Small random networks, each with one change that somebody could make in a port.

The program ``benchmarks/planted_kinds.py`` asks zoodiff about them. Nothing here knows of zoodiff.
"""
