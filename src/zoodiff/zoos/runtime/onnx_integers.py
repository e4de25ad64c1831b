"""Convert weights that an ONNX file stores as integers to real numbers and back.

This works on the plain protobuf, like ``onnx_weights``: the operator that reads a weight gives its
scale and zero point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.frontends.onnx.integers import (
    ONE_BY_ONE,
    StoredOperand,
    operands_of,
    scales_behind,
)
from zoodiff.frontends.onnx.protobuf import GraphProto, NodeProto
from zoodiff.frontends.onnx.runtime_operators.blocked import (
    BlockedQuantisation,
    is_blocked,
    quantisation_of,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOVED = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose"})
"""Operators that may be between a weight and the operator that gives its scale."""
_OF_DEQUANTISATION = (StoredOperand(0, 1, 2, 1),)


@dataclass(frozen=True)
class Stored:
    """The quantisation ``real = scale * (integer - zero_point)``, along ``axis`` if per channel."""

    scale: NDArray[Any]
    zero_point: NDArray[Any]
    axis: int

    def real(self, integers: NDArray[Any]) -> NDArray[np.float32]:
        """Return the real numbers of integers, in single precision."""
        import numpy as np

        scale, zero = self._along(integers.ndim)
        values: NDArray[np.float32] = ((integers.astype(np.float64) - zero) * scale).astype(
            np.float32
        )
        return values

    def integers(self, real: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """Return the nearest integers of a type."""
        import numpy as np

        scale, zero = self._along(real.ndim)
        limits = np.iinfo(dtype)
        steps = np.round(real.astype(np.float64) / np.where(scale == 0, 1, scale)) + zero
        nearest: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(dtype)
        return nearest

    def _along(self, rank: int) -> tuple[NDArray[Any], NDArray[Any]]:
        def turned(values: NDArray[Any]) -> NDArray[Any]:
            shape = [1] * rank
            if values.size > 1:
                shape[self.axis] = -1
            return values.astype("float64").reshape(shape)

        return turned(self.scale), turned(self.zero_point)


Quantisation = Stored | BlockedQuantisation


def stored_weights(
    graph: GraphProto, ranks: Mapping[str, int], read: Callable[[str], NDArray[Any] | None]
) -> dict[str, Quantisation]:
    """Return the quantisation of each integer weight of a graph, by name.

    ``ranks`` has the rank of every initialiser and constant; ``read`` returns the values of one, or
    None for a tensor that is computed.
    """
    by_name: dict[str, Quantisation] = {}
    origin = {name: name for name in ranks}
    behind = {output: chain.scale for output, chain in scales_behind(graph).items()}
    for node in graph.node:
        if node.op_type in _MOVED and node.input and node.input[0] in origin:
            origin[node.output[0]] = origin[node.input[0]]
        if is_blocked(node):
            blocked = _in_blocks(node, read)
            by_name |= {} if blocked is None else {node.input[0]: blocked}
            continue
        of_scale = node.op_type == "DequantizeLinear"
        operands = _OF_DEQUANTISATION if of_scale else operands_of(node.op_type, len(node.input))
        for operand in operands:
            name = origin.get(_input_at(list(node.input), operand.at))
            if name is not None and name not in by_name:
                further = behind.get(node.output[0], "")
                padded = [*node.input, *[""] * (4 - len(node.input)), further]
                inputs = padded if node.op_type in ONE_BY_ONE else list(node.input)
                stored = _stored(node, inputs, operand, ranks[name], read)
                if stored is not None:
                    by_name[name] = stored
    return by_name


def _in_blocks(
    node: NodeProto, read: Callable[[str], NDArray[Any] | None]
) -> BlockedQuantisation | None:
    tensors = [read(name) for name in node.input if name]
    if any(tensor is None for tensor in tensors):
        return None
    stored, scales, *zero = [tensor for tensor in tensors if tensor is not None]
    return quantisation_of(node, stored, scales, zero[0] if zero else None)


def _input_at(inputs: Sequence[str], place: int | None) -> str:
    return "" if place is None or place >= len(inputs) else inputs[place]


def _stored(
    node: NodeProto,
    inputs: Sequence[str],
    operand: StoredOperand,
    rank: int,
    read: Callable[[str], NDArray[Any] | None],
) -> Stored | None:
    import numpy as np

    scale: NDArray[Any] = np.ones(())
    zero: NDArray[Any] = np.zeros(())
    for place in (operand.scale, operand.factor):
        name = _input_at(inputs, place)
        if place is None or (not name and node.op_type in ONE_BY_ONE):
            continue
        values = read(name)
        if values is None:
            return None  # known only when the network runs
        scale = scale * values.astype(np.float64).reshape(-1)
    if name := _input_at(inputs, operand.zero_point):
        zero_points = read(name)
        if zero_points is None:
            return None
        zero = zero_points.reshape(-1)
    settings = {a.name: a.i for a in node.attribute}
    if settings.get("block_size"):
        return None
    axis = operand.axis
    if node.op_type == "DequantizeLinear":
        axis = settings.get("axis", 1)
    elif axis == "columns":
        axis = 0 if settings.get("transB") else 1
    if scale.size > 1 and not -rank <= axis < rank:
        return None
    return Stored(scale, zero, axis)
