"""The canonical operators that counting and cost know, and the attributes they must carry.

``Conv``          attributes ``kernel_shape``, ``strides``, ``dilations``, ``group``, ``pads``
                  (explicit, ONNX order ``[top, left, bottom, right]``), ``out_channels``.
``ConvTranspose`` as ``Conv``.
``Gemm``          a linear layer; ``in_features``, ``out_features``.
``MatMul``        a product of two computed tensors (attention); ``m``, ``k``, ``n``, ``batch``.
``BatchNormalization``, ``LayerNormalization``, ``GroupNormalization``,
``InstanceNormalization``, ``LRN``  normalisation; ``epsilon`` where there is one.

``sound.py`` refuses descriptions that lack them.
"""

from __future__ import annotations

CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
LINEAR = frozenset({"Gemm"})
PRODUCTS = frozenset({"MatMul"})
NORMALISATIONS = frozenset(
    {
        "BatchNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "InstanceNormalization",
        "LRN",
    }
)
POOLINGS = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"})
