"""The zoo ``hf-onnx``: repositories with several ONNX variants of one network.

``layout`` finds the variants among the files, ``processor`` reads ``preprocessor_config.json``,
``labels`` reads ``config.json``, ``catalogue`` opens ``hf-onnx:owner/model@revision/variant`` and
``hf-onnx:./folder@variant``. May import ``zoos.stored`` and ``zoos.files``, and no framework.
"""

from zoodiff.zoos.hf_onnx.catalogue import ZOO, HfOnnxZoo

__all__ = ["ZOO", "HfOnnxZoo"]
