r"""Rewrite a quantised network to the real numbers that its integers represent.

:math:`q = \mathrm{clamp}(\lfloor x / s \rceil + z)` and :math:`\hat x = s (q - z)` return
:math:`x` up to rounding, so ``QuantizeLinear`` and ``DequantizeLinear`` are dropped. Layers with
weights that read a quantised tensor get the attribute ``quantized``, so that this difference stays
visible. The clamp is part of the function where it cuts at zero: if the smallest integer is
:math:`z`, it computes :math:`\max(x, 0)`, and if the largest is within one step of 6,
:math:`\min(\max(x, 0), 6)`. Exporters leave out rectifiers that the clamp replaces.
"""

from __future__ import annotations

from dataclasses import replace

from zoodiff.graph.ir import Node
from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes.weights.parameters import reshaped

NOTE = "quantisation"
_MARKED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_SATURATING = frozenset(
    {"Add", "BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul", "Sub"}
)
"""Operators after which exporters leave out a rectifier. After others, integers that begin at zero
only reflect the values seen in calibration."""
BOUNDS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "uint16": (0, 65535),
}


_BOUND = "/bound"


def run(graph: MutableGraph) -> None:
    """Drop the nodes that quantise and dequantise, and mark the layers between them."""
    for node in graph.of(*_MARKED):
        sources = [graph.producer.get(tensor) for tensor in node.inputs]
        if any(source is not None and source.op == "DequantizeLinear" for source in sources):
            node.attributes["quantized"] = True
    for node in graph.nodes.values():
        if "quantized" in node.attributes and node.op not in _MARKED:
            del node.attributes["quantized"]
    for node in graph.of("QuantizeLinear"):
        _rectified(graph, node)
    for node in graph.of("DequantizeLinear", "QuantizeLinear"):
        if node.inputs and node.attributes.get("scale") is not None:
            _dropped(graph, node)
    for node in graph.of("Add"):
        _biased(graph, node)


def _biased(graph: MutableGraph, node: MutableNode) -> None:
    """Merge a vector that is added right after a linear layer into the layer as its bias."""
    before = graph.before(node)
    if before is None or before.op != "Gemm" or not before.attributes.get("quantized"):
        return
    if before.attributes.get("bias") or not before.inputs or len(node.inputs) != 1:
        return
    width = before.attributes["out_features"]
    last = len(graph.shape(node.output)) - 1
    if [p.size for p in node.parameters] != [width] or before.attributes.get("axis") != last:
        return
    if graph.sole_user(before.output) is not node or before.attributes.get("alpha", 1.0) != 1.0:
        return
    if graph.shape(node.output) != graph.shape(before.output):
        return
    bias = replace(reshaped(node.parameters[0], (width,)), role="bias")
    before.parameters = [*before.parameters, bias]
    before.attributes["bias"] = True
    before.notes.add(NOTE)
    graph.bypass(node)


def _dropped(graph: MutableGraph, node: MutableNode) -> None:
    for user in graph.users.get(node.output, []):
        user.notes.add(NOTE)
    graph.bypass(node)


def is_bound(node: Node) -> bool:
    """Whether an activation of a canonical graph stands for the clamp of integers."""
    return NOTE in node.notes and node.name.endswith(_BOUND)


def _rectified(graph: MutableGraph, node: MutableNode) -> None:
    """Add the rectifier that the clamp of a computed tensor amounts to."""
    tensor, scale = graph.tensors[node.output], node.attributes.get("scale")
    bounds = BOUNDS.get(tensor.dtype)
    before = graph.before(node) if node.inputs else None
    if scale is None or bounds is None or before is None or before.op not in _SATURATING:
        return
    clamp = rectifier(scale, node.attributes.get("zero_point") or 0, bounds)
    if clamp is None:
        return
    op, attributes = clamp
    bound = graph.add(
        op,
        f"{node.name}{_BOUND}",
        node.inputs,
        graph.shape(node.inputs[0]),
        attributes,
        order=node.order - 0.25,
    ).noted(NOTE)
    graph.read(node, [bound.output])


def rectifier(
    scale: float, zero_point: float, bounds: tuple[int, int]
) -> tuple[str, dict[str, float]] | None:
    """Return operator and attributes of the rectifier that a clamp amounts to, or None."""
    low, high = ((bound - zero_point) * scale for bound in bounds)
    if low != 0.0 or scale <= 0:
        return None
    if abs(high - 6.0) <= scale:
        return "Clip", {"min": 0.0, "max": 6.0}
    return "Relu", {}
