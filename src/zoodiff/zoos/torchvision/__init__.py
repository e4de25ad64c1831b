"""The zoo ``torchvision``: ``catalogue`` imports no framework, ``backend`` runs in the worker."""

from zoodiff.zoos.torchvision.catalogue import ZOO

__all__ = ["ZOO"]
