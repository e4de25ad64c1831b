"""Collects the ONNX nodes and constants that handlers write."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter.call import Array, Call
from zoodiff.graph.ir import Graph

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Operand = str | Array | np.generic
"""The name of a computed tensor, or a constant."""
Handler = Callable[["Emit", Call], str | list[str]]
"""Writes a node and returns the names of its outputs. ``Call.inputs`` are names of tensors in the
ONNX graph, ``Call.parameters`` are arrays."""

OPSET = 17


_NAME = re.compile(r"#(\d+)\.\d+")


def name_of(index: int, name: str, count: int) -> str:
    """Return the name of the ONNX node with number ``count`` of the canonical node ``index``.

    Names of its outputs begin with the same text.
    """
    return f"{name}#{index}.{count}"


def node_of(name: str) -> int | None:
    """Return the index of the canonical node of an ONNX node or tensor; None for other names.

    Runtimes that merge nodes add text before or after the name of one of them, or of its output.

    >>> node_of("fused layer1.conv1#12.0"), node_of("ReorderInput_3")
    (12, None)
    """
    match = _NAME.search(name)
    return int(match[1]) if match else None


class Emit:
    """An ONNX graph under construction, for one batch size."""

    def __init__(self, graph: Graph, batch: int = 1) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self._graph = graph
        self.batch = batch
        self._source = (-1, "")
        self._written = 0
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names: dict[str, str] = {}
        """The names in the ONNX graph, by canonical tensor."""

    def begin(self, index: int, name: str) -> None:
        """Set the canonical node to which the next ONNX nodes belong."""
        if index != self._source[0]:
            self._written = 0
        self._source = (index, name)

    def op(self, kind: str, *operands: Operand, outputs: int = 1, **attributes: object) -> str:
        """Write one node and return the name of its (first) result."""
        return self.several(kind, *operands, outputs=outputs, **attributes)[0]

    def several(
        self, kind: str, *operands: Operand, outputs: int = 1, **attributes: object
    ) -> list[str]:
        """Write one node and return the names of its results."""
        inputs = [
            operand if isinstance(operand, str) else self.constant(operand) for operand in operands
        ]
        name = name_of(*self._source, self._written)
        self._written += 1
        results = [f"{name}:{number}" for number in range(outputs)]
        self.nodes.append(self._helper.make_node(kind, inputs, results, name, **attributes))
        return results

    def constant(self, values: ArrayLike) -> str:
        """Add a constant, floating-point ones in single precision, and return its name."""
        array = np.asarray(values)
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        name = f"constant{len(self.constants)}"
        self.constants.append(self._numpy.from_array(np.asarray(array, order="C"), name))
        return name

    def shape(self, call: Call, number: int = 0) -> tuple[int, ...]:
        """Return the shape of a node's input at batch size 1, as in the graph."""
        return self._graph.tensors[call.node.inputs[number]].shape

    def rank(self, call: Call, number: int = 0) -> int:
        """Return the number of axes of a node's input."""
        return len(self.shape(call, number))


def wide(vector: Array, axis: int, rank: int) -> Array:
    """Return a vector along one axis, reshaped to broadcast to ``rank`` axes."""
    shape = [1] * rank
    shape[axis] = -1
    return np.asarray(vector).reshape(shape)


def data_of(call: Call) -> Any:
    """Return the name of the first input."""
    return call.inputs[0]


def computed(operand: Operand) -> str:
    """Return an operand that must be a computed tensor; raise MeasurementError for a weight."""
    if not isinstance(operand, str):
        raise MeasurementError("a weight stands where a computed tensor is needed")
    return operand


def ints(values: Sequence[int] | Mapping[Any, int] | Any) -> Array:
    """Return integers as a constant of type int64."""
    return np.asarray(list(values), dtype=np.int64)
