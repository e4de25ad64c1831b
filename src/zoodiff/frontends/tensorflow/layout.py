"""Finds the four-dimensional tensors of a TensorFlow graph that are image-like, and their layout.

A tensor of rank 4 may be an image ``(batch, height, width, channels)`` or, as in attention, have
axes of another meaning. Operations that slide windows work on images in a stated layout;
elementwise operations have all their tensors in one layout, so it spreads in both directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.frontends.tensorflow.protocols import TfOperation, TfTensor

_SPATIAL = frozenset(
    {
        "AvgPool",
        "Conv2D",
        "DepthToSpace",
        "DepthwiseConv2dNative",
        "FusedBatchNorm",
        "FusedBatchNormV2",
        "FusedBatchNormV3",
        "LRN",
        "MaxPool",
        "ResizeBicubic",
        "ResizeBilinear",
        "ResizeNearestNeighbor",
        "SpaceToDepth",
    }
)
_MIXING = frozenset(
    {
        "BatchMatMul",
        "BatchMatMulV2",
        "BatchMatMulV3",
        "Einsum",
        "ExpandDims",
        "Pack",
        "Reshape",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unpack",
    }
)
"""Operations that may change the meaning of an axis."""


class Layouts:
    """Groups of tensors that share one layout."""

    def __init__(self, operations: Sequence[TfOperation], inputs: Iterable[TfTensor]) -> None:
        self._parents: dict[str, str] = {}
        self._last: set[str] = set()
        self._first: set[str] = set()
        for operation in operations:
            if operation.type not in _MIXING:
                tensors = _four_dimensional([*operation.inputs, *operation.outputs])
                # A convolution's second operand is its kernel, not an image.
                images = [t for t in tensors if not _kernel(operation, t)]
                for tensor in images[1:]:
                    self._join(images[0].name, tensor.name)
        for tensor in _four_dimensional(inputs):
            self._last.add(self._root(tensor.name))
        for operation in operations:
            if operation.type in _SPATIAL and not _training(operation):
                first = _data_format(operation) == "NCHW"
                for tensor in _four_dimensional([operation.inputs[0], operation.outputs[0]]):
                    (self._first if first else self._last).add(self._root(tensor.name))

    def channels_last(self, tensor: TfTensor) -> bool:
        """Whether a tensor is image-like with channels last."""
        root = self._root(tensor.name)
        return tensor.shape.rank == 4 and root in self._last and root not in self._first

    def _root(self, name: str) -> str:
        path = []
        while (parent := self._parents.get(name, name)) != name:
            path.append(name)
            name = parent
        for passed in path:
            self._parents[passed] = name
        return name

    def _join(self, left: str, right: str) -> None:
        self._parents[self._root(left)] = self._root(right)


def _four_dimensional(tensors: Iterable[TfTensor]) -> list[TfTensor]:
    return [t for t in tensors if t.shape.rank == 4 and t.dtype.is_floating]


def _kernel(operation: TfOperation, tensor: TfTensor) -> bool:
    return (
        operation.type in {"Conv2D", "DepthwiseConv2dNative"}
        and tensor.name == operation.inputs[1].name
    )


def _data_format(operation: TfOperation) -> str:
    data_format = operation.node_def.attr["data_format"].s
    return data_format.decode() if data_format else "NHWC"


def _training(operation: TfOperation) -> bool:
    """Whether a batch normalisation computes its statistics, as in Keras's layer normalisation."""
    return operation.type.startswith("FusedBatchNorm") and bool(operation.get_attr("is_training"))
