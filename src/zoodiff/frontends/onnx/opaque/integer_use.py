"""Says which integers of an ONNX file are meant as such, and which stand for real numbers.

Integers stand for real numbers between a node that quantises and those that dequantise or compute
on quantised data. Where they leave the network, or are read by an operator that does not know of
scales, their own values count, and those of all integers from which they are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from zoodiff.frontends.onnx.opaque.guards import OF_INTEGERS, QUANTISING, STANDING
from zoodiff.frontends.onnx.protobuf import NodeProto

_BEGIN = OF_INTEGERS | {"DynamicQuantizeLinear", "QuantizeLinear"}
_SCALES = {"DynamicQuantizeLinear": (1, 2)}
"""Outputs that are scales and zero points, not data."""
_DATA = {"ConvInteger": (0,), "MatMulInteger": (0,), "QLinearConv": (0,), "QLinearMatMul": (0, 3)}
"""The positions of the quantised data of operators on integers, if not the first alone."""
_NARROW = frozenset({"int8", "int16", "uint8", "uint16", "int4", "uint4", "int32"})


class IntegerUse:
    """How each integer tensor of a graph is used; ``kind`` returns the type of a tensor.

    ``constants`` are the names of stored tensors: an operator on quantised data reads its weight
    beside the weight's scale.
    """

    def __init__(
        self,
        nodes: Iterable[NodeProto],
        ends: Collection[str],
        constants: Collection[str],
        kind: Callable[[str], str],
    ) -> None:
        self._kind, self._constants = kind, frozenset(constants)
        ordered = list(nodes)
        self._standing: set[str] = set()
        for node in ordered:
            self._follow(node)
        self._shown: set[str] = {name for name in ends if name in self._standing}
        for node in ordered:
            if node.op_type in _SCALES and any(name in ends for name in node.output[1:]):
                self._shown.add(node.output[0])
            if not _knows_scales(node):
                self._shown.update(name for name in node.input if name in self._standing)
        for node in reversed(ordered):
            if not self._shown.isdisjoint(node.output):
                self._shown.update(name for name in node.input if name in self._standing)
        changed = True
        while changed:  # what is computed from integers that are meant as such is, too
            before = len(self._shown)
            for node in ordered:
                self._spread(node)
            changed = len(self._shown) > before

    def exact(self, node: NodeProto) -> bool:
        """Whether the integers that a node reads and computes are meant as such."""
        if node.domain:
            return False
        if node.op_type in _BEGIN - {"ConvInteger", "MatMulInteger"} | {"DynamicQuantizeLinear"}:
            if not self._shown.isdisjoint(node.output):
                return True
            if node.op_type in {"DynamicQuantizeLinear", "QuantizeLinear"}:
                return False
        data = [name for name in _data(node) if name not in self._weights(node)]
        return not data or not all(
            name in self._standing and name not in self._shown for name in data
        )

    def _weights(self, node: NodeProto) -> frozenset[str]:
        """Return the stored tensors that a node reads with their scales."""
        return self._constants if node.op_type in OF_INTEGERS else frozenset()

    def _follow(self, node: NodeProto) -> None:
        """Note the outputs of a node that stand for real numbers."""
        if node.domain:
            if node.op_type.startswith("QLinear") or node.op_type in {"QGemm", "QuantizeLinear"}:
                self._standing.update(name for name in node.output if name)
            return
        if node.op_type in {"DynamicQuantizeLinear", "QuantizeLinear"}:
            self._standing.add(node.output[0])
        elif node.op_type in STANDING - {"DequantizeLinear"} and self._whole(node.output[0]):
            data = [name for name in _data(node) if name not in self._weights(node)]
            if data and all(name in self._standing for name in data):
                self._standing.update(name for name in node.output if name)

    def _whole(self, name: str) -> bool:
        """Whether a tensor holds integers; not so for a product merged with its scale."""
        return self._kind(name) in _NARROW | {""}

    def _spread(self, node: NodeProto) -> None:
        if node.domain or node.op_type not in STANDING | QUANTISING:
            return
        touched = [n for n in (*_data(node), *node.output) if n in self._standing]
        if node.op_type in {"DequantizeLinear", "QuantizeLinear", "DynamicQuantizeLinear"}:
            return
        if not self._shown.isdisjoint(touched):
            self._shown.update(touched)


def _data(node: NodeProto) -> list[str]:
    """Return the names of the tensors that may be quantised."""
    if node.op_type in {"Concat", "Max", "Min"}:
        return [name for name in node.input if name]
    places = _DATA.get(node.op_type, (0,))
    return [node.input[place] for place in places if place < len(node.input)]


def _knows_scales(node: NodeProto) -> bool:
    """Whether a node computes on integers as on the real numbers that they stand for."""
    if node.domain:
        return True
    return node.op_type in STANDING
