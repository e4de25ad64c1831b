"""The zoo ``onnx``: ``catalogue`` imports no framework, ``backend`` runs in the worker."""

from zoodiff.zoos.onnx.catalogue import ZOO

__all__ = ["ZOO"]
