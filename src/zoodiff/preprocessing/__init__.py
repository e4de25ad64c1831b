"""Preprocessing as a declarative specification.

May import ``graph``, ``stats`` and the leaves. Implementations of the specification come with
the accuracy work.
"""
