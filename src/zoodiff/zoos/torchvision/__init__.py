"""The zoo ``torchvision``: ``catalogue`` knows no framework, ``backend`` runs in the worker."""

from zoodiff.zoos.torchvision.catalogue import ZOO

__all__ = ["ZOO"]
