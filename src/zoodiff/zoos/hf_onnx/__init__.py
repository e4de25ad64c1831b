"""The zoo ``hf-onnx``: repositories with several ONNX variants of one network.

``layout`` finds the variants among the files, ``labels`` reads ``config.json``, ``catalogue`` opens
``hf-onnx:owner/model@revision/variant`` and ``hf-onnx:./folder@variant``. May import
``zoos.stored``, ``zoos.files`` and ``zoos.hf.image_processor``, and no framework.
"""

from zoodiff.zoos.hf_onnx.catalogue import ZOO, HfOnnxZoo

__all__ = ["ZOO", "HfOnnxZoo"]
