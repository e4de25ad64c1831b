r"""Rewrite a quantised network to the real numbers that its integers represent.

:math:`q = \mathrm{clamp}(\lfloor x / s \rceil + z)` and :math:`\hat x = s (q - z)` give back
:math:`x` up to rounding, so ``QuantizeLinear`` and ``DequantizeLinear`` are dropped, and layers
with weights that read what was quantised say ``quantized``; that much of a difference stays.
The clamp is part of the function where it cuts at zero: integers that begin at :math:`z` hold
:math:`\max(x, 0)`, and where they end within one step of 6, :math:`\min(\max(x, 0), 6)`. Exporters
leave rectifiers out for that.
"""

from __future__ import annotations

from zoodiff.graph.mutable import MutableGraph, MutableNode

NOTE = "quantisation"
_MARKED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_BOUNDS = {"int8": (-128, 127), "uint8": (0, 255)}


def run(graph: MutableGraph) -> None:
    """Drop the nodes that change between numbers, mark the layers between them."""
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


def _dropped(graph: MutableGraph, node: MutableNode) -> None:
    for user in graph.users.get(node.output, []):
        user.notes.add(NOTE)
    graph.bypass(node)


def _rectified(graph: MutableGraph, node: MutableNode) -> None:
    """Spell out the clamp of a computed value."""
    tensor, scale = graph.tensors[node.output], node.attributes.get("scale")
    bounds = _BOUNDS.get(tensor.dtype)
    if scale is None or bounds is None or not node.inputs or graph.before(node) is None:
        return
    found = rectifier(scale, node.attributes.get("zero_point") or 0, bounds)
    if found is None:
        return
    op, attributes = found
    made = graph.add(
        op,
        f"{node.name}/{op.lower()}",
        node.inputs,
        graph.shape(node.inputs[0]),
        attributes,
        order=node.order - 0.25,
    ).noted(NOTE)
    graph.read(node, [made.output])


def rectifier(
    scale: float, zero_point: float, bounds: tuple[int, int]
) -> tuple[str, dict[str, float]] | None:
    """The rectifier that saturation amounts to, if it does: operator and attributes."""
    low, high = ((bound - zero_point) * scale for bound in bounds)
    if low != 0.0 or scale <= 0:
        return None
    if abs(high - 6.0) <= scale:
        return "Clip", {"min": 0.0, "max": 6.0}
    return "Relu", {}
