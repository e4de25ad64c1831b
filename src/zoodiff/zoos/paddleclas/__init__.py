"""The zoo ``paddleclas``: ``catalogue`` imports no framework, ``backend`` runs in the worker."""

from zoodiff.zoos.paddleclas.catalogue import ZOO

__all__ = ["ZOO"]
