"""The zoo ``paddle``: ``catalogue`` imports no framework, ``backend`` runs in the worker."""

from zoodiff.zoos.paddle.catalogue import ZOO

__all__ = ["ZOO"]
