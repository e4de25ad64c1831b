"""Preprocessing as a declarative specification.

``spec`` declares it, ``geometry`` and ``numbers`` say what it means, ``with_*`` carry it out by one
library each. May import ``graph``, ``stats`` and the leaves.
"""
