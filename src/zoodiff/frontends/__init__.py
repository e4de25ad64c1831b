"""Framework graph to canonical graph, one folder per framework; runs inside workers.

May import ``graph`` and the leaves. Frameworks are imported inside functions only.
"""
