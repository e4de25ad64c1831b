"""The zoo ``tfmg``: ``catalogue`` imports no framework, the other modules run in the worker."""

from zoodiff.zoos.tfmg.catalogue import ZOO

__all__ = ["ZOO"]
