"""The zoo ``kecam``: ``catalogue`` imports no framework, the rest runs in the worker.

``package`` imports keras_cv_attention_models on Keras 3, lists its builders and builds networks
without values; ``weights`` loads its published files; ``backend`` describes and runs networks.
"""

from zoodiff.zoos.kecam.catalogue import ZOO

__all__ = ["ZOO"]
