"""The zoo ``timm``: ``catalogue`` knows no framework, ``backend`` runs in the worker."""

from zoodiff.zoos.timm.catalogue import ZOO

__all__ = ["ZOO"]
