"""Preprocessing as a declarative specification.

``spec`` declares it, ``geometry`` computes sizes and crops, ``numbers`` the arithmetic; each
``with_*`` module decodes and resizes with one library. May import ``graph``, ``stats`` and the
leaves.
"""
