"""Rules about architectures, ARC101 to ARC195: each file holds one rule or a close family.

A rule here has a check, an example with its negative twin, and references. Its module defines it
as a constant of type ``Rule``; that is all that the catalogue needs.
"""
