"""The zoo ``keras``: ``catalogue`` imports no framework, ``backend`` runs in the worker."""

from zoodiff.zoos.keras.catalogue import ZOO

__all__ = ["ZOO"]
