"""Whether a graph that somebody else described is one: checked once, where it comes in.

A description comes from a worker that has opened a stranger's file, so nothing of it is certain.
What counting, passes and the diff rely on everywhere is checked here; what a single pass finds
contradictory, ``canonical`` reports.
"""

from __future__ import annotations

from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.operators import of_family

_CONVOLUTIONS = of_family("convolution")
_WHOLE = (
    "axis", "batch", "end", "group", "in_features", "index", "k", "m", "n", "out_channels",
    "out_features", "start", "step",
)  # fmt: skip
_WHOLES = (
    "axes", "constant_shape", "dilations", "ends", "kernel_shape", "pads", "perm", "shape", "split",
    "starts", "strides",
)  # fmt: skip
_NUMBERS = ("alpha", "beta", "epsilon", "max", "min", "momentum")
_TEXTS = ("approximate", "equation", "mode")
_FLAGS = ("ceil_mode", "center", "count_include_pad", "quantized", "transposed")
_KINDS: dict[str, str] = {
    **dict.fromkeys(_WHOLE, "a whole number"),
    **dict.fromkeys(_WHOLES, "whole numbers"),
    **dict.fromkeys(_NUMBERS, "a number"),
    **dict.fromkeys(_TEXTS, "text"),
    **dict.fromkeys(_FLAGS, "true or false"),
}
"""What an attribute of this name is, of every operator with a name of ONNX's; others are free."""
_WINDOW = ("kernel_shape", "strides", "dilations", "group", "pads", "out_channels")
_REQUIRED: dict[str, tuple[str, ...]] = {
    "Conv": _WINDOW,
    "ConvTranspose": _WINDOW,
    "Gemm": ("in_features", "out_features"),
    "MatMul": ("m", "k", "n", "batch"),
}
"""Attributes without which an operator cannot be counted or compared."""


def check(graph: Graph) -> None:
    """Raise ValueError for a graph with loose ends or with operators that mean nothing."""
    _check_edges(graph)
    for node in graph.nodes:
        _check_attributes(node)
        if node.op in _CONVOLUTIONS:
            _check_window(graph, node)


def _check_edges(graph: Graph) -> None:
    """Tensors are described, and made once, before anybody reads them."""
    made = {tensor.name for tensor in graph.inputs}
    for node in graph.nodes:
        if not made.issuperset(node.inputs):
            raise ValueError(f"{node.name!r:.40} reads what nothing before it makes")
        if not made.isdisjoint(node.outputs) or len(set(node.outputs)) < len(node.outputs):
            raise ValueError(f"{node.name!r:.40} makes what is there already")
        made.update(node.outputs)
    if not made.issuperset(tensor.name for tensor in graph.outputs):
        raise ValueError("an output is made by nothing")
    if not made.issubset(graph.tensors):
        raise ValueError("a tensor has no shape")


def _check_attributes(node: Node) -> None:
    for name in _REQUIRED.get(node.op, ()):
        if node.attributes.get(name) is None:
            raise ValueError(f"{node.op} {node.name!r:.40} has no {name}")
    if "::" in node.op:
        return
    for name, value in node.attributes.items():
        kind = _KINDS.get(name)
        if kind is not None and value is not None and not _is_of_kind(value, kind):
            raise ValueError(f"{name} of {node.name!r:.40} is {value!r:.40} and not {kind}")


def _check_window(graph: Graph, node: Node) -> None:
    sides = [graph.tensors[name].shape for name in (*node.inputs[:1], *node.outputs)]
    window = node.attributes["kernel_shape"]
    assert isinstance(window, list | tuple)
    if len(sides) < 2 or any(len(shape) != 2 + len(window) for shape in sides):
        raise ValueError(f"{node.op} {node.name!r:.40} has other axes than its kernel")


def _is_of_kind(value: object, kind: str) -> bool:
    """Whether a value is of a kind.

    >>> _is_of_kind([1, 2], "whole numbers"), _is_of_kind("k", "whole numbers")
    (True, False)
    """
    if kind == "whole numbers":
        return isinstance(value, list | tuple) and all(_is_whole(one) for one in value)
    if kind == "a number":
        return isinstance(value, int | float)
    if kind == "a whole number":
        return _is_whole(value)
    return isinstance(value, str if kind == "text" else bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
