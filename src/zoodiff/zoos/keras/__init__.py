"""The zoo ``keras``: ``catalogue`` knows no framework, ``backend`` runs in the worker."""

from zoodiff.zoos.keras.catalogue import ZOO

__all__ = ["ZOO"]
