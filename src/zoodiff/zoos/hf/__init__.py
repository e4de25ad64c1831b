"""The zoo ``hf``: networks of transformers, of the Hugging Face hub, and of folders like its own.

``catalogue`` knows no framework and ``backend`` runs in the worker; ``entries`` makes entries of
repositories and folders, ``config`` and ``image_processor`` read their files.
"""

from zoodiff.zoos.hf.catalogue import ZOO

__all__ = ["ZOO"]
