"""Pairs of networks rebuilt from discrepancies that people reported, each with a known answer.

A module per subject registers its cases; ``truth`` runs both files of a case in a runtime,
``scoring`` holds an answer against what the case says, and ``tools`` asks other programs. Of
zoodiff nothing is imported: it is one of the programs that are asked.
"""
