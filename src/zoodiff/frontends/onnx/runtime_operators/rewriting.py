"""What takes the place of one node: new nodes, and what they may know of the graph around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoodiff.frontends.onnx.protobuf import GraphProto, NodeProto


@dataclass(frozen=True)
class Around:
    """What a rewriting may know of the graph around its node."""

    opset: int
    dims: Mapping[str, tuple[int, ...]]
    """Extents of stored tensors by name."""
    kinds: Mapping[str, str]
    """Types of stored tensors by name, in ONNX's words, in lower case."""
    ranks: Mapping[str, int]
    dynamic: frozenset[str]
    """Integers of dynamic quantisations."""
    sums: frozenset[str]
    """Sums over one axis of a matrix, such as the numbers of tokens that a mask lets through."""


class Rewriting:
    """The nodes that take the place of one node."""

    def __init__(self, node: NodeProto, around: Around) -> None:
        from onnx import helper

        self.node = node
        self.opset = around.opset
        self.attributes: dict[str, Any] = {
            a.name: helper.get_attribute_value(a) for a in node.attribute
        }
        self.nodes: list[NodeProto] = []
        self.without_effect: set[str] = set()
        """Inputs that the outputs in use do not depend on."""
        self._around = around
        self._label = node.name or next(iter(node.output), node.op_type)

    def given(self, position: int) -> str:
        """Return the name of an input; empty if the node does not have it."""
        return self.node.input[position] if position < len(self.node.input) else ""

    def output(self, position: int) -> str:
        """Return the name of an output; empty if the node does not have it."""
        return self.node.output[position] if position < len(self.node.output) else ""

    def dims(self, name: str) -> tuple[int, ...] | None:
        """Return the extents of a stored tensor; None for a computed one."""
        return self._around.dims.get(name)

    def kind(self, name: str) -> str:
        """Return the type of a stored tensor; empty for a computed one."""
        return self._around.kinds.get(name, "")

    def rank(self, name: str) -> int | None:
        """Return the rank of a stored tensor or of an input of the network; None if unknown."""
        return self._around.ranks.get(name)

    def is_sum(self, name: str) -> bool:
        """Whether a tensor has the sums of a matrix over one axis."""
        return name in self._around.sums

    def is_dynamic(self, name: str) -> bool:
        """Whether a tensor has the integers of a dynamic quantisation."""
        return name in self._around.dynamic

    def quantised(self, data: str) -> tuple[str, str, str]:
        """Return integers, scale and zero point of a tensor, quantised dynamically."""
        from onnx import helper

        step = f"{self._label}/DynamicQuantizeLinear_{len(self.nodes)}"
        integers, scale, zero_point = (f"{step}/{part}" for part in ("y", "scale", "zero"))
        outputs = [integers, scale, zero_point]
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [data], outputs, name=step))
        return integers, scale, zero_point

    def text(self, name: str, default: str = "") -> str:
        """Return an attribute that is a text."""
        value = self.attributes.get(name, default)
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    def number(self, name: str, default: float) -> float:
        """Return an attribute that is a number."""
        return float(self.attributes.get(name, default))

    def flag(self, name: str) -> bool:
        """Return whether an attribute is there and not 0."""
        return bool(self.attributes.get(name, 0))

    def is_whole(self) -> bool:
        """Whether the new nodes read every input and compute every output of the node."""
        read = {name for node in self.nodes for name in node.input} | self.without_effect
        computed = {name for node in self.nodes for name in node.output}
        return read.issuperset(filter(None, self.node.input)) and computed.issuperset(
            filter(None, self.node.output)
        )

    def add(self, op: str, *inputs: str, result: str = "", **attributes: Any) -> str:
        """Add a node of ONNX's own domain and return the name of its output.

        ``result`` is the output's name; without one it is made of the label and the place.
        """
        from onnx import helper

        step = f"{self._label}/{op}_{len(self.nodes)}"
        name = result or step
        # The node that computes the first output keeps the label, under which the user knows it.
        label = self._label if result and result == self.output(0) else step
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=label, **attributes))
        return name

    def constant(self, values: Any, dtype: str = "int64") -> str:
        """Add a constant and return its name."""
        import numpy as np
        from onnx import numpy_helper

        tensor = numpy_helper.from_array(np.asarray(values, dtype=dtype))
        return self.add("Constant", value=tensor)

    def scaled(self, data: str, factor: float, result: str = "") -> str:
        """Return a tensor times a number."""
        if factor == 1 and not result:
            return data
        return self.add("Mul", data, self.constant(factor, "float32"), result=result)

    def part(self, data: str, start: int, end: int) -> str:
        """Return a range of the last axis."""
        starts, ends, axes = (self.constant([n]) for n in (start, end, -1))
        return self.add("Slice", data, starts, ends, axes)

    def reshaped(self, data: str, shape: Sequence[int]) -> str:
        """Return a tensor in another shape; 0 keeps an extent and -1 takes what is left."""
        return self.add("Reshape", data, self.constant(shape))

    def sum_of(self, *addends: str, result: str = "") -> str:
        """Return the sum of those addends that there are, added from left to right."""
        present = [name for name in addends if name]
        total = present[0]
        for position, addend in enumerate(present[1:], start=2):
            total = self.add(
                "Add", total, addend, result=result if position == len(present) else ""
            )
        return self.add("Identity", total, result=result) if result and len(present) == 1 else total


Rewriter = Callable[[Rewriting], bool]
"""Adds the nodes for one node; False if the node has a form that is not understood."""


def around_of(graph: GraphProto, opset: int) -> Around:
    """Return what rewritings may know of a graph."""
    from onnx import TensorProto

    dims = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    names = {code: name.lower() for name, code in TensorProto.DataType.items()}
    kinds = {t.name: names.get(t.data_type, "") for t in graph.initializer}
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in graph.input
        if value.type.tensor_type.HasField("shape")
    }
    ranks |= {name: len(extents) for name, extents in dims.items()}
    dynamic, sums = set(), set()
    for node in graph.node:
        flat = any(a.name == "keepdims" and not a.i for a in node.attribute)
        if node.op_type == "ReduceSum" and ranks.get(node.input[0]) == 2 and flat:
            sums.add(node.output[0])
        if node.op_type in _SAME_RANK and node.input and node.input[0] in ranks:
            ranks[node.output[0]] = ranks[node.input[0]]
        if node.op_type == "DynamicQuantizeLinear" and not node.domain:
            dynamic.add(node.output[0])
    return Around(opset, dims, kinds, ranks, frozenset(dynamic), frozenset(sums))


_SAME_RANK = frozenset({"Cast", "Identity", "Not"})
