"""Properties of a graph that passes require and ensure.

A pass ``requires`` properties that earlier passes ensured, and ``ensures`` others. Tests check both
around every pass of every network. In use, a graph that came out malformed is rewritten once more
with a check after each pass, so that the error names the pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.operators import OPERATORS

_ORDERS = {"Conv": "OIHW", "ConvTranspose": "IOHW", "Gemm": "OI"}


@dataclass(frozen=True)
class Property:
    """A property that every node of a graph should have."""

    says: str
    broken: Callable[[MutableGraph, MutableNode], bool]
    """Whether a node violates the property."""

    def breaks(self, graph: MutableGraph) -> str | None:
        """Return the first node that violates the property, in words; None if none does."""
        for node in graph.nodes.values():
            if self.broken(graph, node):
                return f"{node.op} {node.name!r:.40} breaks: {self.says}"
        return None


def malformed(graph: MutableGraph) -> str | None:
    """Return the error in the nodes or edges of a graph, in words, or None.

    Every node must satisfy the schema of its operator, and read tensors that an input or a node
    produces.
    """
    produced = {*graph.inputs, *graph.producer}
    for node in graph.nodes.values():
        schema = OPERATORS.get(node.op)
        problem = schema.problem(node.attributes, len(node.inputs)) if schema else None
        if problem is None and not produced.issuperset(node.inputs):
            problem = "reads a tensor that no node computes"
        if problem:
            return f"{node.op} {node.name!r:.40} {problem}"
    loose = next((tensor for tensor in graph.outputs if tensor not in produced), None)
    return None if loose is None else f"no node computes the output {loose!r:.40}"


def _known(shape: Iterable[int]) -> bool:
    extents = tuple(shape)
    return bool(extents) and -1 not in extents


def _out_of_order(graph: MutableGraph, node: MutableNode) -> bool:
    target = _ORDERS.get(node.op)
    if target is None:
        return False
    weights = (p for p in node.parameters if p.role == "weight" and p.layout != target)
    return any(
        len(p.layout) == len(p.shape) and set(p.layout) <= {*target, "M", "1"}
        for p in weights
        if p.layout
    )


def _by_number(graph: MutableGraph, node: MutableNode) -> bool:
    value = node.attributes.get("value")
    if node.op not in {"Sub", "Div"} or value is None or node.parameters or len(node.inputs) != 1:
        return False
    zero = node.op == "Div" and 0.0 in (value if isinstance(value, list) else [value])
    return not zero and not node.attributes.get("constant_first")


def _unnamed_slice(graph: MutableGraph, node: MutableNode) -> bool:
    if node.op != "Slice" or node.parameters or not node.inputs:
        return False
    axes, steps = node.attributes["axes"], node.attributes.get("steps")
    tidy = steps is not None and axes == sorted(set(axes))
    return _known(graph.shape(node.inputs[0])) and not tidy


def _unsplit(graph: MutableGraph, node: MutableNode) -> bool:
    sizes = node.attributes.get("split")
    matches_outputs = isinstance(sizes, list) and len(sizes) == len(node.outputs)
    return node.op == "Split" and matches_outputs and len(node.inputs) == 1


def _special_reshape(graph: MutableGraph, node: MutableNode) -> bool:
    special = node.op in {"Flatten", "Squeeze", "Unsqueeze"}
    plain = len(node.inputs) == 1 and not node.parameters
    return special and plain and _known(graph.shape(node.output))


def _stored(graph: MutableGraph, node: MutableNode) -> bool:
    between = node.op in {"QuantizeLinear", "DequantizeLinear"} and bool(node.inputs)
    return between and node.attributes.get("scale") is not None


def _reads_channels_last(graph: MutableGraph, node: MutableNode) -> bool:
    inputs = (graph.tensors[name] for name in node.inputs if name in graph.inputs)
    return any(tensor.channels_last for tensor in inputs)


WEIGHTS_IN_ORDER = Property("weights have one order of axes", _out_of_order)
LINEAR_AXES = Property(
    "linear layers say their axis",
    lambda graph, node: node.op == "Gemm" and bool(node.inputs) and "axis" not in node.attributes,
)
NO_STORED_INTEGERS = Property("integers are the numbers that they stand for", _stored)
SUMS_AND_PRODUCTS = Property("differences and quotients with numbers are sums", _by_number)
NO_NEGATIONS = Property("negations are products", lambda graph, node: node.op == "Neg")
SLICES_IN_ORDER = Property("slices name axes in order, with steps", _unnamed_slice)
NO_SPLITS = Property("splits are slices", _unsplit)
ONE_RESHAPE = Property("what only changes the shape is a Reshape", _special_reshape)
CHANNELS_FIRST = Property("images enter channels first", _reads_channels_last)
TRUE_FLAGS = Property(
    "products name transposed factors only",
    lambda graph, node: (
        node.op == "MatMul"
        and "equation" not in node.attributes
        and len(node.inputs) == 2
        and not node.parameters
        and False in (node.attributes.get("transA"), node.attributes.get("transB"))
    ),
)
