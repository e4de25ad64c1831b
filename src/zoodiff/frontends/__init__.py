"""Converts a framework's graph to a canonical graph; one folder per framework.

Runs inside workers.

May import ``graph`` and the leaves. Frameworks are imported inside functions only.
"""
