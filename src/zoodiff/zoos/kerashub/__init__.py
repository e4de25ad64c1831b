"""The zoo ``kerashub``: ``catalogue`` imports no framework, the rest runs in the worker.

``backend`` describes and runs presets, ``networks`` builds them from their configurations.
"""

from zoodiff.zoos.kerashub.catalogue import ZOO

__all__ = ["ZOO"]
