"""The zoo ``pytorchcv``: ``catalogue`` imports no framework, ``backend`` runs in the worker.

``claims`` has the errors that the package publishes.
"""

from zoodiff.zoos.pytorchcv.catalogue import ZOO

__all__ = ["ZOO"]
